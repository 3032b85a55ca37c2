"""One label per row of a table, the face for serving: a row in, the graph's inputs; its output in, probabilities."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.fields import table
from chainrule.fields.encoding import encode
from chainrule.fields.reject import Reject
from chainrule.serving.answers.label import answer, check, schema
from chainrule.system.errors import DataError

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
    """Return the graph's inputs, for a JSON object of cells; DataError for what no row could be."""
    rules = signature["preprocessing"]["row"]
    try:
        clean, _ = table.normalise(parts["row"], **rules["normalise"])
    except Reject as reject:
        raise DataError(reject.detail) from reject
    return encode(table.decode([clean]), rules["facts"])
