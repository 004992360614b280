/* What colleagues and runs change while a paper is reviewed. Nothing is swapped under a teacher's hand: where words are
   being written a line says what happened, and a button takes it over. */
(() => {
  "use strict";
  const WAIT = 60; // ms in which more may come
  const LOOK = 700; // ms in which a mark that has just changed cannot be decided by a press meant for what was there
  const desk = document.getElementById("desk");
  const live = document.getElementById("paper-live");
  const dialog = document.getElementById("ask-first");
  if (!desk || !live || !dialog) return;

  const forms = () => [...desk.querySelectorAll("form.criteria")];
  const idOf = (form) => form.id.replace("form-", "");
  const versionOf = (form) => form.elements.namedItem("version").value;
  const fields = (form) => [...form.querySelectorAll("textarea, input.exact")];
  const written = (form) => fields(form).some((each) => each === document.activeElement || each.value !== each.defaultValue);
  const sending = () => Boolean(desk.querySelector("form.htmx-request"));

  let timer = 0, asking = false, wanted = false, head = false, taken = "";
  const freshUntil = new Map(); // by the question's id

  const ask = () => {
    wanted = true;
    clearTimeout(timer);
    timer = setTimeout(load, WAIT);
  };

  // An answer to this teacher's own decision is on its way: it brings the newest version itself.
  const load = async () => {
    if (asking || sending()) return ask();
    const shown = new Map(forms().map((form) => [idOf(form), versionOf(form)]));
    const busy = forms().filter(written).map(idOf).filter((id) => id !== taken);
    const query = new URLSearchParams({ have: [...shown].map((pair) => pair.join(":")).join(","), busy: busy.join(",") });
    if (head) query.set("head", "1");
    wanted = false; head = false; taken = "";
    asking = true;
    const address = live.dataset.changes;
    try {
      await htmx.ajax("GET", `${address}${address.includes("?") ? "&" : "?"}${query}`, { source: live, swap: "none" });
    } finally {
      asking = false;
    }
    for (const form of forms()) if (shown.has(idOf(form)) && shown.get(idOf(form)) !== versionOf(form)) show(form);
    if (wanted) ask();
  };

  const show = (form) => {
    const question = form.closest(".question"), id = idOf(form);
    freshUntil.set(id, performance.now() + LOOK);
    question.classList.add("fresh");
    setTimeout(() => question.classList.remove("fresh"), 2500);
  };

  live.addEventListener("marks", (event) => {
    const versions = new Map((event.detail.data || "").split(" ").map((pair) => pair.split(":")));
    const stale = (form) => versions.has(idOf(form)) && versions.get(idOf(form)) !== versionOf(form);
    // Own decisions come back too: while their answer is on its way nobody knows yet.
    if (sending() || forms().some(stale)) ask();
  });
  live.addEventListener("head", () => { head = true; ask(); });
  live.addEventListener("gone", () => { delete live.dataset.live; document.getElementById("paper-gone").hidden = false; });

  desk.addEventListener("click", (event) => {
    const button = event.target.closest("[data-take]");
    if (!button) return;
    taken = button.dataset.take;
    document.getElementById(`question-${taken}`)?.focus({ preventScroll: true });
    ask();
  });

  // A colleague was here first: asked once, before the first decision. What guards the marks are their versions.
  let asked = false, waiting = null;
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method === "dialog" || !(desk.contains(form) || form.id === "accept-all")) return;
    const question = document.getElementById("presence")?.dataset.ask;
    const fresh = performance.now() < (freshUntil.get(idOf(form)) || 0);
    if (!fresh && (asked || !question)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (fresh) return;
    waiting = { form, submitter: event.submitter };
    document.getElementById("ask-first-text").textContent = question;
    dialog.returnValue = "";
    dialog.showModal();
  }, true);
  dialog.addEventListener("close", () => {
    const { form, submitter } = waiting || {};
    waiting = null;
    if (dialog.returnValue !== "yes" || !form) return;
    asked = true;
    // Changed meanwhile: the teacher is to look at it first.
    if (form.isConnected && (!submitter || submitter.isConnected)) form.requestSubmit(submitter || undefined);
  });
})();
