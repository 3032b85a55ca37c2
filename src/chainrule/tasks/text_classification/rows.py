"""How the rows of text classification look: a text, one label."""

from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.data.validation import Expectation, after_clean, after_split

INPUT = "text"
TARGET = "label"
MIN_ROWS_PER_CLASS = 2


def expectations_after_clean(classes: Sequence[str], normalise: Mapping[str, Any]) -> list[Expectation]:
    """Return the suite for clean rows as chainrule.data.validation.view shows them; `normalise` as in params.yaml."""
    lengths = {"min_value": normalise["min_characters"], "max_value": normalise["max_characters"]}
    return [
        *after_clean(INPUT, classes, MIN_ROWS_PER_CLASS),
        ("expect_column_values_to_be_between", {"column": "characters", **lengths}),
        ("expect_column_values_to_be_between", {"column": "words", "min_value": 1}),
    ]


def expectations_after_split(classes: Sequence[str]) -> list[Expectation]:
    """Return the suite for split rows."""
    return after_split(INPUT, classes)
