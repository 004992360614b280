// Groups to pick from: each choice is saved at once, and what is being typed is never swapped away.
(() => {
  "use strict";
  document.documentElement.classList.add("js"); // the button that saves is for those without scripts
  const refresh = document.getElementById("refresh");
  const form = () => document.getElementById("choose");
  let waiting = false;
  let focused = "";

  const typing = () => {
    const field = document.activeElement;
    return Boolean(field && field.name === "label" && field.value !== field.defaultValue);
  };

  document.addEventListener("htmx:before:request", (event) => {
    const { sourceElement, request } = event.detail.ctx;
    if (sourceElement === refresh && (typing() || (form() && form().classList.contains("htmx-request")))) {
      event.preventDefault();
      waiting = true;
      return;
    }
    // A choice that waited for the one before it was put together before its answer came.
    const stamp = form() && form().elements.namedItem("stamp");
    if (sourceElement === form() && stamp && request.body && request.body.set) request.body.set("stamp", stamp.value);
  });

  // A row that is ticked or moved takes the focus with it.
  document.addEventListener("focusin", (event) => { focused = event.target.closest("#choose") ? event.target.id : ""; });
  document.addEventListener("htmx:after:swap", () => {
    const field = focused && document.getElementById(focused);
    // A button that became disabled keeps the focus for a moment, then nobody has it.
    if (!field || (document.activeElement !== document.body && !field.disabled)) return;
    const other = field.disabled ? field.parentElement.querySelector("button:not([disabled])") : field;
    if (other) other.focus({ preventScroll: true });
  });

  const again = () => {
    if (!waiting || typing()) return;
    waiting = false;
    refresh.dispatchEvent(new CustomEvent("again"));
  };
  document.addEventListener("focusout", () => setTimeout(again, 300));
  document.addEventListener("htmx:after:request", () => setTimeout(again, 300));
})();
