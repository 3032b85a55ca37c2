"""Rows of several inputs that are alike: every pair of them, and none besides, whatever repeats."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data import nearness
from chainrule.data.columns import Column
from chainrule.data.nearness import near_duplicates
from chainrule.fields import text
from chainrule.system.errors import DataError

FIRST, SECOND, THIRD = (Column(name, text) for name in ("first", "second", "third"))
TEXTS = ["a b c d e f", "a b c d e f g", "b c d e f g", "a b c d e f g h", "x y z", "x y z", "x", ""]


def alike(one: str, other: str, threshold: float) -> bool:
    return one == other or len(text.near_duplicates([one, other], threshold)) > 0


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(*[st.sampled_from(TEXTS)] * 3), max_size=14),
    width=st.integers(2, 3),
    threshold=st.sampled_from([0.5, 0.8, 1.0]),
)
def test_a_pair_is_alike_if_and_only_if_all_of_its_sides_are(
    rows: list[tuple[str, ...]], width: int, threshold: float
) -> None:
    rows = [row[:width] for row in rows]
    values = [[row[place] for row in rows] for place in range(width)]
    found = near_duplicates([FIRST, SECOND, THIRD][:width], values, threshold)
    expected = [
        [one, other]
        for one, other in itertools.combinations(range(len(rows)), 2)
        if all(alike(a, b, threshold) for a, b in zip(rows[one], rows[other], strict=True))
    ]
    assert found.tolist() == expected


def test_too_many_candidates_are_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [TEXTS[:2] * 2, [TEXTS[0], TEXTS[1], TEXTS[1], TEXTS[0]]]
    monkeypatch.setattr(nearness, "MOST", 15)
    with pytest.raises(DataError, match=r"16 pairs of 4 rows are candidates .*: make clean.near_duplicates stricter"):
        near_duplicates([FIRST, SECOND], values, 0.5)
