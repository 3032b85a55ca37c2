"""Floors of texts that go on: Kneser-Ney by the definition, on rows that can be counted by hand."""

import math
from collections import defaultdict

import numpy as np
import pytest

from chainrule.evaluation.floors import continuation
from chainrule.training.inputs.text import fit_facts

ROWS = [np.array([0, 1, 2, 1, 3]), np.array([0, 1, 2, 2]), np.array([0, 3, 1, 2, 1])]
VOCABULARY = 5


def by_definition(rows, context: tuple[int, ...], token: int, order: int) -> float:
    """Return Chen and Goodman's interpolated Kneser-Ney, equation 24, of a token behind a context."""
    grams = [
        {(tuple(row[end - size + 1 : end + 1].tolist()), row[end - size] if end >= size else None, end, at)
         for at, row in enumerate(rows) for end in range(size - 1, len(row))}
        for size in range(1, order + 1)
    ]  # fmt: skip

    def counts(size: int) -> dict[tuple[int, ...], int]:
        found: dict[tuple[int, ...], set] = defaultdict(set)
        for gram, before, end, at in grams[size - 1]:
            # As often as it is there, of the longest and where a row begins; else once for each token before it.
            found[gram].add((end, at) if size == order or before is None else ("before", before))
        return {gram: len(own) for gram, own in found.items()}

    def chance(size: int) -> float:
        if size == 0:
            return 1 / VOCABULARY
        known, head = counts(size), context[len(context) - size + 1 :]
        ones, twos = (sum(count == times for count in known.values()) for times in (1, 2))
        discount = ones / (ones + 2 * twos) if ones and twos else 0.5
        after = {gram: count for gram, count in known.items() if gram[:-1] == head}
        total = sum(after.values())
        if not total:
            return chance(size - 1)
        own = max(after.get((*head, token), 0) - discount, 0) / total
        return own + discount * len(after) / total * chance(size - 1)

    return chance(order)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_costs_are_kneser_and_neys(order: int) -> None:
    asked = [np.array([0, 1, 2, 1, 2, 4]), np.array([3, 3, 1])]
    found = continuation.costs(ROWS, asked, VOCABULARY, 3)
    want = [
        -math.log(
            by_definition(ROWS, tuple(row[max(0, end - order + 1) : end].tolist()), int(row[end]), min(order, end + 1))
        )
        if end + 1 >= order
        else None
        for row in asked
        for end in range(len(row))
    ]
    for cost, expected in zip(found[order - 1], want, strict=True):
        if expected is not None:
            assert cost == pytest.approx(expected, rel=1e-9)


def test_chances_of_what_may_follow_sum_to_one() -> None:
    for context in ([0, 1, 2], [2, 1], [4, 4], [0]):
        asked = [np.array([*context, token]) for token in range(VOCABULARY)]
        found = continuation.costs(ROWS, asked, VOCABULARY, 3)[2].reshape(VOCABULARY, -1)[:, -1]
        assert np.exp(-found).sum() == pytest.approx(1, rel=1e-12), context


def test_the_longest_order_is_best_where_the_text_asks_for_it() -> None:
    facts = fit_facts([["abcd"]], {"kind": "characters", "vocabulary": 100, "max_length": 64})
    drawn = np.random.default_rng(0)
    # Two letters decide the next.
    texts = []
    for _ in range(60):
        text = "ab"
        while len(text) < 50:
            text += "abcd"[(ord(text[-1]) + ord(text[-2]) + int(drawn.random() < 0.1)) % 4]
        texts.append(text)
    found = continuation.floors(None, [texts[:50]], np.zeros(50), [texts[50:]], facts, 1)
    names = list(found)
    assert names[0] == "unigram" and names[1].startswith("kneser_ney_") and names[1] >= "kneser_ney_3"
    nats = {name: outputs["nats"].sum() / outputs["told"].sum() for name, outputs in found.items()}
    # A letter in ten is drawn of two: 0.325 nats at the least.
    assert 0.32 < nats[names[1]] < 0.5 < 1.2 < nats["unigram"]
    assert found["unigram"]["bytes"].sum() == 10 * 50
    assert (found["unigram"]["told"][:, 0] == 0).all()
