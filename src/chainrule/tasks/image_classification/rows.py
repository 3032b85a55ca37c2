"""How the rows of image classification look: an image, one label."""

from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.data.validation import Expectation, after_clean, after_split

INPUT = "image"
TARGET = "label"
MIN_ROWS_PER_CLASS = 2


def expectations_after_clean(classes: Sequence[str], normalise: Mapping[str, Any]) -> list[Expectation]:
    """Return the suite for clean rows as chainrule.data.validation.view shows them; `normalise` as in params.yaml."""
    size = normalise["size"]
    kind = "expect_column_unique_value_count_to_be_between" if size is None else "expect_column_values_to_be_between"
    sides = {"min_value": 1, "max_value": 1} if size is None else {"min_value": size, "max_value": size}
    return [
        *after_clean(INPUT, classes, MIN_ROWS_PER_CLASS),
        (kind, {"column": "width", **sides}),  # no net takes images of several sizes
        (kind, {"column": "height", **sides}),
        ("expect_column_values_to_be_between", {"column": "mean", "min_value": 0, "max_value": 255}),
        # Images that all have one mean are blank, or broken in one and the same way.
        ("expect_column_stdev_to_be_between", {"column": "mean", "min_value": 0, "strict_min": True}),
    ]


def expectations_after_split(classes: Sequence[str]) -> list[Expectation]:
    """Return the suite for split rows."""
    return after_split(INPUT, classes)
