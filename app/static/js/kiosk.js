// A screen that nobody touches for a day: it stays awake, does not burn in, hides its cursor, says when it waits for the
// server, and finds back by itself. The same file serves the teacher's preview, where only the waiting matters.
(() => {
  "use strict";
  const body = document.body;
  const stage = document.getElementById("stage");
  const kiosk = body.classList.contains("kiosk");
  const PATIENCE = 5000; // ms without a connection before the sign is shown
  let down = 0; // since when there is no connection, ms; 0: there is one
  let link = null; // the extension's own connection
  let heard = Date.now(); // when something last came over it

  const sign = () => body.classList.toggle("away", down > 0 && Date.now() - down >= PATIENCE);
  const isDown = () => { down = down || Date.now(); sign(); };
  const isUp = () => { down = 0; sign(); };

  // Loads the page anew once the server answers; never before, for the browser's own error page would stay.
  let again = 0;
  const reload = (after) => {
    if (again) return;
    again = setTimeout(() => {
      again = 0;
      fetch("/health/live", { cache: "no-store" }).then((answer) => { if (answer.ok) location.reload(); else reload(5000); }).catch(() => { isDown(); reload(5000); });
    }, after + Math.random() * 2000);
  };

  // A stream that may be dead without knowing it is ended, and begun anew where it was.
  const renew = () => {
    if (!link) return;
    if (link.delayCanceller) link.delayCanceller();
    else if (link.reader) { isDown(); link.reader.cancel().catch(() => {}); }
  };

  document.addEventListener("htmx:sse:after:connection", (event) => { link = event.detail.connection; heard = Date.now(); isUp(); });
  document.addEventListener("htmx:sse:before:connection", (event) => {
    link = event.detail.connection;
    if (link.attempt > 0) { isDown(); setTimeout(hurry, 200); }
  });
  document.addEventListener("htmx:sse:error", (event) => {
    isDown();
    // Not paired any more, or not this teacher's: the page itself says what now.
    if ([401, 403, 404, 410].includes(event.detail.status)) reload(500);
  });
  document.addEventListener("htmx:sse:close", () => { isDown(); reload(3000); });
  // The first connection is an ordinary request; where it fails the extension does not try again.
  const failed = (event) => {
    if (link || !stage || !stage.hasAttribute("hx-sse:connect") || event.target !== stage) return;
    isDown();
    reload(5000 + Math.random() * 10000);
  };
  document.addEventListener("htmx:error", failed);
  document.addEventListener("htmx:response:error", failed);

  // The server says something at least every 5 seconds, if only "live". A longer silence is a dead line: a computer that
  // slept, a network that went without a word. "moved": what this screen may see has changed.
  const SILENCE = 12000;
  document.addEventListener("htmx:sse:before:message", () => { heard = Date.now(); if (link && link.reader) isUp(); });
  document.addEventListener("moved", () => reload(0));
  setInterval(() => {
    if (link && link.reader && Date.now() - heard > SILENCE) { heard = Date.now(); renew(); }
    sign();
  }, 1000);

  // While the line is down a short question finds out that the server is back before the extension's next try. The first
  // time several at once: the browser keeps up to six connections, and each may be as dead as the stream's was.
  let answered = false;
  let asked = 0;
  const hurry = () => { if (answered && link.delayCanceller) { answered = false; link.delayCanceller(); } };
  const ask = () => {
    const control = new AbortController();
    const limit = setTimeout(() => control.abort(), 3000);
    fetch("/health/live", { cache: "no-store", signal: control.signal })
      .then((answer) => { answered = answer.ok && down > 0; hurry(); })
      .catch(() => {})
      .then(() => clearTimeout(limit));
  };
  setInterval(() => {
    if (!link || !down || Date.now() - down < PATIENCE) return;
    for (let left = asked === down ? 1 : 5; left > 0; left -= 1) ask();
    asked = down;
  }, 3000 + Math.random() * 1000);
  addEventListener("offline", isDown);
  addEventListener("online", renew);

  // The pairing page asks by plain requests.
  const pairing = () => document.getElementById("pairing");
  document.addEventListener("htmx:after:request", (event) => {
    if (!pairing()) return;
    const raw = event.detail.ctx && event.detail.ctx.response && event.detail.ctx.response.raw;
    if (raw && raw.ok) isUp(); else isDown();
  });
  document.addEventListener("htmx:error", () => { if (pairing()) isDown(); });

  // A board of another language or of a newer version of the server wants the page's frame and styles anew.
  const board = () => document.getElementById("board");
  const made = board() && board().dataset.made;
  document.addEventListener("htmx:after:swap", () => {
    if (board() && board().dataset.made !== made) reload(5000);
  });

  if (!kiosk) return;

  let lock = null;
  const wake = async () => {
    // Only over https, and not everywhere; without it the computer's own settings must keep it awake.
    if (!navigator.wakeLock || document.hidden || (lock && !lock.released)) return;
    try { lock = await navigator.wakeLock.request("screen"); } catch (_) { lock = null; }
  };
  document.addEventListener("visibilitychange", wake);
  wake();

  const full = () => {
    wake();
    if (document.fullscreenElement || !document.documentElement.requestFullscreen) return;
    document.documentElement.requestFullscreen().catch(() => {});
  };
  document.addEventListener("click", full);
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "f" && !event.ctrlKey && !event.metaKey && !event.altKey) full();
  });

  let still = 0;
  const moved = () => {
    body.classList.remove("idle");
    clearTimeout(still);
    still = setTimeout(() => body.classList.add("idle"), 3000);
  };
  document.addEventListener("mousemove", moved);
  moved();

  // A slow way around a small circle: every place is held for a minute.
  let step = 0;
  const REACH = 10; // px
  setInterval(() => {
    step = (step + 1) % 16;
    body.style.setProperty("--dx", `${Math.round(REACH * Math.cos(step * Math.PI / 8) - REACH)}px`);
    body.style.setProperty("--dy", `${Math.round(REACH * Math.sin(step * Math.PI / 8))}px`);
    wake();
  }, 60000);
})();
