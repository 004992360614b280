// The papers page: files are sent a few at a time, so that forty papers show how far they are; dropped or picked,
// also as folders. All requests of one drop carry its token: their pictures are one pile. Without this script the plain
// form sends everything at once.
"use strict";

(() => {
  const form = document.getElementById("upload");
  if (!form) return;
  const AT_ONCE = 4;              // files in one request
  const BYTES_AT_ONCE = 8 * 2 ** 20;
  const JUNK = /^(\.|~\$)|^(Thumbs\.db|desktop\.ini)$/;
  const say = form.dataset;
  const section = document.getElementById("sending");
  const list = document.getElementById("sending-files");
  const bar = document.getElementById("sent");
  const count = document.getElementById("sent-count");
  const again = document.getElementById("send-again");
  const waiting = [];             // {file, name, item}
  const failed = [];
  let busy = false, total = 0, finished = 0, bytes = 0, sentBefore = 0;
  let token = "", pictures = false;   // of this drop: its name, whether a pile of it waits for its end

  // The plain form gives way to the buttons.
  for (const each of form.querySelectorAll("[data-script]")) each.hidden = false;
  for (const each of form.querySelectorAll("[data-plain]")) each.hidden = true;

  function add(files) {
    if (!busy && waiting.length === 0) reset();
    section.hidden = false;
    // A folder comes in the order of the disk; pages are wanted as they are numbered.
    files.sort((one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }));
    for (const { file, name } of files) {
      const item = document.createElement("li");
      list.append(item);
      if (total >= Number(say.most)) { tell(item, name, say.sayMany, "refused"); continue; }
      if (file.size > Number(say.limit)) { tell(item, name, say.sayLarge, "refused"); continue; }
      tell(item, name, say.sayWait, "");
      waiting.push({ file, name, item });
      total += 1;
      bytes += file.size;
    }
    progress(0);
    run();
  }

  function reset() {
    list.replaceChildren();
    failed.length = 0;
    token = [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, "0")).join("");
    again.hidden = true;
    total = finished = bytes = sentBefore = 0;
  }

  function tell(item, name, text, state) {
    const shown = document.createElement("bdi"), said = document.createElement("span");
    shown.className = "name";
    shown.textContent = name;
    said.className = "say";
    said.textContent = text;
    item.className = `verdict ${state}`;
    item.replaceChildren(shown, " ", said);
  }

  function progress(now) {
    bar.value = bytes ? Math.min(1, (sentBefore + now) / bytes) : 1;
    count.textContent = count.dataset.say.replace("{done}", finished).replace("{all}", total);
  }

  function next() {
    const batch = [];
    let size = 0;
    while (waiting.length && batch.length < AT_ONCE) {
      const archive = /\.zip$/i.test(waiting[0].name);
      if (batch.length && (archive || size + waiting[0].file.size > BYTES_AT_ONCE)) break;
      size += waiting[0].file.size;
      batch.push(waiting.shift());
      // An archive answers with many verdicts, so it goes alone.
      if (archive) break;
    }
    return batch;
  }

  async function run() {
    if (busy) return;
    busy = true;
    while (waiting.length) {
      await send(next());
      renew();
    }
    busy = false;
    again.hidden = failed.length === 0;
    // With some to be sent again the drop has not ended; the server waits a minute for them.
    if (pictures && failed.length === 0) await end();
  }

  // No more pictures will come, so the pile can be split when all are read. If this is lost, a minute does the same.
  async function end() {
    pictures = false;
    try {
      await fetch(say.end.replace("TOKEN", token), { method: "POST", headers: { "HX-Request": "true" } });
    } catch { /* the server closes it by itself */ }
    renew();
  }

  function send(batch) {
    return new Promise((done) => {
      const body = new FormData(), request = new XMLHttpRequest();
      const size = batch.reduce((sum, each) => sum + each.file.size, 0);
      for (const each of batch) {
        body.append("files", each.file, each.name);
        tell(each.item, each.name, say.saySend, "");
      }
      request.upload.addEventListener("progress", (event) => {
        progress(event.total ? size * event.loaded / event.total : 0);
        if (event.loaded === event.total) for (const each of batch) tell(each.item, each.name, say.sayCheck, "");
      });
      request.addEventListener("loadend", () => {
        sentBefore += size;
        finished += batch.length;
        answer(batch, request);
        progress(0);
        done();
      });
      request.open("POST", `${form.action}?pile=${token}`);
      request.setRequestHeader("HX-Request", "true");
      request.send(body);
    });
  }

  function answer(batch, request) {
    const elsewhere = request.getResponseHeader("HX-Redirect");
    if (elsewhere) { waiting.length = 0; location.href = elsewhere; return; }
    const page = new DOMParser().parseFromString(request.responseText || "", "text/html");
    const verdicts = [...page.querySelectorAll("li.verdict")];
    pictures = pictures || verdicts.some((each) => "picture" in each.dataset);
    if (request.status !== 200 || verdicts.length === 0) {
      const problem = page.querySelector(".notice");
      for (const each of batch) fail(each, (problem && problem.textContent.trim()) || say.sayBroken);
    } else if (batch.length === verdicts.length) {
      batch.forEach((each, at) => {
        each.item.replaceWith(verdicts[at]);
        each.item = verdicts[at];
        if ("again" in verdicts[at].dataset) failed.push(each);
      });
    } else {
      batch[0].item.replaceWith(...verdicts);
    }
  }

  function fail(each, text) {
    tell(each.item, each.name, text, "refused");
    failed.push(each);
  }

  again.addEventListener("click", () => {
    again.hidden = true;
    for (const each of failed.splice(0)) {
      tell(each.item, each.name, say.sayWait, "");
      waiting.push(each);
      finished -= 1;
      sentBefore -= each.file.size;
    }
    progress(0);
    run();
  });

  // The list below, renewed after each request.
  function renew() {
    htmx.ajax("GET", `${location.pathname}?part=list`, { target: "#paper-list", swap: "outerHTML" });
  }

  // Folders often say whose a file is: "Zhang Wei/essay.pdf" is sent as "Zhang Wei - essay.pdf".
  const named = (file, path) => ({ file, name: path.split("/").filter(Boolean).join(" - ") || file.name });
  const wanted = (file) => !JUNK.test(file.name);

  document.getElementById("pick-files").addEventListener("change", (event) => {
    add([...event.target.files].filter(wanted).map((file) => named(file, file.name)));
    event.target.value = "";
  });
  document.getElementById("pick-folder").addEventListener("change", (event) => {
    // The chosen folder itself is the same for all and says nothing.
    add([...event.target.files].filter(wanted)
      .map((file) => named(file, file.webkitRelativePath.split("/").slice(1).join("/"))));
    event.target.value = "";
  });

  const carriesFiles = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  let inside = 0;
  document.addEventListener("dragenter", (event) => {
    if (carriesFiles(event)) { inside += 1; document.body.classList.add("dragging"); }
  });
  document.addEventListener("dragleave", (event) => {
    if (carriesFiles(event) && --inside <= 0) { inside = 0; document.body.classList.remove("dragging"); }
  });
  document.addEventListener("dragover", (event) => { if (carriesFiles(event)) event.preventDefault(); });
  document.addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    inside = 0;
    document.body.classList.remove("dragging");
    // Entries and files must be asked for before the first wait: the browser empties the list then.
    const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
    const dropped = items.map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry());
    const plain = [...event.dataTransfer.files];
    if (dropped.length && dropped.every(Boolean)) {
      const alone = dropped.length === 1;
      const found = await Promise.all(dropped.map((entry) => walk(entry, alone && entry.isDirectory ? null : "")));
      add(found.flat().filter(({ file }) => wanted(file)));
    } else {
      add(plain.filter(wanted).map((file) => named(file, file.name)));
    }
  });

  // All files below an entry; `above` is the path so far, null for a single folder whose own name says nothing.
  async function walk(entry, above) {
    const path = above === null ? "" : `${above}/${entry.name}`;
    if (entry.isFile) {
      const file = await new Promise((good, bad) => entry.file(good, bad));
      return [named(file, path)];
    }
    if (JUNK.test(entry.name) || entry.name === "__MACOSX") return [];
    const reader = entry.createReader(), found = [];
    for (;;) {
      const some = await new Promise((good, bad) => reader.readEntries(good, bad));
      if (some.length === 0) return found;
      for (const each of some) found.push(...await walk(each, path));
    }
  }

  window.addEventListener("beforeunload", (event) => { if (busy) event.preventDefault(); });

  // Lines that the stream renews change the counts above them; one that missed too much says "resync".
  const papers = document.getElementById("papers");
  papers.addEventListener("resync", renew);
  // A line that is not here yet: a paper that a colleague, or another window, has sent.
  let soon = 0;
  papers.addEventListener("htmx:sse:before:message", (event) => {
    const lines = (event.detail.message.data || "").matchAll(/hx-target="#(paper-\d+)"/g);
    if (![...lines].some((line) => !document.getElementById(line[1]))) return;
    clearTimeout(soon);
    soon = setTimeout(renew, 500);
  });
  new MutationObserver((changes) => {
    if (!changes.some((change) => change.target.id === "paper-rows")) return;
    document.getElementById("papers-summary").dispatchEvent(new Event("papers-changed"));
  }).observe(papers, { childList: true, subtree: true });

  // After a decision the keyboard goes on with the next open question.
  let decided = false;
  papers.addEventListener("submit", (event) => { decided = event.target.matches(".whose form"); });
  document.addEventListener("htmx:after:swap", () => {
    if (!decided || (document.activeElement && document.activeElement !== document.body)) return;
    const open = papers.querySelector(".asks .choices button, .asks .choices select");
    decided = false;
    (open || papers.querySelector("a")).focus();
  });
})();
