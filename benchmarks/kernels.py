"""Time from asking for a kernel to its first cell having run, forked and ordinary by turns.

``python benchmarks/kernels.py`` starts 20 of each, one after another, over sockets in the file
system as the runner does, and prints medians; half a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time

os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")

from jupyter_client.manager import AsyncKernelManager

from evidence.run import fork_client


async def start(name: str, folder: str) -> float:
    began = time.perf_counter()
    kernel = AsyncKernelManager(kernel_name=name, client_class="evidence.run.kernels.Client")
    kernel.transport, kernel.ip = "ipc", f"{folder}/k"
    await kernel.start_kernel()
    client = kernel.client()
    client.start_channels()
    await client.wait_for_ready(timeout=60)
    await client.execute_interactive("1 + 1", output_hook=lambda _: None)
    seconds = time.perf_counter() - began
    client.stop_channels()
    await kernel.shutdown_kernel(now=True)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=20)
    given = parser.parse_args()
    found = {"evidence": [], "python3": []}
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(start("evidence", folder))  # the fork server comes with the first
        for _ in range(given.starts):
            for name, seconds in found.items():
                seconds.append(asyncio.run(start(name, folder)))
    fork_client.close()
    middle = {name: statistics.median(seconds) for name, seconds in found.items()}
    print(f"kernel asked for to first cell run, median of {given.starts}, by turns")
    print(f"forked: {1000 * middle['evidence']:.0f} ms (goal 150)")
    print(f"ordinary, nothing imported: {1000 * middle['python3']:.0f} ms")


if __name__ == "__main__":
    main()
