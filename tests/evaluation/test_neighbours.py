"""Neighbours and sums of words, on vectors written by hand."""

import numpy as np
import pytest

from chainrule.evaluation import neighbours
from chainrule.system.errors import DataError, ParamsError

# Royal, male, female; a length of its own for each, which must not matter.
VECTORS = {
    "king": (2.0, 2.0, 0.0),
    "queen": (1.0, 0.0, 1.0),
    "man": (0.0, 5.0, 0.0),
    "woman": (0.0, 0.0, 0.5),
    "crown": (3.0, 0.1, 0.0),
    "apple": (-1.0, -1.0, -1.0),
}


def nearest(expression: str, count: int = 3) -> list[str]:
    table = np.array([*VECTORS.values()], np.float32)
    return [word for word, _ in neighbours.nearest([*VECTORS], table, neighbours.terms(expression), count)]


def test_the_nearest_come_first_and_a_word_is_none_of_its_own() -> None:
    assert nearest("king", 2) == ["crown", "man"]
    assert len(nearest("apple", 9)) == 5 and "apple" not in nearest("apple", 9)


def test_an_analogy_is_a_sum() -> None:
    assert nearest("king - man + woman", 1) == ["queen"]
    assert nearest("queen - woman + man", 1) == ["king"]


@pytest.mark.parametrize("expression", ["king - king", "king - man + man - king", "man + man - man - man"])
def test_a_sum_of_which_nothing_is_left_is_refused(expression: str) -> None:
    with pytest.raises(DataError, match="its words cancel each other out"):
        neighbours.terms(expression)
    assert nearest(f"{expression} + queen", 1) == ["woman"]


def test_a_cosine_is_of_the_unit_vectors() -> None:
    table = np.array([[2.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
    found = dict(neighbours.nearest(["a", "b", "c"], table, [(1, "a")], 2))
    assert found == pytest.approx({"c": 0.5**0.5, "b": 0.0})


@pytest.mark.parametrize("expression", ["", "+", "- + king", "king man", "king +", "king + - man"])
def test_what_is_no_sum_is_refused(expression: str) -> None:
    with pytest.raises(ParamsError, match="no sum of words"):
        neighbours.terms(expression)


def test_a_word_that_is_taken_away_alone_keeps_its_sign() -> None:
    assert neighbours.terms("- king") == [(-1, "king")]
    table = np.array([[1.0, 0.0], [-1.0, 0.2], [1.0, 0.1]])
    assert [word for word, _ in neighbours.nearest(["a", "b", "c"], table, neighbours.terms("- a"), 2)] == ["b", "c"]


def test_a_sum_has_a_limit_and_an_unknown_word_is_named_with_one_like_it() -> None:
    with pytest.raises(ParamsError, match="17 words"):
        neighbours.terms(" + ".join(["king"] * 17))
    with pytest.raises(ParamsError, match=r"'kings'.*king is"):
        nearest("kings")
