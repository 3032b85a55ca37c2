"""The plain routes' side of a model: an image file or a text in, the graph's input out, by the model's task."""

import contextlib
import functools
import importlib
from typing import TYPE_CHECKING, Any

from chainrule.serving.bundle import Bundle
from chainrule.serving.limits import Limits
from chainrule.system.errors import ChainruleError
from chainrule.tasks.catalogue import TASKS

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Tokenizer


def face(bundle: Bundle) -> Any:
    """Return the service module of the bundle's task; None if the task is not known here."""
    task = bundle.signature.get("task")
    return importlib.import_module(f"chainrule.tasks.{task}.service") if task in TASKS else None


def prepare(bundle: Bundle, content: bytes | str, limits: Limits) -> "dict[str, np.ndarray]":
    """Return the graph's input for an image file or a text. Raises ChainruleError if the task cannot take it."""
    words = None if bundle.tokenizer is None else tokenizer(bundle.tokenizer)
    inputs: dict[str, np.ndarray] = face(bundle).prepare(
        content, bundle.signature, words, pixels=limits.pixels, characters=limits.characters
    )
    return inputs


def warm(bundle: Bundle, limits: Limits) -> None:
    """Take one of everything that may be sent, so that decoders and tokenizer are there before the first request."""
    task = face(bundle)
    for content in () if task is None else task.examples():
        with contextlib.suppress(ChainruleError):  # this recipe would have refused such a row
            prepare(bundle, content, limits)


@functools.lru_cache(maxsize=8)
def tokenizer(content: str) -> "Tokenizer":
    """Return the tokenizer of a bundle's tokenizer.json; the same one for the same content."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(content)
