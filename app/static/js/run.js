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
})();
