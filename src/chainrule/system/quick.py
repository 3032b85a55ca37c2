"""Processes that start and end quickly: Python's garbage collector waits meanwhile.

While libraries are imported it looks through ever more objects, again and again, and finds none to free: a fifth of the
time that Prefect and DVC take. When Python ends it does so once more, for a second, though the kernel frees everything.
"""

import atexit
import gc
import sys


def start() -> None:
    """Let the collector wait, now and when the process ends; to be called before the imports."""
    gc.disable()
    end_at_once()


def started() -> None:
    """Let it work again, on what comes from now on."""
    gc.freeze()
    gc.enable()


def spare() -> None:
    """Let it look seldom, and not when the process ends: for one whose work imports torch when it needs it."""
    gc.set_threshold(1_000_000, 50, 50)
    end_at_once()


def end_at_once() -> None:
    """Let it not look when the process ends."""
    atexit.register(_end)


def _end() -> None:
    if "triton" not in sys.modules:  # which would list on stderr whatever is not freed
        gc.disable()
        gc.freeze()
