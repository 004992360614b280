// A phone in the room: sends without loading the page anew, tries again when the connection is gone, and asks every few
// seconds whether the question is still open. Without this script the form works as a plain one.
(() => {
  "use strict";
  const AGAIN = 3000, ASK = 3000;
  let pressed = null, sending = false;

  const phone = () => document.getElementById("phone");
  const jitter = (milliseconds) => milliseconds * (0.75 + Math.random() / 2);

  function show(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("phone");
    if (!fresh) return location.reload();
    phone().replaceWith(fresh);
    signs();
  }

  async function send(form, body) {
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Zhupi-Phone": "1" }, credentials: "same-origin" });
      if (answer.status >= 500 && answer.status !== 507) throw new Error(String(answer.status));
      const typed = [...form.querySelectorAll("input[name=answer], textarea")].map((field) => field.value);
      show(await answer.text());
      if (!answer.ok) {
        // What was typed stays, whatever was wrong with it.
        const fields = document.querySelectorAll("#answer input[name=answer]:not([type=checkbox]), #answer textarea");
        fields.forEach((field, at) => { if (typed[at] !== undefined) field.value = typed[at]; });
      }
      sending = false;
    } catch (error) {
      const offline = document.getElementById("offline");
      if (offline) offline.hidden = false;
      setTimeout(() => send(form, body), jitter(AGAIN));
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button");
    if (!button) return;
    pressed = button;
    if (button.dataset.sign) put(button.dataset.sign.replace("−", "-").replace("×", "*"));
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.id !== "answer") return;
    event.preventDefault();
    if (sending) return;
    const body = new URLSearchParams(new FormData(form));
    if (pressed && pressed.name && pressed.form === form) {
      body.set(pressed.name, pressed.value);
      form.querySelectorAll("button").forEach((each) => each.classList.toggle("chosen", each === pressed));
    }
    sending = true;
    send(form, body);
  });

  // The keyboard for numbers has no minus on some phones.
  function signs() {
    const row = document.querySelector(".phone-signs");
    if (row) row.hidden = false;
  }

  function put(sign) {
    const field = document.getElementById("number");
    if (!field) return;
    const start = field.selectionStart, end = field.selectionEnd;
    field.setRangeText(sign, start, end, "end");
    field.focus();
  }

  async function ask() {
    const here = phone(), place = here && here.dataset.state;
    if (place && !document.hidden && !sending) {
      try {
        const answer = await fetch(place, { cache: "no-store" });
        const now = answer.ok ? await answer.json() : null;
        const other = now && (String(now.round) !== here.dataset.round || (now.open ? "1" : "0") !== here.dataset.open);
        // The address without what a form may have added to it.
        if (other && !sending) show(await (await fetch(location.pathname, { cache: "no-store" })).text());
      } catch (error) { /* asked again in a moment */ }
    }
    setTimeout(ask, jitter(ASK));
  }

  signs();
  setTimeout(ask, jitter(ASK));
})();
