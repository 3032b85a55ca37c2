"""Slices are found where they were planted, and nowhere else."""

from itertools import combinations

import numpy as np
import pytest

from chainrule.evaluation.slices import conditions, finding
from chainrule.evaluation.slices.conditions import Condition

LEAST = 20


def table(rng: np.random.Generator, rows: int, columns: int = 16) -> dict[str, np.ndarray]:
    """Return a table of words and of numbers, half of each."""
    found: dict[str, np.ndarray] = {}
    for place in range(columns // 2):
        found[f"word{place}"] = rng.choice(list("abcdef"), rows, p=[0.4, 0.2, 0.15, 0.1, 0.1, 0.05]).astype(object)
        found[f"number{place}"] = rng.lognormal(size=rows)
    return found


def planted(
    rng: np.random.Generator, known: list[Condition], slices: int, share: tuple[float, float]
) -> list[np.ndarray]:
    """Return the rows of single conditions and of pairs, in turn as far as there are such, that share few rows."""
    single = [condition.rows for condition in known]
    pairs = [one.rows & other.rows for one, other in combinations(known, 2) if one.about != other.about]
    found: list[np.ndarray] = []
    for kind in (pairs, single):
        for place in rng.permutation(len(kind)).tolist():
            rows = kind[place]
            apart = all((rows & other).sum() <= 0.3 * min(rows.sum(), other.sum()) for other in found)
            if share[0] <= rows.mean() <= share[1] and apart and len(found) < slices:
                found.append(rows)
    return found


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("numbers", [False, True], ids=["right or wrong", "how far off"])
def test_of_twenty_planted_slices_at_least_eighteen_are_found_and_hardly_any_other(numbers: bool) -> None:
    rng = np.random.default_rng(3)
    known = conditions.of_columns(table(rng, 12_000, columns=10), LEAST)
    slices = planted(rng, known, 20, (0.01, 0.03))
    assert len(slices) == 20
    inside = np.logical_or.reduce(slices)
    wrong = (rng.random(len(inside)) < np.where(inside, 0.5, 0.08)).astype(float)
    bad = np.abs(rng.normal(size=len(inside))) * np.where(inside, 3, 1) if numbers else wrong

    found = finding.find(bad, known, None, least=LEAST, most=40).slices

    hit = sum(any(overlap(own.rows, rows) >= 0.5 for own in found) for rows in slices)
    false = sum(inside[own.rows].mean() < 0.5 for own in found)
    assert hit >= 18
    assert false <= 0.05 * len(found)


def test_where_a_model_fails_alike_everywhere_hardly_anything_is_found() -> None:
    rng = np.random.default_rng(4)
    known = conditions.of_columns(table(rng, 600, columns=6), LEAST)
    draws = [(rng.random(600) < 0.15).astype(float) for _ in range(50)] + [rng.random(600) for _ in range(50)]
    loud = [finding.find(bad, known, None, least=LEAST, most=10).slices for bad in draws]
    assert sum(map(bool, loud)) <= 10  # of 100, at a level of 5%: 5 are to be expected at most


def test_a_pair_is_named_and_not_its_halves() -> None:
    rng = np.random.default_rng(5)
    columns = {name: rng.choice(["a", "b", "c"], 3000).astype(object) for name in ("colour", "shape", "size")}
    pair = (columns["colour"] == "a") & (columns["shape"] == "b")
    bad = (rng.random(3000) < np.where(pair, 0.6, 0.05)).astype(float)

    (found,) = finding.find(bad, conditions.of_columns(columns, LEAST), None, least=LEAST, most=10).slices

    assert found.words == "colour: a and shape: b"
    assert (found.rows == pair).all()
    assert found.chance < 1e-6


def test_rows_of_a_group_are_no_independent_witnesses() -> None:
    rng = np.random.default_rng(6)
    false_alone = false_grouped = 0
    for _ in range(30):
        group = np.repeat(np.arange(60), 20)
        kind = rng.choice(["a", "b", "c", "d"], 60).astype(object)[group]  # of whole groups, as errors are
        bad = (rng.random(1200) < rng.beta(0.5, 2.5, 60)[group]).astype(float)
        known = conditions.of_columns({"kind": kind}, LEAST)
        false_alone += bool(finding.find(bad, known, None, least=LEAST, most=5).slices)
        false_grouped += bool(finding.find(bad, known, group, least=LEAST, most=5).slices)
    assert false_alone >= 10
    assert false_grouped <= 3


def test_a_group_that_fails_is_found_by_its_own_rows() -> None:
    rng = np.random.default_rng(7)
    group = np.repeat(np.array([f"g{place:02}" for place in range(30)], object), 40)
    bad = (rng.random(1200) < np.where(group == "g07", 0.7, 0.05)).astype(float)
    known = conditions.of_columns({"group": group}, LEAST)
    assert [own.words for own in finding.find(bad, known, group, least=LEAST, most=5).slices] == ["group: g07"]


def test_nothing_to_compare_finds_nothing() -> None:
    known = conditions.of_columns({"word": np.array(["a", "b"] * 50, object)}, LEAST)
    assert finding.find(np.zeros(100), known, None, least=LEAST, most=5) == finding.Found([], 0, len(known))
    assert finding.find(np.arange(100.0), [], None, least=LEAST, most=5) == finding.Found([], 0, 0)


def test_groups_that_do_not_fit_are_refused() -> None:
    known = conditions.of_columns({"word": np.array(["a", "b"] * 50, object)}, LEAST)
    with pytest.raises(ValueError, match="3 groups for 100 rows"):
        finding.find(np.arange(100.0), known, [1, 2, 3], least=LEAST, most=5)


def test_of_thousands_of_conditions_as_many_are_asked_for_as_have_pairs_that_fit_into_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finding, "MOST", 40)
    rng = np.random.default_rng(6)
    known = conditions.of_columns({f"column {place}": rng.normal(size=300) for place in range(20)}, LEAST)
    bad = (rng.random(300) < np.where(known[0].rows, 0.9, 0.05)).astype(float)
    found = finding.find(bad, known, None, least=LEAST, most=5)
    assert (len(known) > 200, found.conditions) == (True, 40)
    assert found.slices[0].conditions[0] is known[0]
