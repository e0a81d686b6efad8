// What the page does besides Voila: show the widgets once they are there, and say so when the
// process behind them is gone.
(() => {
  "use strict";
  const kernel = document.body.dataset.kernel;
  const home = JSON.parse(document.getElementById("jupyter-config-data").textContent).baseUrl;
  const live = document.querySelector("[data-live]");
  const began = Date.now();
  let ready = false;
  let lost = false;
  let missed = 0;
  // Voila's scripts take a second of the processor: what can be read is painted first. They wait
  // for the page to have loaded, which by then is over.
  const then = document.currentScript.dataset.then;
  const listen = window.addEventListener.bind(window);
  window.addEventListener = (kind, act, options) =>
    kind === "load" && document.readyState === "complete"
      ? setTimeout(act)
      : listen(kind, act, options);
  requestAnimationFrame(() =>
    setTimeout(() => {
      const voila = document.createElement("script");
      voila.src = then;
      document.head.append(voila);
    })
  );
  window.voila_process = window.voila_finish = window.voila_heartbeat = () => {};

  function lose(words) {
    if (lost) return;
    lost = true;
    const place = document.getElementById("lost");
    place.textContent = words;
    const again = document.createElement("button");
    again.type = "button";
    again.textContent = "Load it again";
    again.addEventListener("click", () => location.reload());
    place.append(again);
    place.hidden = false;
    for (const one of document.querySelectorAll("select")) one.disabled = true;
  }

  function settle() {
    if (ready || !live) return;
    const texts = live.querySelectorAll(".jupyter-widgets.widget-html-content, .widget-html-content");
    const boxes = live.querySelectorAll("select option");
    if (!texts.length || !boxes.length && document.querySelector("[data-first] select")) return;
    if (!live.querySelector("h1")) return;
    ready = true;
    watcher.disconnect();
    for (const one of document.querySelectorAll("[data-first]")) one.remove();
    for (const one of document.querySelectorAll("[data-live]")) one.classList.add("ready");
    document.body.dataset.ready = "yes";
  }
  const watcher = new MutationObserver(settle);
  if (live) watcher.observe(live, { childList: true, subtree: true });

  async function look() {
    if (lost || document.hidden) return;
    try {
      const answer = await fetch(`${home}alive/${kernel}`, { cache: "no-store", redirect: "manual" });
      if (answer.status === 410) lose("This page has lost its connection: the choices no longer change it.");
      missed = 0;
    } catch {
      missed += 1;
      if (missed > 1) lose("The evidence base cannot be reached: the choices no longer change this page.");
    }
    if (!ready && Date.now() - began > 30000) lose("The filters of this page did not load.");
  }
  setInterval(look, 3000);
  document.addEventListener("visibilitychange", look);
  document.addEventListener("change", look);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });
  // Brought back by the browser's back button: its kernel is gone.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
})();
