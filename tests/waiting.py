"""Waiting for a condition, never for a time, and ports to wait at."""

import random
import socket
import threading
import time
from collections.abc import Callable
from typing import Any


def until(condition: Callable[[], Any], seconds: float = 120.0, what: str = "what was waited for") -> Any:
    """Poll until the condition is true and return what it gave; fail at a deadline that suits a busy machine."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds:g} s"
        threading.Event().wait(0.02)
    return found


def free_port() -> int:
    """Return a port at which nobody listens.

    Systems hand out ports from 32768 on to whoever asks for any one; below, nobody gets it before it is used.
    """
    while True:
        port = random.randint(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
