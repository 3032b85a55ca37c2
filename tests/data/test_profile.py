"""What a table's columns hold, and which of them are named before anything is trained."""

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from chainrule.data.profile import Profile, profile
from chainrule.fields.table import columnar

ROWS = 400
RANDOM = np.random.default_rng(3)
AGE = RANDOM.integers(18, 90, ROWS)
TOWN = RANDOM.choice(["Rome", "Oslo", "Lima"], ROWS)
TARGET = np.where(AGE + RANDOM.normal(0, 25, ROWS) > 54, "yes", "no")


def looked_at(kind: str, cells: Sequence[Any], targets: Sequence[Any] = TARGET) -> Profile:
    """Return the profile of a table with the column `x` beside two plain ones."""
    columns = zip(AGE.tolist(), TOWN.tolist(), np.asarray(cells, dtype=object).tolist(), strict=True)
    rows = [json.dumps({"age": age, "town": town, "x": x}) for age, town, x in columns]
    return profile(columnar(rows), {"age": "number", "town": "category", "x": kind}, list(targets))


def test_plain_columns_are_counted_and_not_doubted():
    cells = [None if at % 10 == 0 else bool(at % 3) for at in range(ROWS)]
    found = looked_at("boolean", cells)
    assert found.warnings == []
    age, town, x = found.columns
    assert (age["missing"], age["lowest"], age["highest"]) == (0, AGE.min(), AGE.max())
    assert (town["distinct"], town["kind"]) == (3, "category")
    assert town["of_commonest"] == max(np.unique(TOWN, return_counts=True)[1])
    assert (x["missing"], x["distinct"], x["commonest"]) == (40, 2, "True")


@pytest.mark.parametrize(
    ("kind", "cells", "said"),
    [
        ("category", [f"c{at:05d}" for at in range(ROWS)], "as ids have"),
        ("number", np.arange(1000, 1000 + ROWS)[::-1].tolist(), "as ids have"),
        ("text", [f"c{at:05d}" for at in range(ROWS)], "as ids have"),
        ("category", ["same"] * ROWS, "all cells hold same"),
        ("number", [7] * (ROWS - 3) + [None] * 3, r"all cells hold 7\.0, or missing \(3\)"),
        ("text", [None] * ROWS, "every cell is missing"),
        ("number", [None] * 300 + AGE[:100].tolist(), "300 of 400 cells are missing"),
        ("category", [f"c{at // 2 * 2}" if at < 300 else "c0" for at in range(ROWS)][:ROWS], None),
        ("category", [f"c{at}" if at < 300 else "c0" for at in range(ROWS)], "most too rare to learn from"),
        ("number", [*AGE[:-1].tolist(), 99999], r"1 of 400 numbers .* 99999; .*ranges: \{x: \[18, 89\]\}"),
    ],
)
def test_what_is_doubtful_is_named_once(kind: str, cells: Sequence[Any], said: str | None):
    found = looked_at(kind, cells).warnings
    assert len(found) == (said is not None), found
    if said:
        assert found[0].startswith("column 'x': ")
        assert re.search(said, found[0]), found


def test_measured_numbers_and_dates_are_no_ids():
    assert looked_at("number", RANDOM.normal(0, 1, ROWS).tolist()).warnings == []
    assert looked_at("number", RANDOM.permutation(ROWS * 50)[:ROWS].tolist()).warnings == []
    assert looked_at("date", [f"2011-01-01T{at // 60:02d}:{at % 60:02d}:00" for at in range(ROWS)]).warnings == []
    assert looked_at("text", [f"words of row {at}" for at in range(ROWS)]).warnings == []


def test_a_long_tail_is_counted_and_no_mistake():
    found = looked_at("number", np.exp(RANDOM.normal(0, 2.5, ROWS)).tolist())
    assert found.warnings == []
    assert found.columns[2]["outliers"] > 20


@pytest.mark.parametrize("kind", ["number", "category"])
def test_a_column_that_alone_gives_the_target_away_is_named(kind: str):
    leak = np.where(TARGET == "yes", 1, 0)
    cells = leak.tolist() if kind == "number" else [f"state {each}" for each in leak]
    (warning,) = looked_at(kind, cells).warnings
    assert "'x' alone tells 100%" in warning
    noisy = np.where(RANDOM.random(ROWS) < 0.1, 1 - leak, leak)
    assert looked_at("number", noisy.tolist()).warnings == []


def test_what_gives_numbers_away_and_what_does_not():
    price = AGE * 3.0 + RANDOM.normal(0, 60, ROWS)
    (warning,) = looked_at("number", (price * 1.2 + 5).tolist(), price.tolist()).warnings
    assert "'x' alone tells" in warning
    assert looked_at("number", (price + RANDOM.normal(0, 60, ROWS)).tolist(), price.tolist()).warnings == []


def test_rows_without_a_target_tell_nothing_of_it():
    targets = [target if at < 60 else None for at, target in enumerate(TARGET)]
    assert looked_at("category", TARGET.tolist(), targets).warnings == []


def test_a_class_that_nearly_all_rows_have_is_given_away_by_no_column():
    targets = ["no"] * (ROWS - 8) + ["yes"] * 8
    assert looked_at("category", RANDOM.choice(["a", "b"], ROWS).tolist(), targets).warnings == []
