"""The pool of kernels when the dashboards' server is stopped."""

import asyncio
from types import SimpleNamespace

import pytest

from evidence.board.kernel_pool import FullError, KernelPool


class Renderer:
    """Of a notebook that is never run: its kernel is being started when the pool stops."""

    notebook = SimpleNamespace(
        metadata=SimpleNamespace(kernelspec=SimpleNamespace(name="evidence"))
    )
    exporter = None

    async def initialize(self):
        """Nothing to read."""


@pytest.mark.slow  # a kernel is started
def test_pool_that_stops_ends_the_kernels_that_are_being_started(tmp_path, monkeypatch):
    from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    kernels = AsyncMappingKernelManager(connection_dir=str(tmp_path), root_dir=str(tmp_path))

    async def whole():
        pool = KernelPool(
            kernels=kernels,
            renderer=lambda _: Renderer(),
            stamp=str,
            environment={},
            ready={"board.ipynb": 3},
            places=5,
        )
        pool.fill()
        visitor = asyncio.ensure_future(pool.open("board.ipynb", "a=1"))
        while len(pool.under_way) < 2:
            await asyncio.sleep(0.001)
        assert not len(kernels)
        ended, end = [], kernels.shutdown_kernel

        async def noted(kernel, **options):
            ended.append(kernels.get_kernel(kernel))
            await end(kernel, **options)

        kernels.shutdown_kernel = noted
        await pool.stop()
        assert len(ended) == 2
        assert not any([await one.is_alive() for one in ended])
        with pytest.raises(AttributeError):  # its notebook cannot be run
            await visitor
        pool.fill()
        assert pool.filling.done()
        with pytest.raises(FullError):
            await pool.open("board.ipynb", "")
        assert not len(kernels)

    asyncio.run(whole())
