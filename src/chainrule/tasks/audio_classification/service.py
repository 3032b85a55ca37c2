"""One label per sound, the face for serving: an audio file in, the graph's input; its output in, probabilities."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.serving.answers.label import answer, check, schema
from chainrule.serving.parts import audio

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
    """Return the graph's input int16 [1, T] for an audio file. Raises DataError for what is none."""
    (tensor,) = signature["inputs"]
    return {tensor["name"]: audio.waveform(parts["audio"], signature["preprocessing"]["audio"], limits)}
