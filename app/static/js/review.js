/* Review by keyboard: letters act on the question in focus, numbers pick its criteria. Words not yet saved survive swaps. */
(() => {
  "use strict";
  const desk = document.getElementById("desk");
  const keys = document.getElementById("keys");
  if (!desk || !keys) return;
  let current = null; // id of the question in focus
  let criterion = 1;

  const questions = () => [...desk.querySelectorAll(".question")];
  const question = () => document.getElementById(current) || questions()[0];
  const form = () => question()?.querySelector("form.criteria");
  const row = (number) => question()?.querySelectorAll(".criterion")[number - 1];
  const dirty = (field) => field.value !== field.defaultValue;
  const fields = (root) => [...root.querySelectorAll("textarea, input.exact")];

  const press = (button) => {
    // While an answer is on its way the page shows an old version: a second press would conflict with the first.
    if (button && !button.form.classList.contains("htmx-request")) button.form.requestSubmit(button);
  };

  const go = (step) => {
    const all = questions();
    const at = all.indexOf(question());
    const next = all[Math.max(0, Math.min(all.length - 1, current === null ? 0 : at + step))];
    if (!next) return;
    mark(next.id);
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "start" });
  };

  const mark = (id) => {
    if (id !== current) criterion = 1;
    current = id;
    for (const each of questions()) each.classList.toggle("current", each.id === id);
    for (const link of desk.querySelectorAll(".places a")) {
      if (link.hash === `#${id}`) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };

  const pick = (number) => {
    const found = row(number);
    if (!found) return;
    criterion = number;
    (found.querySelector(".give.red, .give.pencil") || found.querySelector(".give")).focus();
  };

  const nudge = (step) => {
    const found = row(criterion);
    const field = found?.querySelector("input.exact");
    if (!field || form().classList.contains("htmx-request")) return;
    const shown = field.value || found.querySelector(".give.pencil")?.textContent || "0";
    const most = Number(found.querySelector(".give:last-of-type").textContent);
    const value = Math.max(0, Math.min(most, Number(shown.replace(",", ".")) + step));
    if (Number.isNaN(value)) return;
    field.value = String(value);
    press(form().querySelector("button[value=save]"));
  };

  const along = (step) => {
    const here = document.activeElement;
    if (!here.classList.contains("give")) return false;
    const all = [...here.parentElement.querySelectorAll(".give")];
    all[Math.max(0, Math.min(all.length - 1, all.indexOf(here) + step))].focus();
    return true;
  };

  const follow = (id) => document.getElementById(id)?.click();

  const acts = {
    j: () => go(1),
    k: () => go(-1),
    a: () => press(form()?.querySelector("button[value=accept]")),
    A: () => press(document.getElementById("accept-all-button")),
    u: () => press(form()?.querySelector("button[value=undo]")),
    n: () => follow("next-paper"),
    p: () => follow("previous-paper"),
    c: () => row(criterion)?.querySelector("textarea").focus(),
    f: () => form()?.querySelector("textarea[name=feedback]").focus(),
    "[": () => nudge(-0.5),
    "]": () => nudge(0.5),
    "?": () => keys.showModal(),
    ArrowLeft: () => along(-1),
    ArrowRight: () => along(1),
  };

  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || event.isComposing || event.altKey || event.metaKey) return;
    const typing = event.target.matches("textarea, input, select");
    if (event.key === "Escape" && typing) return event.target.blur();
    if (event.key === "Enter" && event.ctrlKey && form()) {
      event.preventDefault();
      return press(form().querySelector("button[value=save]"));
    }
    if (typing || event.ctrlKey) return;
    const act = /^[1-9]$/.test(event.key) ? () => pick(Number(event.key)) : acts[event.key];
    if (act && act() !== false) event.preventDefault();
  });

  desk.addEventListener("focusin", (event) => {
    const found = event.target.closest(".question");
    if (found) mark(found.id);
    const inside = event.target.closest(".criterion");
    if (inside) criterion = [...inside.parentElement.querySelectorAll(".criterion")].indexOf(inside) + 1;
  });

  // A swap of several questions must not take what is being written in the others.
  let kept = [];
  document.addEventListener("htmx:before:swap", (event) => {
    const source = event.detail.ctx.sourceElement;
    kept = fields(desk)
      .filter((field) => dirty(field) && !source?.contains?.(field))
      .map((field) => [field.id, field.value]);
  });
  document.addEventListener("htmx:after:swap", () => {
    for (const [id, value] of kept) {
      const field = document.getElementById(id);
      if (field) field.value = value;
    }
    kept = [];
    if (current) mark(current);
  });

  let sending = false; // a plain form on its way is no loss
  document.addEventListener("submit", () => { sending = true; setTimeout(() => { sending = false; }, 500); });
  window.addEventListener("beforeunload", (event) => {
    if (!sending && fields(desk).some(dirty)) {
      event.preventDefault();
      event.returnValue = desk.dataset.sayUnsaved;
    }
  });

  const show = document.getElementById("show-keys");
  show.hidden = false;
  show.addEventListener("click", () => keys.showModal());
  const named = location.hash.startsWith("#question-") && document.getElementById(location.hash.slice(1));
  const first = named || desk.querySelector(".question.needs_teacher") || questions()[0];
  if (first) mark(first.id);
})();
