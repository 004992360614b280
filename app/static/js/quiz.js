// The teacher's keys: space or enter shows the answers, N asks the next question, H covers the answers again.
(() => {
  "use strict";
  const keys = { " ": "reveal", Enter: "reveal", n: "next", N: "next", h: "hide", H: "hide" };
  const typing = "input, textarea, select, [contenteditable]";
  const pressing = "button, a, summary";

  document.addEventListener("keydown", (event) => {
    const what = keys[event.key];
    if (!what || event.repeat || event.altKey || event.ctrlKey || event.metaKey) return;
    const target = event.target;
    if (target.closest && (target.closest(typing) || (what === "reveal" && target.closest(pressing)))) return;
    const form = document.querySelector('#quiz-state form[data-key="' + what + '"]');
    if (!form || form.classList.contains("htmx-request")) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector("button"));
  });

  // Options belong to a choice only.
  const free = document.getElementById("quiz-free");
  if (free) {
    const kind = free.elements.kind, options = free.querySelector('[data-for="choice"]');
    const fit = () => { options.hidden = kind.value !== "choice"; };
    kind.addEventListener("change", fit);
    fit();
  }
})();
