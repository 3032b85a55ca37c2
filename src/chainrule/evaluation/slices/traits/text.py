"""Traits of texts: how long they are, and of what signs they are made."""

from collections.abc import Sequence

import numpy as np

from chainrule.fields.text import words


def traits(values: Sequence[str]) -> dict[str, np.ndarray]:
    """Return numbers [N] by name."""
    lengths = [len(words(value)) for value in values]
    shares = [
        [sum(map(kind, value)) / max(len(value), 1) for value in values]
        for kind in (str.isdigit, str.isupper, _is_sign)
    ]
    return {
        "words": np.array(lengths, np.float64),
        "characters": np.array([len(value) for value in values], np.float64),
        "share of digits": np.array(shares[0], np.float64),
        "share of capitals": np.array(shares[1], np.float64),
        "share of signs": np.array(shares[2], np.float64),
    }


def spoken(values: Sequence[str]) -> list[set[str]]:
    """Return the words of each text, in lower case."""
    return [set(words(value.lower())) for value in values]


def _is_sign(letter: str) -> bool:
    return not letter.isalnum() and not letter.isspace()
