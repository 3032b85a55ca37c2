"""One label per image and text, the face for serving: either or both in, the graph's inputs; its output in, chances."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.serving.answers.label import answer, check, schema
from chainrule.serving.parts import image, text
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
    """Return the graph's inputs for an image file, a text, or both; what is empty is missing.

    image uint8 [1, C, H, W], black where it is missing; input_ids and attention_mask int64 [1, T]; given int64 [1, 2].
    Raises DataError for what no row could be, and where both are missing.
    """
    rules = signature["preprocessing"]
    given = [bool(parts.get(name)) for name in ("image", "text")]
    if not any(given):
        raise DataError("neither an image nor a text: send one of them, or both")
    words = text.clean(parts["text"], rules["text"], limits) if given[1] else ""
    return {
        "image": image.pixels(parts["image"], rules["image"], limits) if given[0] else _black(signature),
        **text.encoded(words, None, tokenizer, ("input_ids", "attention_mask")),
        "given": np.array([given], np.int64),
    }


def _black(signature: Mapping[str, Any]) -> np.ndarray:
    """Return uint8 [1, C, H, W] of the graph's size."""
    (shape,) = [tensor["shape"] for tensor in signature["inputs"] if tensor["name"] == "image"]
    return np.zeros((1, *shape[1:]), np.uint8)
