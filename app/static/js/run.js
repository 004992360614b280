// The matrix by keyboard: arrows move from cell to cell, Home and End along a row. The links themselves are not tab
// stops (a class has a thousand of them); the row's name and the matrix are.
(() => {
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

  function focusable(cell) {
    return cell ? cell.querySelector("a") : null;
  }

  function next(cell, [down, right]) {
    let row = cell.parentElement, place = cell.cellIndex;
    while (row) {
      place += right;
      if (down) row = down > 0 ? row.nextElementSibling : row.previousElementSibling;
      if (!row || place < 0 || place >= row.cells.length) return null;
      const found = focusable(row.cells[place]);
      if (found) return found;
    }
    return null;
  }

  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const region = event.target.closest?.(".matrix");
    if (!region) return;
    const cell = event.target.closest("td, th");
    let found = null;
    if (!cell && event.key === "ArrowDown" && region.scrollHeight <= region.clientHeight) found = region.querySelector("tbody a");
    else if (cell && steps[event.key]) found = next(cell, steps[event.key]);
    else if (cell && event.key === "Home") found = focusable(cell.parentElement.cells[0]);
    else if (cell && event.key === "End") found = [...cell.parentElement.querySelectorAll("a")].pop();
    if (!found) return;
    event.preventDefault();
    found.focus();
  });

  // The document's title begins with how the grading stands, as the heading says it: a tab in the background shows it.
  const stands = () => document.querySelector("#run-state h1")?.textContent ?? "";
  let titled = stands();
  document.addEventListener("htmx:after:swap", () => {
    const now = stands();
    if (!now || now === titled || !document.title.startsWith(titled)) return;
    document.title = now + document.title.slice(titled.length);
    titled = now;
  });

  // A button that was pressed may go with what it did: the focus then stays with what the grading can do next.
  let pressed = false;
  document.addEventListener("focusin", (event) => { pressed = Boolean(event.target.closest?.("#run-state form, #run-start")); });
  document.addEventListener("htmx:after:swap", () => {
    if (pressed && document.activeElement === document.body) document.querySelector("#run-state button, #run-start summary")?.focus();
  });
})();
