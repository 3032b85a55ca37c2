"""Batches that do not fit in memory beside the net: halved, as often as needed."""

from collections.abc import Callable
from typing import TypeVar

from chainrule.system.errors import ChainruleError

Result = TypeVar("Result")


def halving(work: Callable[[], Result], halve: Callable[[], None]) -> Result:
    """Return what the work returns; where memory does not do, it is done anew after `halve`, for as long as that is."""
    while True:
        try:
            return work()
        except (RuntimeError, MemoryError) as error:
            from accelerate.utils.memory import should_reduce_batch_size  # seconds that only this needs

            if not (isinstance(error, MemoryError) or should_reduce_batch_size(error)):
                raise
        # Outside of the handler, where the error no longer holds on to what filled the memory.
        halve()


def too_many(rows: int) -> str:
    """Return in words that so many rows do not fit, having let go of what torch keeps of a GPU's memory.

    ChainruleError for one row, which nothing can halve.
    """
    import torch

    if rows == 1:
        raise ChainruleError(
            "one row does not fit in memory: take a smaller net, or shorter texts or sounds, or smaller images"
        )
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return f"{rows} rows do not fit in memory beside the net"
