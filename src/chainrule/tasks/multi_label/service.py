"""A set of labels per image or text, the face for serving: a file or a text in; a probability per label out."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.serving.answers.labels import answer, check, schema
from chainrule.serving.parts import image, text

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
    """Return the graph's inputs for an image file or a text. Raises DataError for what no row could be."""
    prepared = image.prepare if "image" in parts else text.prepare
    return prepared(parts, signature, tokenizer, limits)
