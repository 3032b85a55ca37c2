"""Processes that start and end quickly: Python's garbage collector waits meanwhile.

While libraries are imported it looks through ever more objects, again and again, and finds none to free: a fifth of the
time that Prefect and DVC take. When Python ends it does so once more, for a second, though the kernel frees everything.
"""

import atexit
import gc


def start() -> None:
    """Let the collector wait, now and when the process ends; to be called before the imports."""
    gc.disable()
    atexit.register(_end)


def started() -> None:
    """Let it work again, on what comes from now on."""
    gc.freeze()
    gc.enable()


def _end() -> None:
    gc.disable()
    gc.freeze()
