"""What a page shows of items in order: whose lists are good, what is recommended, and what stands furthest behind."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.figures import lists
from chainrule.evaluation.mistakes import click
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.shown import Picture, Table, Worst

BESIDE = ("ndcg_at_10", "recall_at_10")
"""Scores that are drawn beside the floors' scores."""


def pictures(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[Picture]:
    """Return the pictures of answers to test rows; `target` [N]."""
    return lists.pictures(outputs, target, facts)


def tables(outputs: Outputs, target: np.ndarray, facts: Facts, scores: Mapping[str, Any]) -> list[Table]:
    """Return whose lists are how good, and what is recommended to whom."""
    return lists.tables(outputs, target, facts)


def notes(scores: Mapping[str, Any]) -> list[str]:
    """Return what is to be said below the table of scores."""
    return [
        "Of the whole catalogue without what a user met in training; every test row is an item that its user chose."
    ]


def warnings(scores: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the scores must know: nothing in particular."""
    return []


def worst(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> Worst:
    """Return at most `most` rows: chosen items that stand last."""
    (found,) = click.sheets(outputs, target, facts, most)
    return found
