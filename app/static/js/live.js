/* Streams begin when their page is seen: a browser gives one server six connections, and tabs in the background must
   not take them all. (Those that were seen pause in the background, by their hx-config.) A first try that failed is
   made again; after that the extension comes back by itself. */
(() => {
  "use strict";
  const AGAIN = 5000; // ms, and up to as much more, so that not all come at once
  const begin = () => {
    if (document.hidden) return;
    for (const each of document.querySelectorAll("[data-live]")) {
      if (!each._htmx?.sse && !each.classList.contains("htmx-request")) htmx.trigger(each, "go");
    }
  };
  setTimeout(begin); // htmx, loaded before, begins in the same way
  document.addEventListener("visibilitychange", begin);
  setInterval(begin, AGAIN * (1 + Math.random()));
})();
