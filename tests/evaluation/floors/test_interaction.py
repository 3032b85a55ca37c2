"""Floors of ratings and clicks, by hand and by brute force."""

from typing import Any

import numpy as np
import pytest

from chainrule.evaluation.floors import click, interaction, rating

FACTS = {"mean": 3.0, "std": 1.0, "lowest": 1.0, "highest": 5.0, "relevant": 3.0}


def rows(*pairs: str) -> list[list[dict[str, Any]]]:
    return [[dict(zip(("user", "item"), pair.split(), strict=True)) for pair in pairs]]


def test_popularity_puts_first_what_most_users_met_and_leaves_out_what_one_met() -> None:
    train = rows("a x", "b x", "c x", "a y", "b y", "c z")
    found = click.floors(interaction, train, np.ones(6), rows("a z", "c y", "d z", "c new"), {}, 0)["popularity"]
    # a met x and y, so z comes first; c has y alone left; of d, a stranger, z is third; an unknown item comes last
    assert found["rank"].tolist() == [1, 1, 3, 4]


def test_biases_are_those_of_the_formula() -> None:
    user, item, given = np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([5.0, 3.0, 1.0])
    found = interaction.biases(user, item, given, 2, 2)
    of_items = np.array([(5 + 1 - 6) / (25 + 2), 0.0])
    of_users = np.array([2 - of_items[0] + 0 - of_items[1], -2 - of_items[0]]) / (10 + np.array([2, 1]))
    assert found.item[:2] == pytest.approx(of_items) and found.user[:2] == pytest.approx(of_users)
    assert found.of(np.array([interaction.UNKNOWN]), np.array([interaction.UNKNOWN])) == pytest.approx([3.0])


def test_likeness_is_the_cosine_drawn_to_0_where_few_met_both() -> None:
    drawn = np.random.default_rng(0).random((30, 8)) < 0.4
    user, item = np.nonzero(drawn)
    pairs = interaction.Pairs(user, item, user, item, user, 30, 8)
    found = interaction.likeness(pairs.matrix(np.ones(len(user))), 10, 8).toarray()
    met = drawn.astype(float)
    both = met.T @ met
    expected = both / np.sqrt(np.outer(np.diag(both), np.diag(both))) * both / (both + 10)
    np.fill_diagonal(expected, 0)
    assert found == pytest.approx(expected)


def test_the_nearest_items_tell_apart_what_biases_cannot() -> None:
    drawn = np.random.default_rng(0)
    camp, side = np.arange(40) % 2, np.arange(20) % 2
    every = [(user, item) for user in range(40) for item in range(20)]
    known = drawn.permutation(len(every)) < 600
    told = np.array([5.0 if camp[user] == side[item] else 1.0 for user, item in every])
    pairs = [f"u{user} i{item}" for user, item in every]
    train = rows(*(pair for pair, own in zip(pairs, known, strict=True) if own))
    test = rows(*(pair for pair, own in zip(pairs, known, strict=True) if not own))
    found = rating.floors(interaction, train, told[known], test, FACTS, 0)
    error = {name: np.abs(each["value"] - told[~known]).mean() for name, each in found.items()}
    assert list(found) == ["popularity", "biases", "item_knn"]
    assert error["item_knn"] < 0.8 * error["biases"]
