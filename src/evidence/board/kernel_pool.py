"""Kernels for the visitors of the dashboards: ready beforehand, counted, and taken back.

A page is a notebook that ran in a kernel of its own. Some run before anybody asks; when all places
are taken a visitor is asked to wait; a kernel whose page was closed, or that died, is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from voila.notebook_renderer import NotebookRenderer

UNSEEN, IDLE = 40.0, 3600.0  # seconds without a page, and without a choice, before a kernel ends
LONGEST = 60.0  # seconds that a page may take to be made


class FullError(Exception):
    """Every place is taken."""


@dataclass(kw_only=True)
class Page:
    """A page that ran: its kernel, its HTML and the release it was made from."""

    kernel: str
    html: str
    stamp: str


@dataclass(kw_only=True)
class KernelPool:
    """Gives out pages.

    Parameters
    ----------
    kernels : MappingKernelManager
        Starts and ends kernels.
    renderer : callable
        Gives a Voila renderer for the name of a notebook.
    stamp : callable
        Names the release that is current; a page made from another is not given out.
    environment : mapping
        Environment of the kernels.
    ready : mapping of str to int
        How many pages of each notebook to keep ready.
    places : int
        How many visitors at once.
    """

    kernels: Any
    renderer: Callable[[str], NotebookRenderer]
    stamp: Callable[[], str]
    environment: Mapping[str, str]
    ready: Mapping[str, int]
    places: int
    visitors: dict[str, float] = field(default_factory=dict)  # kernel: when its page was last seen
    opening: int = 0
    prepared: dict[str, list[Page]] = field(default_factory=dict)
    lanes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))
    filling: asyncio.Task | None = None
    under_way: set[asyncio.Task] = field(default_factory=set)  # starts and ends of kernels
    closing: bool = False
    exporters: dict[str, Any] = field(default_factory=dict)

    @property
    def taken(self) -> int:
        """Return how many places are taken."""
        return self.opening + sum(kernel in self.kernels for kernel in self.visitors)

    async def open(self, notebook: str, query: str) -> str:
        """Return the page of a notebook as HTML, its kernel waiting.

        Parameters
        ----------
        notebook : str
            Which.
        query : str
            The visitor's choice as it is in the address, which the notebook checks.

        Raises
        ------
        FullError
            Every place is taken.
        """
        if self.closing or self.taken >= self.places:
            raise FullError
        self.opening += 1
        try:
            page = self._take(notebook)
            if page is None or query:
                async with self.lanes:
                    page = await self._make(notebook, query, page and page.kernel)
            self.visitors[page.kernel] = time.monotonic()
        finally:
            self.opening -= 1
            self.fill()
        return page.html

    def fill(self) -> None:
        """Begin to make the pages that should be ready, once nobody is waiting."""
        if not self.closing and (self.filling is None or self.filling.done()):
            self.filling = asyncio.ensure_future(self._fill())

    async def stop(self) -> None:
        """Start no more kernels, and end all, those too that are just being started."""
        self.closing = True
        if self.filling:
            self.filling.cancel()
        await asyncio.gather(*self.under_way, return_exceptions=True)
        ends = (self.kernels.shutdown_kernel(k, now=True) for k in self.kernels.list_kernel_ids())
        await asyncio.gather(*ends, return_exceptions=True)

    async def alive(self, kernel: str) -> bool:
        """Whether a visitor's kernel is there and is the one that made the page."""
        return kernel in self.visitors and await self._lives(kernel)

    async def close(self, kernel: str) -> None:
        """End a kernel."""
        self.visitors.pop(kernel, None)
        with contextlib.suppress(Exception):  # it may be gone already
            await self._to_its_end(self.kernels.shutdown_kernel, kernel, now=True)

    async def sweep(self) -> None:
        """End what nobody looks at, what nobody has used for long, and what died."""
        now = time.monotonic()
        known = getattr(self.kernels, "_kernel_connections", {})
        for kernel in [*self.visitors]:
            if kernel not in self.kernels:
                self.visitors.pop(kernel, None)
                continue
            if known.get(kernel, 0) > 0:
                self.visitors[kernel] = now
            used = self.kernels.get_kernel(kernel).last_activity.timestamp()
            idle = time.time() - used > IDLE
            if now - self.visitors[kernel] > UNSEEN or idle or not await self._lives(kernel):
                await self.close(kernel)
        stamp = self.stamp()
        for pages in self.prepared.values():
            for page in [*pages]:
                if page.stamp != stamp or not await self._lives(page.kernel):
                    pages.remove(page)
                    await self.close(page.kernel)
        self.fill()

    async def _lives(self, kernel: str) -> bool:
        return kernel in self.kernels and await self.kernels.get_kernel(kernel).is_alive()

    def _take(self, notebook: str) -> Page | None:
        stamp, pages = self.stamp(), self.prepared.get(notebook, [])
        while pages:
            page = pages.pop(0)
            if page.stamp == stamp:
                return page
            self.prepared.setdefault("", []).append(page)  # the next sweep ends it
        return None

    async def _fill(self) -> None:
        while self.opening:  # those who wait come first
            await asyncio.sleep(0.25)
        for notebook, wanted in self.ready.items():
            pages = self.prepared.setdefault(notebook, [])
            while len(pages) < wanted and not self.opening:
                try:
                    pages.append(await self._make(notebook, ""))
                except Exception:
                    return  # the next visitor sees what is wrong; the next sweep tries again

    async def _to_its_end(self, do: Callable, *args: Any, **options: Any) -> Any:
        """Start or end a kernel, be it that nobody waits for it any more; neither once stopped."""
        if self.closing:
            raise FullError
        task = asyncio.ensure_future(do(*args, **options))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)
        return await asyncio.shield(task)

    async def _make(self, notebook: str, query: str, kernel: str | None = None) -> Page:
        """Run a notebook in a new kernel, or again in one that has run it."""
        stamp = self.stamp()
        renderer = self.renderer(notebook)
        await renderer.initialize()
        renderer.exporter = self.exporters.setdefault(notebook, renderer.exporter)  # compiled once
        if kernel is None:
            kernel = await self._to_its_end(
                self.kernels.start_kernel,
                kernel_name=renderer.notebook.metadata.kernelspec.name,
                env={**self.environment, "QUERY_STRING": query},
            )
        elif query:
            choose = f"import os; os.environ['QUERY_STRING'] = {query!r}"
            renderer.notebook.cells.insert(0, nbformat.v4.new_code_cell(choose))
        try:
            html = await asyncio.wait_for(
                renderer.generate_content_str(kernel, self.kernels.get_kernel(kernel)), LONGEST
            )
        except BaseException:
            await self.close(kernel)
            raise
        if "data-live" not in html:  # the template's mark of a widget
            await self.close(kernel)
            raise RuntimeError(f"{Path(notebook).name} did not run to its end")
        return Page(kernel=kernel, html=html, stamp=stamp)
