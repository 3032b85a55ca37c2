"""One server or worker of a team, as the supervisor sees it."""

import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

QUIET = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Opens addresses on this machine: no proxy lies between."""


class Piece(NamedTuple):
    """One server or worker."""

    name: str
    command: list[str]
    env: dict[str, str]
    wrong: Callable[[], str | None]
    """Ask it; None if it answers as it should, else what is wrong."""
    address: str
    port: str | None = None
    """The variable that names its port."""
    prepare: Callable[[], None] = lambda: None
    settle: Callable[[], None] = lambda: None
    """What is done once it answers: databases, buckets, pools."""
    user: str | None = None
    cwd: Path | None = None
    end: signal.Signals = signal.SIGTERM


def fetch(address: str, body: bytes | None = None, **headers: str) -> bytes:
    """Return what an http address answers; underscores in names of headers are dashes. Raises OSError."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    request = urllib.request.Request(address, body, named)  # noqa: S310 - the addresses are our own
    with QUIET.open(request, timeout=10) as answer:
        content: bytes = answer.read()
    return content


def answers(address: str, **headers: str) -> str | None:
    """Ask an address; None if it answers, else what is wrong."""
    try:
        fetch(address, None, **headers)
    except urllib.error.HTTPError as error:
        return f"{address} answers {error.code}"
    except OSError as error:
        return f"{address}: {getattr(error, 'reason', error)}"
    return None
