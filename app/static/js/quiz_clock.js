// Countdowns move on between two renderings. The server closes a round; here only a bar gets shorter.
(() => {
  "use strict";
  let seen = new WeakMap();

  function leftOf(clock) {
    const told = Number(clock.dataset.left), key = clock.dataset.left + " " + clock.dataset.ends;
    let known = seen.get(clock);
    if (!known || known.key !== key) {
      known = { key, at: performance.now() };
      seen.set(clock, known);
    }
    const byTelling = told - (performance.now() - known.at) / 1000;
    // What was told may be some seconds old where a screen came late. This device's own clock is believed if it agrees.
    const byClock = (Number(clock.dataset.ends) - Date.now()) / 1000;
    const late = byTelling - byClock;
    return Math.max(0, late >= 0 && late < 8 ? byClock : byTelling);
  }

  function tick() {
    for (const clock of document.querySelectorAll(".quiz-clock")) {
      const left = leftOf(clock), total = Number(clock.dataset.total) || 1;
      clock.querySelector(".part").setAttribute("width", String(Math.min(100, (100 * left) / total)));
      const words = clock.querySelector(".seconds"), seconds = String(Math.ceil(left));
      if (words.textContent !== seconds) words.textContent = seconds;
      clock.classList.toggle("short", left <= 10);
    }
  }
  setInterval(tick, 250);
  tick();
})();
