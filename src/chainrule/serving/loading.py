"""A version from its files to a session that has run: read, opened, warmed, all of it beside the one being served."""

import ctypes
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.serving import answered, plain, runtime
from chainrule.serving import bundle as bundles
from chainrule.serving.batching import Arrays
from chainrule.serving.bundle import Bundle
from chainrule.serving.decoding import rows, settings
from chainrule.serving.limits import Limits
from chainrule.serving.runtime import Session
from chainrule.serving.signature import Tensor
from chainrule.serving.store import Wanted
from chainrule.system.errors import DataError

GPU_WORKERS = 2  # one puts the next batch together while the other's runs


@dataclass(frozen=True)
class Options:
    """How models are run."""

    device: str = "auto"
    """auto, cpu, cuda or tensorrt."""
    variant: str | None = None
    """fp32, int8 or fp16; None for the one that suits the device."""
    threads: int | None = None
    """Runs of one model at once, each on a core of its own; None for as many as there are cores (on a GPU: two)."""
    limits: Limits = field(default_factory=Limits)


def workers_for(session: Session, options: Options) -> int:
    """Return how many runs of a model there may be at once."""
    return options.threads or (runtime.cores() if session.device == "cpu" else GPU_WORKERS)


def warm(bundle: Bundle, session: Session, workers: int, limits: Limits) -> None:
    """Run the model on one item and on as much as all workers ever run at once: memory grows now, and not later.

    Raises DataError if an answer is not what the signature promises.
    """
    _try(bundle, session, 1, dict.fromkeys(runtime.varying(bundle), 1))
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda _: _try(bundle, session, *runtime.full_run(bundle, limits)), range(workers)))


def warm_writer(bundle: Bundle, session: Session) -> None:
    """Have a model that writes go on from one token, and from as many as it takes. Raises DataError if it fails."""
    longest = max(1, (bundles.longest(bundle) or runtime.UNKNOWN_LENGTH) - 2)
    run = rows.generated(answered.writer(bundle, session.graphs, bundle.folder), settings.Settings(max_new_tokens=2))
    for size in (1, longest):
        try:
            run(_example(bundle, 1, dict.fromkeys(runtime.varying(bundle), size)))
        except Exception as error:  # ONNX Runtime has no common class of its own
            reason = " ".join(str(error).split())[:500]
            raise DataError(f"{bundle.folder}: the model fails on a text of {size} tokens: {reason}") from None


def _try(bundle: Bundle, session: Session, items: int, sizes: Mapping[str, int]) -> None:
    try:
        outputs = session.run(_example(bundle, items, sizes))
    except Exception as error:  # ONNX Runtime has no common class of its own
        reason = " ".join(str(error).split())[:500]
        raise DataError(f"{bundle.folder}: the model fails on a batch of {items}: {reason}") from None
    for tensor in bundle.outputs:
        _check_output(bundle, tensor, outputs[tensor.name], items)


def _check_output(bundle: Bundle, tensor: Tensor, found: np.ndarray, items: int) -> None:
    expected = (items, *tensor.shape[1:])
    fits = len(found.shape) == len(expected) and all(
        size in (None, actual) for size, actual in zip(expected, found.shape, strict=True)
    )
    if not fits:
        raise DataError(f"{bundle.folder}: {tensor.name} is {found.shape} for a batch of {items}; expected {expected}")
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise DataError(f"{bundle.folder}: {tensor.name} is not finite for a batch of {items}; train it again")


def _example(bundle: Bundle, items: int, sizes: Mapping[str, int]) -> Arrays:
    """Return ones, or the largest value where one is known: a vocabulary that the graph has no room for shows."""
    inputs = {}
    for tensor in bundle.inputs:
        if tensor.datatype not in runtime.NUMPY:
            raise DataError(f"{bundle.folder}: {tensor.name} is {tensor.datatype}, which NumPy cannot hold")
        fill: Any = "1" if tensor.datatype == "BYTES" else bundle.highest.get(tensor.name, 1)
        inputs[tensor.name] = np.full(runtime.shape(tensor, items, sizes), fill, dtype=runtime.NUMPY[tensor.datatype])
    return inputs


def load(wanted: Wanted, options: Options) -> tuple[Bundle, Session]:
    """Read, open and warm a version, in a thread."""
    bundle = bundles.read(wanted.folder, wanted.name, wanted.version)
    if wanted.digest not in (None, bundle.digest):
        raise DataError(f"{wanted.folder}: not the bundle that was promoted or exported; promote or export it again")
    # Runs share the cores among themselves, each in a thread of its own.
    threads = 1 if bundle.decoding is None else options.threads or runtime.cores()  # one thread makes all steps
    session = runtime.open_session(bundle, options.variant, options.device, threads=threads, limits=options.limits)
    if bundle.decoding is None:
        warm(bundle, session, workers_for(session, options), options.limits)
    else:
        warm_writer(bundle, session)
    plain.warm(bundle, options.limits)
    give_back()
    return bundle, session


def give_back() -> None:
    """Return freed memory to the system: glibc keeps what a model took to load."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
