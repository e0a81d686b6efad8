// What the page does besides Voila: take choices at once, show the widgets once they are there, and
// say so when the process behind them is gone.
(() => {
  "use strict";
  const kernel = document.body.dataset.kernel;
  const home = JSON.parse(document.getElementById("jupyter-config-data").textContent).baseUrl;
  const live = document.querySelector("[data-live]");
  let loaded = false;
  let held = false;
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
    const first = [...document.querySelectorAll("[data-first] select")];
    if (!texts.length || !first.every((one) => twin(one)?.options.length)) return;
    if (!live.querySelector("h1")) return;
    loaded = true;
    watcher.disconnect();
    if (!held) swap();
  }

  // The widgets take the place of what was painted first, and keep what had the focus.
  function swap() {
    ready = true;
    const before = document.activeElement?.closest("[data-first]") && document.activeElement;
    for (const one of document.querySelectorAll("[data-live]")) one.classList.add("ready");
    if (before) twin(before)?.focus({ preventScroll: true });
    for (const one of document.querySelectorAll("[data-first]")) one.remove();
    document.body.dataset.ready = "yes";
  }

  // The same control of the widgets.
  function twin(one) {
    const name = (control) => control.labels?.[0]?.textContent.trim() ?? control.textContent.trim();
    const alike = [...live.querySelectorAll(one.tagName)];
    return alike.find((other) => name(other) === name(one));
  }

  // Until the widgets are there a choice asks for the page that has it. A list that is open stays
  // until something was chosen.
  const early = (event) => event.target.closest("[data-first] select");
  for (const kind of ["pointerdown", "keydown"])
    document.addEventListener(kind, (event) => early(event) && (held = true));
  document.addEventListener("focusout", (event) => {
    if (!early(event)) return;
    held = false;
    if (loaded && !ready) setTimeout(() => ready || swap()); // what is next has the focus by then
  });
  document.addEventListener("change", (event) => {
    const chosen = early(event);
    if (!chosen) return;
    held = false;
    if (loaded) {
      const other = twin(chosen);
      swap();
      other.selectedIndex = chosen.selectedIndex;
      other.dispatchEvent(new Event("change", { bubbles: true }));
    } else {
      sessionStorage.setItem("chosen", chosen.name);
      chosen.form.requestSubmit();
    }
  });
  const chosen = document.getElementById(`choice-${sessionStorage.getItem("chosen")}`);
  sessionStorage.removeItem("chosen");
  chosen?.focus({ preventScroll: true });
  // Voila ends the process of a page that is left; until its scripts are there this does.
  window.addEventListener("pagehide", () => {
    if (!ready) navigator.sendBeacon(`${home}voila/api/shutdown/${kernel}`);
  });
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
