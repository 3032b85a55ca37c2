"""Where inputs of images, texts and rows are made: in a few threads, for to decode one would hold all others up."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from chainrule.serving.errors import Refusal

Made = TypeVar("Made")
THREADS = 2
MOST = 64
"""Requests whose inputs are being made, or wait for that."""


class Preparer:
    """The threads, and how many requests they have in hand. To be asked from one event loop."""

    def __init__(self, deadline: float) -> None:
        """Take the seconds after which a request is refused whose inputs are not made."""
        self._pool = ThreadPoolExecutor(THREADS, "prepare")
        self._deadline = deadline
        self._in_hand = 0

    async def run(self, make: Callable[[], Made], quick: bool) -> Made:
        """Return what `make` makes in a thread. Raises what it raises, and Refusal (503): too many wait, too late.

        quick: it takes less than to wake a thread, so it is made here.
        """
        if quick:
            return make()
        if self._in_hand >= MOST:
            raise Refusal(503, "too many inputs wait to be made already; ask again in 1 s", "queue_full", 1)
        self._in_hand += 1
        try:
            making = asyncio.get_running_loop().run_in_executor(self._pool, make)
            return await asyncio.wait_for(making, self._deadline)
        except TimeoutError:
            message = f"the input was not prepared within {self._deadline:g} s; ask again"
            raise Refusal(503, message, "deadline", 1) from None
        finally:
            self._in_hand -= 1
