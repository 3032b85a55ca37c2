"""Question answering, the face for serving: question and passage in, the graph's inputs; its outputs in, the answer."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.serving.answers.answer import answer, check, schema
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
    """Return the graph's inputs, int64 [1, …] each, for two texts. Raises DataError for texts that no row could be."""
    return text.pair(("question", "context"), parts, signature, tokenizer, limits)
