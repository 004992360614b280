/* A paper's pictures: as picture or as text (remembered), and the page large: zoom, pan, turn, a frame to be read again. */
(() => {
  "use strict";
  const LOOK = "zhupi-look"; // in the browser's storage
  const STEP = 1.25, MOST = 8, LEAST = 0.25; // zoom, in parts of the stage's width
  const PAN = 90; // pixels an arrow key moves
  const SLIP = 6; // pixels: a shorter drag is no frame
  const desk = document.getElementById("desk");
  const dialog = document.getElementById("page-large");

  // A PDF's page has no known size before its picture is made: what is drawn for A4 is stretched to what it is.
  const fitted = async (svg) => {
    const drawn = Number(svg.dataset.nominal);
    if (!drawn) return;
    delete svg.dataset.nominal;
    const probe = new Image();
    probe.src = svg.querySelector("image").href.baseVal;
    try { await probe.decode(); } catch { return; }
    const factor = probe.naturalHeight / probe.naturalWidth / drawn;
    if (Math.abs(factor - 1) < 0.01) return;
    const group = document.createElementNS(svg.namespaceURI, "g");
    group.setAttribute("transform", `scale(1 ${factor})`);
    group.append(...svg.childNodes);
    svg.append(group);
    const view = svg.viewBox.baseVal;
    svg.setAttribute("viewBox", `${view.x} ${view.y * factor} ${view.width} ${view.height * factor}`);
  };
  const fitAll = (root) => root.querySelectorAll("svg[data-nominal]").forEach(fitted);
  // Errors of pictures do not bubble.
  document.addEventListener("error", (event) => event.target.closest?.(".page-picture")?.classList.add("lost"), true);
  fitAll(document);
  document.addEventListener("htmx:after:swap", () => fitAll(document));

  document.addEventListener("click", (event) => {
    const leave = event.target.closest("[data-leave]");
    if (leave) leave.closest(".reread").replaceChildren();
  });
  if (!desk) return;

  const opened = (hash) => {
    const section = /^#page-\d+$/.test(hash) && document.getElementById(hash.slice(1));
    if (!section) return;
    section.closest("details").open = true;
    section.scrollIntoView();
  };
  opened(location.hash);

  if (!dialog) return;

  // As picture or as text.
  const look = desk.querySelector(".look");
  const stored = () => { try { return localStorage.getItem(LOOK); } catch { return null; } };
  const show = (what) => {
    desk.classList.toggle("look-text", what === "text");
    desk.classList.toggle("look-picture", what !== "text");
    for (const button of look.querySelectorAll("button")) button.setAttribute("aria-pressed", String((button.dataset.look === "text") === (what === "text")));
  };
  const choose = (what) => {
    show(what);
    try { localStorage.setItem(LOOK, what); } catch { /* it is not remembered then */ }
  };
  look.hidden = false;
  look.addEventListener("click", (event) => { if (event.target.dataset.look) choose(event.target.dataset.look); });
  show(stored() || "picture");

  // The page, large.
  const stage = dialog.querySelector(".large-stage");
  const title = document.getElementById("page-large-title");
  const frameButton = dialog.querySelector("[data-frame]");
  const hint = dialog.querySelector("[data-framing]");
  let zoom = 1, page = 0, around = [], framing = false, asked = 0;
  const svg = () => stage.querySelector("svg");

  const resize = () => { const found = svg(); if (found) found.style.width = `${Math.round(stage.clientWidth * zoom)}px`; };

  /** Zoom so that the point of the page under (x, y) of the window stays there; without them the middle does. */
  const zoomTo = (value, x, y) => {
    const found = svg();
    if (!found) return;
    const box = stage.getBoundingClientRect();
    x ??= box.left + box.width / 2;
    y ??= box.top + box.height / 2;
    const before = found.getBoundingClientRect();
    const [u, v] = [(x - before.left) / before.width, (y - before.top) / before.height];
    zoom = Math.max(LEAST, Math.min(MOST, value));
    resize();
    const after = found.getBoundingClientRect();
    stage.scrollLeft += after.left + u * after.width - x;
    stage.scrollTop += after.top + v * after.height - y;
  };

  /** Show the part of the page (in its own pixels) as large as the stage allows. */
  const lookAt = (part) => {
    const found = svg(), view = found.viewBox.baseVal;
    const [x, y, width, height] = part;
    zoom = Math.max(0.5, Math.min(1.5, view.width / width));
    resize();
    const scale = found.getBoundingClientRect().width / view.width;
    stage.scrollLeft = x * scale;
    stage.scrollTop = y * scale - Math.max(0, (stage.clientHeight - height * scale) / 2);
  };

  const load = async (id, part) => {
    const turn = ++asked;
    const answer = await fetch(`/pages/${id}`, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (turn !== asked || !dialog.open) return;
    if (!answer?.ok) return dialog.close();
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
    stage.replaceChildren(...parsed.body.childNodes);
    const holder = stage.querySelector(".large-page");
    page = Number(id);
    around = (holder?.dataset.pages || id).split(" ").map(Number);
    title.textContent = title.dataset.say.replace("{number}", around.indexOf(page) + 1).replace("{all}", around.length);
    if (!holder) return;
    await fitted(svg());
    resize();
    if (part) lookAt(part);
    else stage.scrollTo(0, 0);
    stage.focus();
  };

  const open = (id, part) => {
    zoom = Math.min(1, 1100 / Math.max(1, window.innerWidth * 0.94));
    frame(false);
    if (!dialog.open) dialog.showModal();
    load(id, part);
  };
  const turn = (step) => {
    const next = around[around.indexOf(page) + step];
    if (next !== undefined) load(next);
  };
  const frame = (on) => {
    framing = on;
    frameButton.setAttribute("aria-pressed", String(on));
    hint.hidden = !on;
    stage.classList.toggle("framing", on);
    stage.querySelector(".frame")?.remove();
  };

  desk.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-large]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(link.dataset.large, link.dataset.part?.split(" ").map(Number));
  });
  dialog.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.zoom) zoomTo(button.dataset.zoom === "0" ? 1 : zoom * STEP ** Number(button.dataset.zoom));
    else if (button.dataset.turn) turn(Number(button.dataset.turn));
    else if ("frame" in button.dataset) frame(!framing);
    else dialog.close();
  });
  dialog.addEventListener("cancel", (event) => { if (framing) { event.preventDefault(); frame(false); } });
  // The event comes a moment after the closing: by then the next page may have been opened.
  dialog.addEventListener("close", () => { if (!dialog.open) { asked++; stage.replaceChildren(); } });

  const keys = {
    "+": () => zoomTo(zoom * STEP), "=": () => zoomTo(zoom * STEP), "-": () => zoomTo(zoom / STEP), 0: () => zoomTo(1),
    ArrowLeft: () => stage.scrollBy(-PAN, 0), ArrowRight: () => stage.scrollBy(PAN, 0),
    ArrowUp: () => stage.scrollBy(0, -PAN), ArrowDown: () => stage.scrollBy(0, PAN),
    PageUp: () => turn(-1), PageDown: () => turn(1), r: () => frame(!framing), R: () => frame(!framing), z: () => dialog.close(), Z: () => dialog.close(),
  };
  const opens = () => {
    const current = desk.querySelector(".question.current a[data-large]") || desk.querySelector("a[data-large]");
    if (current) current.click();
    return Boolean(current);
  };
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey || event.metaKey || event.ctrlKey) return;
    if (dialog.open) {
      if (!keys[event.key]) return;
      keys[event.key]();
      return event.preventDefault();
    }
    if (document.querySelector("dialog[open]") || event.target.matches("textarea, input, select")) return;
    if (event.key === "z" || event.key === "Z") { if (opens()) event.preventDefault(); }
    if (event.key === "t" || event.key === "T") { choose(desk.classList.contains("look-text") ? "picture" : "text"); event.preventDefault(); }
  });
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoomTo(zoom * (event.deltaY < 0 ? STEP : 1 / STEP), event.clientX, event.clientY);
  }, { passive: false });
  window.addEventListener("resize", resize);

  // Dragging: a frame where one is wanted, words where there are some, else the page itself.
  let drag = null;
  const inPage = (event) => {
    const found = svg(), box = found.getBoundingClientRect(), view = found.viewBox.baseVal;
    const within = (value) => Math.max(0, Math.min(1, value));
    return { u: within((event.clientX - box.left) / box.width), v: within((event.clientY - box.top) / box.height), view };
  };
  const drawn = (from, to) => {
    const { view } = to, found = svg();
    let rect = found.querySelector(".frame");
    if (!rect) {
      rect = document.createElementNS(found.namespaceURI, "rect");
      rect.classList.add("frame");
      found.append(rect);
    }
    rect.setAttribute("x", Math.min(from.u, to.u) * view.width);
    rect.setAttribute("y", Math.min(from.v, to.v) * view.height);
    rect.setAttribute("width", Math.abs(from.u - to.u) * view.width);
    rect.setAttribute("height", Math.abs(from.v - to.v) * view.height);
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !svg()) return;
    if (!framing && (event.pointerType !== "mouse" || event.target.closest(".words text"))) return;
    event.preventDefault();
    stage.setPointerCapture(event.pointerId);
    drag = { x: event.clientX, y: event.clientY, left: stage.scrollLeft, top: stage.scrollTop, from: inPage(event) };
    stage.classList.toggle("panning", !framing);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!drag) return;
    if (framing) return drawn(drag.from, inPage(event));
    stage.scrollLeft = drag.left - (event.clientX - drag.x);
    stage.scrollTop = drag.top - (event.clientY - drag.y);
  });
  const dropped = (event) => {
    const begun = drag;
    drag = null;
    stage.classList.remove("panning");
    if (!begun || !framing || event.type === "pointercancel") return;
    if (Math.abs(event.clientX - begun.x) < SLIP || Math.abs(event.clientY - begun.y) < SLIP) return frame(true);
    read(begun.from, inPage(event));
  };
  stage.addEventListener("pointerup", dropped);
  stage.addEventListener("pointercancel", dropped);

  /** Have the frame read again; old and new are shown beside the page's text. */
  const read = async (from, to) => {
    const id = page, place = document.getElementById(`reread-page-${id}`);
    const values = {
      x0: Math.min(from.u, to.u).toFixed(4), y0: Math.min(from.v, to.v).toFixed(4),
      x1: Math.max(from.u, to.u).toFixed(4), y1: Math.max(from.v, to.v).toFixed(4),
    };
    dialog.close();
    opened(`#page-${id}`);
    await htmx.ajax("POST", `/pages/${id}/region`, { source: place, target: place, swap: "innerHTML", values });
    place.scrollIntoView({ block: "center" });
  };
})();
