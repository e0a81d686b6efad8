"""The dashboards' server: Voila by itself, with its doors shut, over the current release.

Started by `evidence.board.start`; `evidence.board.server` says with what.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import logging
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from jupyter_server.services.kernels.handlers import _kernel_id_regex
from tornado.ioloop import IOLoop, PeriodicCallback
from traitlets.config import Config
from voila.app import Voila
from voila.notebook_renderer import NotebookRenderer
from voila.utils import get_page_config

from evidence.board import handlers, sandbox
from evidence.board.kernel_pool import KernelPool
from evidence.board.listener import Listener
from evidence.board.start import PASSED_ON
from evidence.release.store import reader

EXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8")
FILES = ("results.xlsx", "effects.csv", "indicators.csv")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
MESSAGES = ("comm_open", "comm_close", "comm_msg", "comm_info_request", "kernel_info_request")
_FILES = 8192
_MOST = 1_000_000  # bytes of a request or of a message from a page


class Dashboards(Voila):
    """Voila with a pool of kernels, its own assets and nothing else."""

    settings_of_mine: dict[str, Any]

    def init_settings(self) -> dict[str, Any]:
        """Return Voila's settings, with the headers that every answer carries."""
        settings = super().init_settings()
        self.identity_provider.login_handler_class = handlers.Login
        self.identity_provider.cookie_options = {"samesite": "Lax"}
        settings["headers"] = {
            "Content-Security-Policy": POLICY,
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        settings["xsrf_cookie_kwargs"] = {"samesite": "Lax"}
        settings["allow_remote_access"] = False  # a page of another name could read this one
        settings["local_hostnames"] = ["localhost", *self.settings_of_mine["hosts"]]
        settings["websocket_max_message_size"] = _MOST
        settings["default_handler_class"] = handlers.Missing
        settings["websocket_ping_interval"] = settings["websocket_ping_timeout"] = 30_000
        settings["log_function"] = lambda handler: None  # who looks at what is nobody's business
        return settings

    def listen(self) -> None:
        """Listen, and say where; HTTPS is a proxy's word: the cookie then travels over it alone."""

        def listen(port: int, address: str) -> None:
            Listener(
                self.app,
                xheaders=True,
                max_body_size=_MOST,
                max_buffer_size=2 * _MOST,
                max_header_size=16_384,
                body_timeout=10,
                idle_connection_timeout=20,
            ).listen(port, address)
            if shown := self.settings_of_mine["shown"]:
                print(f"Open {shown}  (Ctrl+C stops it)", flush=True)

        self.app.listen = listen
        gc.collect()
        gc.freeze()  # else the collector goes through all that was imported, and everybody waits
        super().listen()

    def init_handlers(self) -> list:
        """Return what is answered: an address that is not listed here is not there."""
        mine = self.settings_of_mine
        self.pool = KernelPool(
            kernels=self.kernel_manager,
            renderer=self._renderer,
            stamp=lambda: stamp(mine["published"]),
            environment=mine["environment"],
            ready=mine["ready"],
            places=mine["places"],
        )
        self.kernel_manager.allowed_message_types = list(MESSAGES)
        self.kernel_manager.cwd_for_path = lambda *_, **__: mine["empty"]
        pool = {"pool": self.pool}
        static = Path(self.static_paths[-1])
        for place in map(Path, self.static_paths):
            if (place / "voila.js").is_file():
                static = place
        own = next(Path(p, "static") for p in self.template_paths if Path(p).name == "evidence")
        self.roots = {"voila": static, "page": own}
        for name in EXTENSIONS:
            places = (Path(path, name) for path in self.labextensions_path)
            self.roots[f"labextensions/{name}"] = next(p for p in places if p.is_dir())
        kernel = _kernel_id_regex
        top = mine["prefix"]
        pages = {path.stem: path.name for path in sorted(mine["dashboards"].glob("*.ipynb"))}
        routes = [
            (rf"{top}api/kernels/{kernel}", handlers.Kernel),
            (rf"{top}api/kernels/{kernel}/channels", handlers.Channels),
            (rf"{top}voila/api/shutdown/{kernel}", handlers.Closed, pool),
            (rf"{top}alive/{kernel}", handlers.Alive, pool),
            (rf"{top}login", handlers.Login),
            (rf"{top}download/([a-z.]+)", handlers.Download, {"files": self._files()}),
            (top, handlers.Opened, pool | {"notebook": pages.get("board", "board.ipynb")}),
        ]
        routes += [
            (f"{top}assets/{digest()}/{name}/(.+)", handlers.Asset, {"path": str(root)})
            for name, root in self.roots.items()
        ]
        routes += [
            (f"{top}{name}", handlers.Opened, pool | {"notebook": notebook})
            for name, notebook in pages.items()
        ]
        self.pool.fill()
        self.sweeper = PeriodicCallback(self.pool.sweep, 5000)
        self.sweeper.start()
        return [*routes, (r"/.*", handlers.Missing)]

    def stop(self) -> None:
        """End every kernel, those too that are just being started."""
        for each in (signal.SIGINT, signal.SIGTERM):  # it is being done
            signal.signal(each, signal.SIG_IGN)
        logging.getLogger("tornado.general").setLevel(logging.ERROR)  # of streams just closed
        self.sweeper.stop()
        self.ioloop.run_sync(self.pool.stop)

    def _renderer(self, notebook: str) -> NotebookRenderer:
        if not hasattr(self, "page_config"):
            assets = f"{self.settings_of_mine['prefix']}assets/{digest()}"
            shared = ("base_url", "log", "voila_configuration")
            known = {name: getattr(self, name) for name in shared}
            self.page_config = get_page_config(settings=self.app.settings, **known) | {
                "fullStaticUrl": f"{assets}/voila",
                "fullLabextensionsUrl": f"{assets}/labextensions",
                "pageUrl": f"{assets}/page",
            }
        shared = (
            "voila_configuration", "template_paths", "config_manager", "contents_manager",
            "base_url", "kernel_spec_manager", "page_config",
        )  # fmt: skip
        known = {name: getattr(self, name) for name in shared}
        return NotebookRenderer(notebook_path=notebook, traitlet_config=self.config, **known)

    def _files(self) -> dict[str, Any]:
        published = self.settings_of_mine["published"]

        def bundle() -> Path:
            from evidence.release.exchange.bundle import make

            number = reader.release(published)["number"]
            out = Path(self.settings_of_mine["scratch"], f"evidence-{number:04d}.zip")
            return out if out.is_file() else make(published, out)

        return {
            **{n: lambda n=n: reader.inside(reader.folder(published), n) for n in FILES},
            "bundle.zip": bundle,
        }


class Line(logging.LogRecord):
    """A line of the log without the password, however it is written, or any guess of it."""

    def __init__(self, token: str, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        words = {token, quote(token), quote_plus(token), repr(token)[1:-1]} - {""}
        hidden = re.compile("|".join([*map(re.escape, words), r"(?<=token=)[^&\s'\"]+"]))
        with contextlib.suppress(Exception):  # a message whose parts do not fit is shown so
            self.msg, self.args = hidden.sub("[password]", self.getMessage()), ()
        if self.exc_info:
            text = logging.Formatter().formatException(self.exc_info)
            self.exc_text = hidden.sub("[password]", text)


def digest() -> str:
    """Return what the page's scripts are of: their address changes when they do."""
    known = [version(name) for name in ("voila", "ipywidgets", "jupyterlab_widgets", "evidence")]
    return hashlib.sha256("".join(known).encode()).hexdigest()[:12]


def stamp(published: str | Path) -> str:
    """Name the release that is current, or "" where there is none."""
    try:
        folder = reader.folder(published).resolve()
        return f"{folder}:{(folder / 'release.json').stat().st_mtime_ns}"
    except Exception:
        return ""


def main() -> None:
    """Serve until stopped."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _open_as_many_files_as_may_be()
    settings, token = sys.stdin.read().split("\0")
    settings = json.loads(settings)
    logging.setLogRecordFactory(partial(Line, token))
    dashboards, published = Path(settings["dashboards"]), Path(settings["published"])
    scratch = Path(tempfile.mkdtemp(prefix="evidence-"))
    empty = scratch / "empty"
    for folder in (empty, scratch / "home"):
        folder.mkdir()
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {
        "EVIDENCE_PUBLISHED": str(published),
        "EVIDENCE_DASHBOARD": "1",
        "HOME": str(scratch / "home"),
        "IPYTHONDIR": str(scratch / "home"),
        "JUPYTER_RUNTIME_DIR": str(scratch),
        "TMPDIR": str(scratch),
        "PYTHONWARNINGS": "ignore",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    os.environ.clear()
    os.environ |= environment | {
        "JUPYTER_PATH": str(dashboards / "template"),
        "JUPYTER_NO_CONFIG": "1",
        "EVIDENCE_PRELOAD": "evidence.board.preload",
    }
    tempfile.tempdir = str(scratch)
    os.chdir(empty)
    package = Path(__file__).resolve().parents[1]
    if not sandbox.shut_in([package, dashboards, published], [scratch], [package.parent]):
        print("This system cannot shut the dashboards in: see docs/dashboards.md", file=sys.stderr)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # a socket closed while it was written
    place = {"port": settings["port"], "base_url": settings["prefix"]}
    app = Dashboards(config=configuration(place, token, dashboards, scratch))
    app.settings_of_mine = {
        "dashboards": dashboards,
        "published": published,
        "scratch": scratch,
        "empty": str(empty),
        "environment": environment,
        "ready": settings["ready"],
        "places": settings["places"],
        "hosts": settings["hosts"],
        "prefix": settings["prefix"],
        "shown": settings["shown"],
    }
    app.ioloop = IOLoop.current()  # a signal stops it, however early
    try:
        with contextlib.suppress(KeyboardInterrupt):
            app.initialize([])
            app.start()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _open_as_many_files_as_may_be() -> None:
    """Raise the limit of open files: sockets of visitors must leave some to kernels."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit, setrlimit

        soft, hard = getrlimit(RLIMIT_NOFILE)
        most = _FILES if hard == RLIM_INFINITY else min(hard, _FILES)
        if soft != RLIM_INFINITY and soft < most:
            setrlimit(RLIMIT_NOFILE, (most, hard))


def configuration(place: Mapping[str, Any], token: str, dashboards: Path, scratch: Path) -> Config:
    """Return every setting of Voila that matters here; it reads none from files."""
    return Config(
        Voila={
            "ip": "127.0.0.1",
            **place,
            "port_retries": 0,
            "open_browser": False,
            "token": token,
            "identity_provider_class": handlers.Doorkeeper,
            "root_dir": str(dashboards),
            "config_file_paths": [],
            "connection_dir_root": str(scratch),
            "log_level": "ERROR",
        },
        VoilaConfiguration={
            "template": "evidence",
            "allow_template_override": "NO",
            "allow_theme_override": "NO",
            "file_allowlist": [],
            "strip_sources": True,
            "show_tracebacks": False,
            "preheat_kernel": False,  # the pool does that
            "extension_allowlist": [*EXTENSIONS],
        },
        KernelManager={
            "transport": "ipc" if hasattr(socket, "AF_UNIX") else "tcp",
            "autorestart": False,  # it would come back empty, with the page none the wiser
            "client_class": "evidence.run.kernels.Client",
            "shutdown_wait_time": 1.0,
        },
    )
