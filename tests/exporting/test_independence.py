"""A row's answer alone and among others: what is compared, and which graphs are found out."""

from typing import Any

import numpy as np
import pytest

from chainrule.exporting import independence

PADDING = {"ids": 9, "mask": 0}


def row(*tokens: int) -> dict[str, np.ndarray]:
    return {"ids": np.array([tokens]), "mask": np.ones((1, len(tokens)), np.int64)}


ROWS = [row(1), row(2, 3), row(4, 5), row(6, 7, 8)]


def mean(batch: dict[str, np.ndarray]) -> np.ndarray:
    """Mean of the tokens that the mask keeps, tenfold smaller: a graph that answers by the row alone."""
    total = (batch["ids"] * batch["mask"]).sum(axis=1, keepdims=True)
    return np.asarray(total / batch["mask"].sum(axis=1, keepdims=True) / 10)


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        (mean, 0.0),
        (lambda batch: mean(batch) + 0.01 * (len(batch["ids"]) > 1), 0.01),
        (lambda batch: mean(batch) + 0.02 * (batch["ids"].shape[1] > batch["mask"].sum(axis=1, keepdims=True)), 0.02),
        (lambda batch: mean(batch) + 0.03 * np.eye(len(batch["ids"]))[:, :1] - 0.03, 0.03),  # not in the first place
        (lambda batch: mean(batch) + 0.04 * (mean(batch).max() > 0.5), 0.04),  # the largest row is in the batch
        (lambda batch: mean(batch) + np.where(len(batch["ids"]) == 2, np.nan, 0), np.nan),
    ],
    ids=["the row alone", "company", "padding", "place", "another row", "no number"],
)
def test_what_an_answer_depends_on_is_found(graph: Any, found: float) -> None:
    assert independence.largest_difference(graph, ROWS, PADDING) == pytest.approx(found, nan_ok=True)


def test_a_single_row_has_only_itself() -> None:
    assert independence.largest_difference(mean, ROWS[:1], PADDING) == 0
