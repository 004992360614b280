// The scheme page: edits that wait for one another carry the newest version, Alt+arrows move a question,
// and an edit that did not reach the server says so.
const page = document.getElementById("scheme");
const problems = document.getElementById("problems");

// A request that waited in the queue was put together before the answer to the one before it came.
document.addEventListener("htmx:before:request", (event) => {
  const { request } = event.detail.ctx;
  const version = request.form?.elements.namedItem("scheme_version");
  if (version && request.body?.has?.("scheme_version")) request.body.set("scheme_version", version.value);
});

document.addEventListener("htmx:after:request", (event) => {
  if (event.detail.ctx.response?.status < 400) problems.replaceChildren();
});

document.addEventListener("htmx:error", (event) => {
  if (event.detail.ctx?.response) return;
  const notice = document.createElement("p");
  notice.className = "notice bad";
  notice.textContent = page.dataset.offline;
  problems.replaceChildren(notice);
});

page.addEventListener("keydown", (event) => {
  if (!event.altKey || event.ctrlKey || event.metaKey) return;
  const direction = { ArrowUp: "up", ArrowDown: "down" }[event.key];
  const question = direction && event.target.closest("article.q");
  if (!question) return;
  event.preventDefault();
  if (event.target.matches("input, textarea")) event.target.blur(); // what was typed is saved first
  question.querySelector(`[data-move=${direction}]`).click();
});
