"""Spans of a text, the face for serving: a text in, the graph's inputs; its output in, spans with their places."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.serving.answers.spans import answer, check, schema
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
    """Return the graph's inputs, int64 [1, W, T, …] each, for a text. Raises DataError for what no row could be."""
    rules = signature["preprocessing"]["text"]
    clean = text.clean(parts["text"], rules, limits)
    return text.encoded(clean, None, tokenizer, [tensor["name"] for tensor in signature["inputs"]], rules)
