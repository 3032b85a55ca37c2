"""`chainrule serve` in a process of its own, as a user starts it, observing what it is asked."""

import io
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from live_server import Live, until


@contextmanager
def observing(
    root: Path, *options: str, share: float = 1.0, environment: dict[str, str] | None = None
) -> Iterator[tuple["subprocess.Popen[bytes]", Live]]:
    """Serve the project at `root`, ready before the body runs; kill the server afterwards."""
    command = [sys.executable, "-m", "chainrule.cli", "serve", "--root", str(root), "--port", "0", "--device", "cpu"]
    log = root / f"serve-{time.monotonic_ns()}.log"
    with (
        log.open("wb") as output,
        subprocess.Popen([*command, "--observe", str(share), *options], stderr=output, env=environment) as process,
    ):
        try:
            until(lambda: process.poll() is not None or _port(log) is not None)
            port = _port(log)
            assert port is not None, log.read_text()
            live = Live(root, port, io.BytesIO())
            until(lambda: live.ask("GET", "/v2/health/ready").status == 200)
            yield process, live
        finally:
            process.kill()


def _port(log: Path) -> int | None:
    found = re.search(r"listening on http://[\d.]+:(\d+)", log.read_text())
    return int(found[1]) if found else None
