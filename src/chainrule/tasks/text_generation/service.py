"""A text goes on, the face for serving: a prompt in, the graph's inputs; what was written behind it, its text."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.serving.answers.continuation import answer, check, schema
from chainrule.serving.parts import text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from chainrule.serving.limits import Limits

__all__ = ["answer", "check", "prepare", "schema"]


def prepare(
    parts: Mapping[str, bytes | str],
    signature: Mapping[str, Any],
    tokenizer: "Tokenizer | None",
    limits: "Limits",
) -> dict[str, np.ndarray]:
    """Return the graph's inputs, int64 [1, T] each, for a text. Raises DataError for a text that no row could be."""
    clean = text.clean(parts["text"], signature["preprocessing"]["text"], limits)
    return text.encoded(clean, None, tokenizer, [tensor["name"] for tensor in signature["inputs"]])
