"""How the rows of image classification look: an image, one label."""

from chainrule.data.validation import Expectation, after_clean, after_split

INPUT = "image"
TARGET = "label"


def expectations_after_clean(
    classes: list[str], *, min_rows_per_class: int, min_side: int, max_side: int
) -> list[Expectation]:
    """Return the suite for clean rows as chainrule.data.validation.view shows them; sides are in pixels."""
    return [
        *after_clean(INPUT, classes, min_rows_per_class),
        ("expect_column_values_to_be_between", {"column": "width", "min_value": min_side, "max_value": max_side}),
        ("expect_column_values_to_be_between", {"column": "height", "min_value": min_side, "max_value": max_side}),
        ("expect_column_values_to_be_between", {"column": "mean", "min_value": 0, "max_value": 255}),
        # Images that all have one mean are blank, or broken in one and the same way.
        ("expect_column_stdev_to_be_between", {"column": "mean", "min_value": 0, "strict_min": True}),
    ]


def expectations_after_split(classes: list[str], *, tolerance: float) -> list[Expectation]:
    """Return the suite for split rows; `tolerance` as in chainrule.data.splitting.split."""
    return after_split(INPUT, classes, tolerance)
