"""One number per row of a table, the face for serving: a row in, the graph's inputs; its output in, the number."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.serving.answers import number
from chainrule.serving.answers.number import answer, schema
from chainrule.serving.parts import table

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from chainrule.serving.limits import Limits

__all__ = ["answer", "check", "prepare", "schema"]


def check(signature: Mapping[str, Any]) -> None:
    """Raise DataError if a bundle's graph does not give a number, or says not how a row is read."""
    number.check(signature)
    table.check(signature["preprocessing"]["row"])


def prepare(
    parts: Mapping[str, Any],
    signature: Mapping[str, Any],
    tokenizer: "Tokenizer | None",
    limits: "Limits",
) -> dict[str, np.ndarray]:
    """Return the graph's inputs, one row each, for a row of cells. Raises DataError for what no row could be."""
    return table.inputs(parts["row"], signature["preprocessing"]["row"], limits)
