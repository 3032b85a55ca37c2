"""`chainrule serve`: one process, one event loop, models loaded while it already says that it is alive."""

import argparse
import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.serving.explaining import Explainer
from chainrule.serving.limits import BACKLOG, Limits
from chainrule.serving.settings import TOKEN_VARIABLE, Settings
from chainrule.system.errors import ChainruleError

if TYPE_CHECKING:
    from chainrule.serving.logs import Log
    from chainrule.serving.loop import Server
    from chainrule.serving.models import Models
    from chainrule.serving.observed import Observer

FLUSH_SECONDS = 0.2  # the longest that a line about a request waits to be written
DRAIN_SECONDS = 5.0  # beyond the longest wait for a run, what answers in hand may take at the end
SWITCH_SECONDS = 0.0005
LARGE_PIECE = 1024 * 1024
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # glibc's M_MMAP_THRESHOLD, M_ARENA_MAX
ARENAS = 2
COLLECTED = 5_000  # objects that are made before the youngest are looked through for cycles
_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `chainrule serve`."""
    limits = Limits()
    parser.add_argument("--root", type=Path, default=Path(), help="the project (default: here)")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help=f"address to listen on; any but loopback needs {TOKEN_VARIABLE} (default: %(default)s)",
    )
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a host name that requests may be addressed to, beside localhost, where there is no token; repeatable",
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "tensorrt"),
        default="auto",
        help="auto: the GPU if there is one (default: %(default)s)",
    )
    parser.add_argument(
        "--variant", choices=("fp32", "int8", "fp16"), help="default: what the bundle ships for the device"
    )
    parser.add_argument("--threads", type=int, default=0, help="runs of a model at once (default: one per core)")
    parser.add_argument(
        "--max-batch", type=int, default=limits.max_batch, help="most items of one run (default: %(default)s)"
    )
    parser.add_argument("--queue", type=int, default=limits.queue, help="most items that wait (default: %(default)s)")
    parser.add_argument(
        "--deadline",
        type=float,
        default=limits.deadline_seconds,
        help="most seconds that a request waits for its run (default: %(default)s)",
    )
    parser.add_argument(
        "--observe",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="write this share of inputs and answers to data/observed, for pipelines.monitor (default: 0, none)",
    )
    parser.add_argument(
        "--observe-megabytes",
        type=int,
        default=Settings.observe_megabytes,
        metavar="N",
        help="most MiB of it per model; the oldest go (default: %(default)s)",
    )
    parser.add_argument(
        "--registry",
        help="an MLflow server whose champions are served (default: MLFLOW_TRACKING_URI if it is http)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve as the command line says."""
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    limits = replace(
        Limits(), max_batch=arguments.max_batch, queue=arguments.queue, deadline_seconds=arguments.deadline
    )
    for option, value in (
        ("--max-batch", limits.max_batch),
        ("--queue", limits.queue),
        ("--deadline", arguments.deadline),
    ):
        if value <= 0:
            raise ChainruleError(f"{option} must be more than 0")
    if arguments.threads < 0 or not 0 <= arguments.port <= 65535:
        raise ChainruleError("--threads must be 0 or more, --port from 0 to 65535")
    if not 0 <= arguments.observe <= 1 or arguments.observe_megabytes < 1:
        raise ChainruleError("--observe must be from 0 to 1, --observe-megabytes 1 or more")
    return serve(
        Settings(
            root=arguments.root,
            host=arguments.host,
            port=arguments.port,
            device=arguments.device,
            variant=arguments.variant,
            threads=arguments.threads,
            registry=arguments.registry or (uri if uri.startswith(("http://", "https://")) else None),
            names=tuple(name.lower() for name in arguments.allow_host),
            token=os.environ.get(TOKEN_VARIABLE) or None,
            observe=arguments.observe,
            observe_megabytes=arguments.observe_megabytes,
            limits=limits,
        )
    )


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; requests in hand are answered first. Returns the exit code.

    Raises ChainruleError if the address is taken, would be open to others without a token, or the device is not here.
    """
    from chainrule.serving import logs, runtime, security

    security.refuse_open_address(settings)
    settings = replace(settings, device=runtime.device_for(settings.device))
    # A worker that comes back from ONNX Runtime waits so long for the interpreter; the default is 5 ms.
    sys.setswitchinterval(SWITCH_SECONDS)
    give_back_large()
    log = logs.Log()
    logs.install(log)
    allow_files(settings.limits.connections + 256)
    listener = listen(settings.host, settings.port)
    # Until the server heeds them itself, and once it has ended; it then has ended well.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    host, port = listener.getsockname()[:2]
    _log.info("listening on http://%s:%d, inference on %s", f"[{host}]" if ":" in host else host, port, settings.device)
    server = make_server(settings, log)
    # What is here by now stays. To look through it again and again took a tenth of what a request costs the server.
    gc.freeze()
    gc.set_threshold(COLLECTED, 20, 20)
    try:
        server.run(listener)
    finally:
        _log.info("ended")
    return 0


def make_server(settings: Settings, log: "Log") -> "Server":
    """Return a server that is yet to run."""
    from chainrule.serving.app import create_app
    from chainrule.serving.body import Bodies
    from chainrule.serving.connection import Shared
    from chainrule.serving.context import Context
    from chainrule.serving.loading import Options
    from chainrule.serving.loop import Server
    from chainrule.serving.metrics import Metrics
    from chainrule.serving.models import Models
    from chainrule.serving.observed import Observer
    from chainrule.serving.preparing import Preparer

    limits = settings.limits
    metrics = Metrics()
    observer = None
    if settings.observe > 0:
        observer = Observer(settings.root, settings.observe, settings.observe_megabytes)
        metrics.observed = observer.counts
    options = Options(settings.device, settings.variant, settings.threads, limits)
    models = Models(options, metrics.ran, observer, metrics.wrote)
    metrics.serving = models.serving
    preparer = Preparer(limits.deadline_seconds)
    app = create_app(Context(models, settings, metrics, log, Bodies(limits.bodies_bytes), preparer, Explainer(limits)))
    return Server(
        Shared(app, limits), lambda: _life(models, settings, log, observer), limits.deadline_seconds + DRAIN_SECONDS
    )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises ChainruleError if it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise ChainruleError(f"cannot listen on {host}:{port} ({error}); choose another --host or --port") from None


def give_back_large() -> None:
    """Have glibc return every large piece of memory when it is freed, and threads share what it keeps of small ones.

    Else each thread keeps what one body took.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(_MMAP_THRESHOLD, LARGE_PIECE)
        mallopt(_ARENA_MAX, ARENAS)


def allow_files(count: int) -> None:
    """Raise the number of files that the process may have open, as far as the system lets it."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextlib.asynccontextmanager
async def _life(models: "Models", settings: Settings, log: "Log", observer: "Observer | None") -> AsyncIterator[None]:
    """Watch for models to serve as long as the server lives, then finish what is in hand."""
    from chainrule.serving.watch import watch

    loop = asyncio.get_running_loop()

    def later(call: Callable[[], None]) -> None:
        loop.call_later(FLUSH_SECONDS, call)

    log.later = later
    watching = asyncio.create_task(watch(models, settings.root, settings.registry))
    watching.add_done_callback(_say_why)
    yield
    watching.cancel()
    await models.close()
    if observer is not None:
        observer.close()
    log.later = None
    log.flush()


def _say_why(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("changes of the models are no longer noticed", exc_info=error)


def _end(number: int, frame: Any) -> None:
    raise SystemExit(0)
