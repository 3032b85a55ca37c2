"""Outputs whose size goes by the row: joined over batches, filled up with zeros."""

import numpy as np
import pytest

from chainrule.exporting import independence
from chainrule.serving import offline
from chainrule.serving.padding import filled


def double(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"twice": 2 * inputs["ids"], "sum": inputs["ids"].sum(axis=1)}


def test_outputs_of_batches_are_as_large_as_the_largest() -> None:
    rows = [{"ids": np.arange(1, 2 + length)[None]} for length in (3, 1, 200, 2)]
    found = offline.answers(double, rows, {"ids": 0})
    assert found["twice"].shape == (4, 201)
    for row, answer in zip(rows, found["twice"], strict=True):
        length = row["ids"].shape[1]
        assert answer[:length].tolist() == (2 * row["ids"][0]).tolist() and not answer[length:].any()
    assert found["sum"].tolist() == [int(row["ids"].sum()) for row in rows]


def test_arrays_of_one_shape_are_joined_as_they_are() -> None:
    assert filled([np.ones((2, 3)), np.zeros((1, 3))]).tolist() == [[1, 1, 1]] * 2 + [[0, 0, 0]]


@pytest.mark.parametrize(("leak", "least"), [(0.0, 0.0), (0.1, 0.1)])
def test_a_row_alone_is_compared_with_its_positions_in_a_batch(leak: float, least: float) -> None:
    rows = [{"ids": np.full((1, length), length)} for length in (1, 2, 5)]

    def run(inputs: dict[str, np.ndarray]) -> np.ndarray:
        ids = inputs["ids"]
        return np.where(ids > 0, 1 / np.maximum(ids, 1) + leak * (ids.shape[1] == 5) * (ids < 5), 0.0)

    assert independence.largest_difference(run, rows, {"ids": 0}) == pytest.approx(least)
