"""Segmentation, the face for serving: an image file in, the graph's input; its output in, the mask."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.serving.answers.mask import answer, check, schema
from chainrule.serving.parts import image

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
    """Return the graph's input uint8 [1, C, H, W] for an image file. Raises DataError for what is none."""
    most = max(1, limits.answer_numbers // len(signature["target"]["classes"]))
    return image.prepare(parts, signature, tokenizer, replace(limits, pixels=min(limits.pixels, most)))
