"""The dashboards against Voila as it comes, on the same page, in a real Chromium.

Promises: from the click to the first chart at most 0.22 of what default Voila takes, to controls
that work at most 0.35 (a choice made at once, before the widgets are there, loads the page that has
it: that is timed too); a filter change shows its new chart within 150 ms; 100 reloads without a
page that hangs; 20 visitors at once served in 5 s, 50 without an error; at most 70 MB a session;
kernels back to those that are kept ready within 60 s of the last tab. Both servers run all the time
and take turns.
Run: python benchmarks/dashboards.py [PUBLISHED] [--reloads N]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from browser.conftest import FLAGS  # noqa: E402
from browser.serving import (  # noqa: E402
    free_port,
    kernel_of,
    kernels_of,
    served,
    until,
    wait_for,
)

CHART = ".board tbody.one svg circle"
CONTROLS = ".board select:enabled"
FEWER = """many => {
  const there = document.querySelectorAll(".board tbody.one").length;
  return there && there < many;
}"""
# When each is painted, since the navigation began, by the page's own clock.
SEEN = """(() => {
  const look = () => {
    for (const [name, what] of [["chart", "CHART"], ["controls", "CONTROLS"]])
      if (!window["seen_" + name] && document.querySelector(what)?.getClientRects().length)
        window["seen_" + name] = performance.now();
    if (!window.seen_controls || !window.seen_chart) requestAnimationFrame(look);
  };
  look();
})()""".replace("CHART", CHART).replace("CONTROLS", CONTROLS)
CHANGE = """async (label) => {
  const box = [...document.querySelectorAll(".widget-dropdown")].find(
    (one) => one.innerText.startsWith("What to do")).querySelector("select");
  const place = document.querySelector(".board tbody.one").closest(".widget-html-content");
  const began = performance.now();
  const changed = new Promise((done) => new MutationObserver(done).observe(
    place, { childList: true, subtree: true }));
  box.value = label;
  box.dispatchEvent(new Event("change", { bubbles: true }));
  await changed;
  await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""


@contextmanager
def default(published: Path):
    """Serve the board's notebook with Voila as it comes, in an ordinary kernel."""
    with tempfile.TemporaryDirectory() as folder:
        notebook = json.loads((ROOT / "dashboards/board.ipynb").read_text(encoding="utf-8"))
        notebook["metadata"]["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        place = Path(folder, "board.ipynb")
        place.write_text(json.dumps(notebook), encoding="utf-8")
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", "voila", str(place), "--no-browser", f"--port={port}",
             "--Voila.log_level=CRITICAL"],
            env={**os.environ, "EVIDENCE_PUBLISHED": str(published)},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_for(process, port)
            yield f"http://127.0.0.1:{port}/", process.pid
        finally:
            process.terminate()
            process.wait(30)


def visitor(browser, address):
    """Return a new browser profile that asks nobody but the server."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(SEEN)
    context.route(lambda url: not url.startswith((address, "data:")), lambda route: route.abort())
    return context


def opens(page, address) -> tuple[float, float]:
    """Return the seconds from the click to the first chart, and to controls that work."""
    page.goto(address, wait_until="commit")
    page.wait_for_selector(f"{CONTROLS} option", state="attached", timeout=60_000)
    until(lambda: page.evaluate("window.seen_controls > 0"), 60)
    return tuple(page.evaluate("[window.seen_chart / 1000, window.seen_controls / 1000]"))


def chooses(page, address) -> float:
    """Return the seconds from the click to the chart of a choice made as soon as it can be."""
    many = page.locator(".board tbody.one").count()
    began = time.monotonic()
    page.goto(address, wait_until="commit")
    page.wait_for_selector(f"{CONTROLS} option", state="attached", timeout=60_000)
    page.get_by_label("What to do").select_option(index=1)
    page.wait_for_function(FEWER, arg=many, timeout=60_000)
    return time.monotonic() - began


def first_chart(browser, addresses, rounds=5) -> dict[str, list[float]]:
    """Return what each round took, the two servers in turn; warm: the scripts are kept."""
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, address in addresses.items():
            context = visitor(browser, address)
            for kind in ("new visitor", "known visitor"):
                page = context.new_page()
                chart, controls = opens(page, address)
                found.setdefault(f"{name}, {kind}, first chart", []).append(chart)
                found.setdefault(f"{name}, {kind}, controls", []).append(controls)
                time.sleep(2)  # the desk makes the next page ready, as it would for people
                found.setdefault(f"{name}, {kind}, choice", []).append(chooses(page, address))
                page.close(run_before_unload=True)
                time.sleep(2)
            context.close()
    return found


def changes(browser, address, times=11) -> list[float]:
    """Return the milliseconds from a choice to its new chart."""
    context = visitor(browser, address)
    page = context.new_page()
    opens(page, address)
    page.wait_for_selector("body[data-ready]")
    labels = page.get_by_label("What to do").evaluate("one => [...one.options].map((o) => o.value)")
    taken = [page.evaluate(CHANGE, labels[1 + i % 2]) for i in range(times)]
    context.close()
    return taken[1:]


def reloads(browser, address, times) -> tuple[int, list[float]]:
    """Return how many of many reloads hung, and how long each took to its controls."""
    context = visitor(browser, address)
    page = context.new_page()
    hung, taken = 0, []
    for _ in range(times):
        began = time.monotonic()
        try:
            page.goto(address, wait_until="commit")
            page.wait_for_selector("body[data-ready]", timeout=30_000)
            taken.append(time.monotonic() - began)
        except Exception:
            hung += 1
    context.close()
    return hung, taken


async def crowd(address, number, apart=0.0):
    """Let visitors come, each with an open socket; return statuses, seconds and sockets."""
    client = AsyncHTTPClient(force_instance=True, max_clients=200)

    async def come(place):
        await asyncio.sleep(apart * place)
        began = time.monotonic()
        answer = await client.fetch(address, raise_error=False, request_timeout=120)
        taken = time.monotonic() - began
        if answer.code != 200:
            return answer.code, taken, None, ""
        kernel = kernel_of(answer.body.decode())
        channels = f"{address.replace('http', 'ws')}api/kernels/{kernel}/channels"
        return 200, taken, await websocket_connect(HTTPRequest(channels)), kernel

    return await asyncio.gather(*(come(place) for place in range(number)))


def pss(pid) -> float:
    """Return the proportional share of memory of a process in megabytes."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(text.split("\nPss:")[1].split()[0]) / 1024


def p95(values) -> float:
    """Return the 95th percentile."""
    return sorted(values)[max(0, round(0.95 * len(values)) - 1)]


async def load(address, pool) -> dict[str, str]:
    """Return what a full house does: times, memory, the one too many, and how it empties."""
    found = {}
    for number, apart, name in ((20, 0.0, "20 at once"), (40, 1.0, "40, one a second")):
        answers = await crowd(address, number, apart)
        times = [seconds for _, seconds, *_ in answers]
        bad = sum(status != 200 for status, *_ in answers)
        found[name] = f"last {max(times):.2f} s, p95 {p95(times):.2f} s, {bad} errors"
        found[f"{name}, tabs closed"] = f"{await emptied(address, answers, pool, True):.1f} s"
    answers = await crowd(address, 50)
    times = [seconds for _, seconds, *_ in answers]
    bad = sum(status != 200 for status, *_ in answers)
    found["50 at once"] = f"last {max(times):.2f} s, p95 {p95(times):.2f} s, {bad} errors"
    own = kernels_of(address.pid)
    shares = [pss(one) for one in own]
    found["memory a session"] = (
        f"{statistics.median(shares):.1f} MB (PSS, median of {len(own)} kernels; "
        f"all {sum(shares):.0f} MB, server {pss(address.pid):.0f} MB)"
    )
    (more,) = await crowd(address, 1)
    found["the 51st"] = f"status {more[0]} in {more[1]:.3f} s"
    found["50 at once, connections lost"] = f"{await emptied(address, answers, pool):.1f} s"
    return found


async def emptied(address, answers, pool, told=False) -> float:
    """Close the sockets, with the beacon of a closed tab where `told`; return how long it took."""
    client = AsyncHTTPClient(force_instance=True, max_clients=200)
    began = time.monotonic()
    for *_, line, kernel in answers:
        if line:
            line.close()
            if told:
                end = f"{address}voila/api/shutdown/{kernel}"
                await client.fetch(end, method="POST", body=b"", raise_error=False)
    while len(kernels_of(address.pid)) > pool and time.monotonic() - began < 120:
        await asyncio.sleep(0.5)
    return time.monotonic() - began


def main() -> None:
    """Measure and print."""
    wanted = argparse.ArgumentParser()
    wanted.add_argument("published", nargs="?", default="published", type=Path)
    wanted.add_argument("--reloads", default=100, type=int)
    wanted.add_argument("--rounds", default=5, type=int)
    wanted = wanted.parse_args()
    published = wanted.published.resolve()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    ready = {"board.ipynb": 2, "programme.ipynb": 1, "area.ipynb": 1, "hub.ipynb": 1}
    with served(published, ready=ready) as ours, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("EVIDENCE_CHROMIUM") or shutil.which("chromium"),
            args=FLAGS,
        )
        with default(published) as (theirs, _):
            time.sleep(5)
            found = first_chart(browser, {"default Voila": theirs, "evidence": ours}, wanted.rounds)
        middle = {name: statistics.median(values) for name, values in found.items()}
        for name, value in middle.items():
            print(f"{name}: {value:.2f} s")
        for kind in ("new visitor", "known visitor"):
            for what in ("first chart", "controls", "choice"):
                one, other = (middle[f"{n}, {kind}, {what}"] for n in ("evidence", "default Voila"))
                print(f"{kind}, {what}: {one / other:.3f} of default Voila")
        taken = changes(browser, ours)
        print(f"choice to new chart: {statistics.median(taken):.0f} ms, most {max(taken):.0f} ms")
        hung, taken = reloads(browser, ours, wanted.reloads)
        print(
            f"{wanted.reloads} reloads: {hung} hung; {statistics.median(taken):.2f} s to controls"
        )
        browser.close()
    with served(published, ready=ready) as ours:
        until(lambda: len(kernels_of(ours.pid)) == sum(ready.values()), 60)
        for name, value in asyncio.run(load(ours, sum(ready.values()))).items():
            print(f"{name}: {value}")
    print(f"load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
