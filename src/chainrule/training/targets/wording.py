"""A text to be written: its tokens beside each row, and the loss of every one of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from chainrule.training.written import WrittenRows, tokens

Facts = Mapping[str, Any]
DECIDES = "loss"
"""Which number of validation rows says which epoch is best: the least of it."""


def beside(inputs: Any, values: Sequence[str], encoded: Tensor, facts: Facts, batch_tokens: int | None) -> WrittenRows:
    """Return rows of inputs with the tokens of the texts that are to be written for them.

    encoded: the texts' code points int32 [N, L], as `fields.wording` encodes them; facts: of the inputs.
    """
    found, cut = tokens(values, facts)
    return WrittenRows(inputs, found, encoded, batch_tokens, inputs.cut + cut)


def deciding(loss: Any, outputs: Mapping[str, np.ndarray], encoded: np.ndarray) -> dict[str, float]:
    """Return nothing: the loss of validation rows, which every training knows, decides."""
    return {}


def calibrate(
    model: nn.Module, outputs: Mapping[str, np.ndarray], encoded: np.ndarray, target: Facts
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the target's facts as they are, and nothing to report: a text is what it is."""
    return dict(target), {}
