"""The plain routes' side of a model: what was sent by field in, the graph's inputs out, as its task has it."""

import contextlib
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chainrule.serving.bundle import Bundle, input_fields
from chainrule.serving.limits import Limits
from chainrule.system import plugins
from chainrule.system.errors import ChainruleError
from chainrule.tasks.catalogue import TASKS

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Tokenizer


def face(bundle: Bundle) -> Any:
    """Return the service module of the bundle's task; None if the task is not known here."""
    task = bundle.signature.get("task")
    return plugins.load(f"tasks.{task}", "service") if task in TASKS else None


def prepare(bundle: Bundle, given: Mapping[Any, Any], limits: Limits) -> "dict[str, np.ndarray]":
    """Return the graph's inputs of one item. Raises ChainruleError if the task cannot take it.

    given: what was sent by input field, the bytes of an image file or a text; a whole row of the recipe will do.
    """
    words = None if bundle.tokenizer is None else tokenizer(bundle.tokenizer)
    parts = {field.name: given[field.name] for field in input_fields(bundle)}
    inputs: dict[str, np.ndarray] = face(bundle).prepare(parts, bundle.signature, words, limits)
    return inputs


def warm(bundle: Bundle, limits: Limits) -> None:
    """Take one of everything that may be sent, so that decoders and tokenizer are there before the first request."""
    if face(bundle) is None:
        return
    fields = input_fields(bundle)
    examples = [list(plugins.load("serving.parts", field.kind).examples()) for field in fields]
    for turn in range(max(map(len, examples))):
        parts = {field.name: each[turn % len(each)] for field, each in zip(fields, examples, strict=True)}
        with contextlib.suppress(ChainruleError):  # this recipe would have refused such a row
            prepare(bundle, parts, limits)


@functools.lru_cache(maxsize=8)
def tokenizer(content: str) -> "Tokenizer":
    """Return the tokenizer of a bundle's tokenizer.json; the same one for the same content."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(content)
