"""The words of a text, the image staying as it is; of a row without a text there are no parts."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.explanation.divided import Arrays, Parts
from chainrule.evaluation.explanation.parts import text

_OF_TEXT = ("input_ids", "attention_mask")


def divide(inputs: Arrays, values: Mapping[str, Any], facts: Mapping[str, Any], tokenizer: Any, most: int) -> Parts:
    """Return the words that are read of the text in `inputs`; beyond `most`, runs of neighbours."""
    read = {name: array for name, array in inputs.items() if name in _OF_TEXT}
    rest = {name: array for name, array in inputs.items() if name not in _OF_TEXT}
    words = {name: value for name, value in values.items() if isinstance(value, str)}
    found = text.divide(read, words, facts, tokenizer, most)

    def hidden(masks: np.ndarray) -> Arrays:
        kept = {name: np.broadcast_to(array, (len(masks), *array.shape[1:])) for name, array in rest.items()}
        return {**kept, **found.hidden(masks)}

    return found._replace(hidden=hidden, blank={**rest, **found.blank})
