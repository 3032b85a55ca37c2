"""One label per row of a table, the face for serving: a row in, the graph's inputs; its output in, probabilities."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.serving.answers.label import answer, check, schema
from chainrule.serving.parts import table

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from chainrule.serving.limits import Limits

__all__ = ["answer", "check", "prepare", "schema"]


def prepare(
    parts: Mapping[str, Any],
    signature: Mapping[str, Any],
    tokenizer: "Tokenizer | None",
    limits: "Limits",
) -> dict[str, np.ndarray]:
    """Return the graph's inputs, one row each, for a row of cells. Raises DataError for what no row could be."""
    return table.inputs(parts["row"], signature["preprocessing"]["row"], limits)
