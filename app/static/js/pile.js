// The pile's page by mouse and keyboard. Every action is the form's own: a button "do" with a word such as "split-17",
// so that the page works without this script as well. The server's answer is the new board.
"use strict";

(() => {
  const large = document.getElementById("large"), image = document.getElementById("large-image");
  const keys = document.getElementById("keys"), undo = document.getElementById("pile-undo");
  const news = document.getElementById("pile-news");
  const history = [];             // splits before each of our changes
  let current = null;             // id of the page in focus
  let own = null;                 // what we sent: {split, undoing, version}, until it is answered
  let moving = null;              // id of the page that is dragged

  const pile = () => document.getElementById("pile");
  const form = () => pile().querySelector("form.board");
  const editable = () => pile().dataset.state === "asks";
  const leaves = () => [...pile().querySelectorAll(".leaf")];
  const leaf = () => current && document.getElementById(`page-${current}`);
  const thumb = (element) => element.querySelector(".thumb");
  const bundle = () => leaf()?.closest(".bundle");

  // --- What is sent ---------------------------------------------------------------------------------------------

  const split = () => JSON.stringify([...pile().querySelectorAll(".bundle:not(.out)")].map((each) => {
    const said = each.dataset.student;
    return [/^\d+$/.test(said) ? Number(said) : said || null,
      ...[...each.querySelectorAll(".leaf")].map((page) => Number(page.dataset.page))];
  }).filter((each) => each.length > 1));

  function press(name, value) {
    if (!editable() || form().classList.contains("htmx-request")) return;
    let button = form().querySelector("button.by-key");
    if (!button) {
      button = document.createElement("button");
      button.className = "by-key";
      button.hidden = true;
      form().append(button);
    }
    button.name = name;
    button.value = value;
    form().requestSubmit(button);
  }

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form.board")) return;
    const pressed = event.submitter;
    own = { split: split(), undoing: pressed?.name === "split", version: pile().dataset.version };
    const page = /^(?:split|out|back|earlier|later|previous|next|place)-(\d+)/.exec(pressed?.value || "");
    if (page) current = page[1];
    // A page that leaves hands the focus on.
    if (pressed?.value.startsWith("out-")) {
      const next = leaf()?.nextElementSibling || leaf()?.previousElementSibling;
      if (next) current = next.dataset.page;
    }
  }, true);

  let shown = pile().dataset.version;
  document.addEventListener("htmx:after:swap", () => {
    const version = pile().dataset.version;
    if (version !== shown) {
      if (!own || own.version === version) history.length = 0;   // somebody else's change: there is no way back over it
      else if (own.undoing) history.pop();
      else history.push(own.split);
      if (own) {
        for (const open of pile().querySelectorAll("details.do[open]")) open.open = false;
        const head = bundle()?.querySelector("h2");
        news.textContent = `${news.dataset.sayMoved} ${bundle()?.getAttribute("aria-label") || ""} ${head?.textContent || ""}`;
        if (leaf()) { thumb(leaf()).focus({ preventScroll: true }); leaf().scrollIntoView({ block: "nearest" }); }
      }
      own = null;
      shown = version;
    }
    settle();
  });
  document.addEventListener("htmx:after:request", (event) => {
    const status = event.detail?.ctx?.response?.status;
    // What was refused was asked of a pile that is not there any more: show what is.
    if (status === 409) { own = null; later(); }
    else if (status >= 400) own = null;
  });

  // What the stream tells: the board is asked for a little later, as many signs come at once, and our own change is
  // answered before; never under a page that is dragged.
  let soon = 0;
  function renew() {
    soon = 0;
    if (moving || form().classList.contains("htmx-request")) later();
    else document.getElementById("pile-renew").dispatchEvent(new Event("renew"));
  }
  function later() { soon = soon || setTimeout(renew, 700); }
  document.getElementById("pile-stream").addEventListener("pile", later);

  // --- Focus: one page is a tab stop, arrows lead to the others --------------------------------------------------

  function settle() {
    const all = leaves();
    if (!leaf()) current = (pile().querySelector(".bundle.asks .leaf") || all[0])?.dataset.page || null;
    for (const each of all) thumb(each).tabIndex = each.dataset.page === current ? 0 : -1;
    undo.hidden = !editable();
    undo.disabled = history.length === 0;
  }

  function go(to) {
    if (!to) return;
    current = to.dataset.page;
    settle();
    thumb(to).focus({ preventScroll: true });
    to.scrollIntoView({ block: "nearest" });
  }

  function beside(step) {
    const all = leaves(), at = all.indexOf(leaf());
    return all[Math.max(0, Math.min(all.length - 1, at + step))];
  }

  // The nearest page in the next line of pages, up or down.
  function above(down) {
    const from = leaf()?.getBoundingClientRect();
    if (!from) return null;
    let best = null, least = Infinity;
    for (const each of leaves()) {
      const box = each.getBoundingClientRect(), away = (box.top - from.top) * down;
      const far = away * 10 + Math.abs(box.left - from.left);
      if (away > 10 && far < least) { best = each; least = far; }
    }
    return best;
  }

  document.addEventListener("focusin", (event) => {
    const inside = event.target.closest?.(".leaf");
    if (inside && inside.dataset.page !== current) { current = inside.dataset.page; settle(); }
  });

  // --- Keys -------------------------------------------------------------------------------------------------------

  const act = (name) => () => { if (leaf()) press("do", `${name}-${current}`); };
  const acts = {
    ArrowLeft: () => go(beside(-1)), ArrowRight: () => go(beside(1)),
    ArrowUp: () => go(above(-1)), ArrowDown: () => go(above(1)),
    Home: () => go(leaves()[0]), End: () => go(leaves().pop()),
    s: act("split"),
    m: () => { if (Number(bundle()?.dataset.bundle) > 0) press("do", `merge-${bundle().dataset.bundle}`); },
    x: () => { if (leaf()) press("do", `${bundle().dataset.bundle === "out" ? "back" : "out"}-${current}`); },
    u: back,
    d: () => {
      const open = [...pile().querySelectorAll(".bundle.asks")];
      const at = open.indexOf(bundle());
      go(open[(at + 1) % (open.length || 1)]?.querySelector(".leaf"));
    },
    "?": () => keys.showModal(),
  };
  const moves = { ArrowLeft: act("earlier"), ArrowRight: act("later"), ArrowUp: act("previous"), ArrowDown: act("next") };

  function back() {
    if (history.length) press("split", history[history.length - 1]);
  }

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    if (large.open) {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step) { event.preventDefault(); turn(step); }
      return;
    }
    if (keys.open || event.target.matches("select, input, textarea")) return;
    const free = event.target === document.body || Boolean(event.target.closest(".leaf"));
    const arrow = event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End";
    if (arrow && !free) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const found = event.shiftKey && arrow ? moves[key] : acts[key];
    if (!found) return;
    event.preventDefault();
    found();
  });

  // --- The large view ---------------------------------------------------------------------------------------------

  let looked = null;              // the page that is shown large

  function enlarge() {
    const link = thumb(leaf());
    looked = current;
    image.src = link.href;
    document.getElementById("large-name").textContent = `${link.getAttribute("aria-label")} · ${link.title}`;
    if (!large.open) large.showModal();
  }
  function turn(step) {
    const next = beside(step);
    if (!next) return;
    current = next.dataset.page;
    settle();
    enlarge();
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a.thumb");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    current = link.closest(".leaf").dataset.page;
    settle();
    enlarge();
  });
  document.getElementById("large-before").addEventListener("click", () => turn(-1));
  document.getElementById("large-after").addEventListener("click", () => turn(1));
  large.addEventListener("close", () => {
    image.removeAttribute("src");
    // The browser has given the focus back to where it was opened; we go on with the page that was looked at last.
    go(document.getElementById(`page-${looked}`));
  });

  // --- Dragging ---------------------------------------------------------------------------------------------------

  const strip = (event) => event.target.closest?.("[data-strip]") || event.target.closest?.(".bundle")?.querySelector("[data-strip]");
  const clean = () => {
    for (const each of pile().querySelectorAll(".drop-here, .drop-before")) each.classList.remove("drop-here", "drop-before");
  };
  // The page that the dragged one would come before; null for the end of the strip.
  function before(event, into) {
    const over = event.target.closest?.(".leaf");
    if (!over || over.parentElement !== into) return null;
    const box = over.getBoundingClientRect();
    return event.clientX < box.left + box.width / 2 ? over : over.nextElementSibling;
  }

  document.addEventListener("dragstart", (event) => {
    const taken = event.target.closest?.(".leaf[draggable]");
    if (!taken) return;
    moving = taken.dataset.page;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", moving);
    document.body.classList.add("moving");
    taken.classList.add("taken");
  });
  document.addEventListener("dragover", (event) => {
    const into = moving && strip(event);
    if (!into) return;
    event.preventDefault();
    clean();
    into.classList.add("drop-here");
    before(event, into)?.classList.add("drop-before");
  });
  document.addEventListener("drop", (event) => {
    const into = moving && strip(event);
    if (!into) return;
    event.preventDefault();
    const next = before(event, into);
    if (next?.dataset.page !== moving) press("do", `place-${moving}-${into.dataset.strip}-${next ? next.dataset.page : 0}`);
  });
  document.addEventListener("dragend", () => {
    clean();
    document.body.classList.remove("moving");
    pile().querySelector(".taken")?.classList.remove("taken");
    moving = null;
  });

  // One menu of a page at a time.
  document.addEventListener("toggle", (event) => {
    if (!event.target.matches("details.do") || !event.target.open) return;
    for (const open of pile().querySelectorAll("details.do[open]")) if (open !== event.target) open.open = false;
  }, true);
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("details.do")) return;
    for (const open of pile().querySelectorAll("details.do[open]")) open.open = false;
  });

  undo.addEventListener("click", back);
  const help = document.getElementById("show-keys");
  help.hidden = false;
  help.addEventListener("click", () => keys.showModal());
  settle();
})();
