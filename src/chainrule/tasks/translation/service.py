"""One text per text, the face for serving: a text in, the inputs of what reads it; what was written out."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.serving.answers.wording import answer, check, schema
from chainrule.serving.parts import text
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
    """Return the graph's inputs, int64 [1, T] each, for a text.

    Raises DataError for a text that no row could be, and for one that is longer than the model reads: what is written
    for its beginning would not be its translation.
    """
    rules = signature["preprocessing"]["source"]
    clean = text.clean(parts["source"], rules, limits)
    if tokenizer is not None and tokenizer.encode(clean).overflowing:
        most = f"{rules['max_length']:,} tokens"
        raise DataError(f"the text is too long; {most} are read at once: send its sentences one by one")
    return text.encoded(clean, None, tokenizer, [tensor["name"] for tensor in signature["inputs"]])
