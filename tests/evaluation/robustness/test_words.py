"""A text moved against a model that counts words: what it goes for, how often it asks, and what never happens."""

from collections.abc import Sequence

import numpy as np
import pytest

from chainrule.evaluation.robustness import words
from chainrule.evaluation.robustness.words import Outputs, Texts


class Counting:
    """Says yes where "good" comes more often than "bad"; asked: how often, by row."""

    def __init__(self, rows: int) -> None:
        self.asked = np.zeros(rows, int)

    def ask(self, index: Sequence[int], texts: Sequence[Texts]) -> Outputs:
        np.add.at(self.asked, list(index), 1)
        joined = [" ".join(row).split() for row in texts]
        return {"score": np.array([row.count("good") - row.count("bad") for row in joined], float)}

    @staticmethod
    def loss(index: Sequence[int], outputs: Outputs) -> np.ndarray:
        return -outputs["score"]

    @staticmethod
    def right(index: Sequence[int], outputs: Outputs) -> np.ndarray:
        return outputs["score"] > 0


def attacked(texts: Sequence[Texts], shares: Sequence[float], queries: int = 200) -> tuple[list[Outputs], Counting]:
    model = Counting(len(texts))
    found = words.attacked(
        texts, model.ask, model.loss, model.right, shares=shares, queries=queries, seed=0
    )  # fmt: skip
    return found, model


FILLED = "one two three four five six seven eight"


def test_the_word_that_counts_goes_first() -> None:
    (outputs,), _ = attacked([[f"{FILLED} good nine"]], [0.01])
    assert outputs["score"].tolist() == [0]
    (outputs,), _ = attacked([[f"{FILLED} good nine good"]], [0.01])
    assert outputs["score"].tolist() == [1]  # one word is not enough
    (_, outputs), _ = attacked([[f"{FILLED} good nine good"]], [0.01, 0.2])
    assert outputs["score"].tolist() == [0]


def test_a_larger_share_never_helps_and_a_row_that_is_wrong_is_let_be() -> None:
    texts = [[f"{FILLED} {'good ' * count}"] for count in range(6)]
    found, model = attacked(texts, [0.05, 0.1, 0.2, 0.4, 0.8])
    right = np.array([outputs["score"] > 0 for outputs in found])
    assert not (right[1:] & ~right[:-1]).any()
    assert right.sum(axis=1).tolist() == sorted(right.sum(axis=1).tolist(), reverse=True)
    assert model.asked[0] == 1 and not right[:, 0].any()
    assert not right[-1].any()


@pytest.mark.parametrize("queries", [6, 8, 20, 45, 60])
def test_a_row_is_asked_about_no_more_often_than_is_said(queries: int) -> None:
    _, model = attacked([[f"{FILLED} {'good ' * 20}"]] * 3, [0.9], queries=queries)
    assert (model.asked <= queries).all() and (model.asked > 2).all()


def test_no_field_is_left_empty_and_words_stay_in_theirs() -> None:
    seen: list[Texts] = []
    model = Counting(1)

    def ask(index: Sequence[int], texts: Sequence[Texts]) -> Outputs:
        seen.extend(texts)
        return model.ask(index, texts)

    words.attacked([["good", "good good story"]], ask, model.loss, model.right, shares=[1.0], queries=100, seed=0)
    assert all(len(row) == 2 and all(row) for row in seen)
    assert all(len(row[0].split()) == 1 for row in seen)


def test_the_same_seed_gives_the_same() -> None:
    texts = [[f"{FILLED} good good bad good"]] * 2
    one, other = (attacked(texts, [0.1, 0.3])[0] for _ in range(2))
    assert [each["score"].tolist() for each in one] == [each["score"].tolist() for each in other]


def test_the_words_of_a_text_without_blanks_are_its_letters() -> None:
    class Liking(Counting):
        def ask(self, index: Sequence[int], texts: Sequence[Texts]) -> Outputs:
            return {"score": np.array([row[0].count("好") - row[0].count("差") for row in texts], float)}

    model = Liking(1)
    (outputs,) = words.attacked(
        [["房间大好床也软"]], model.ask, model.loss, model.right, shares=[0.15], queries=50, seed=0
    )
    assert outputs["score"].tolist() == [0]
