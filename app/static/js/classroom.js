// One key hides everything on all screens, and shows it again: H presses the button that says so.
(() => {
  "use strict";
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "h" || event.repeat || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target.closest && event.target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]")) return;
    const form = document.getElementById("cover");
    // While an answer is on its way the button says what was: a second press would undo nothing.
    if (!form || form.classList.contains("htmx-request")) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector("button"));
  });
})();
