"""How the rows of text classification look: a text, one label."""

from chainrule.data.validation import Expectation, after_clean, after_split

INPUT = "text"
TARGET = "label"


def expectations_after_clean(
    classes: list[str], *, min_rows_per_class: int, min_characters: int, max_characters: int
) -> list[Expectation]:
    """Return the suite for clean rows as chainrule.data.validation.view shows them."""
    return [
        *after_clean(INPUT, classes, min_rows_per_class),
        (
            "expect_column_values_to_be_between",
            {"column": "characters", "min_value": min_characters, "max_value": max_characters},
        ),
        ("expect_column_values_to_be_between", {"column": "words", "min_value": 1}),
    ]


def expectations_after_split(classes: list[str], *, tolerance: float) -> list[Expectation]:
    """Return the suite for split rows; `tolerance` as in chainrule.data.splitting.split."""
    return after_split(INPUT, classes, tolerance)
