"""Chances are those of Fisher's exact test, of Wilcoxon's rank sum, and of fewer rows where groups are alike."""

import numpy as np
import pytest
from scipy import stats

from chainrule.evaluation.slices import chances


def test_right_or_wrong_is_fishers_exact_test() -> None:
    rng = np.random.default_rng(1)
    wrong = (rng.random(500) < 0.2).astype(float)
    for size in (20, 60, 200):
        inside = np.zeros(500, bool)
        inside[rng.choice(500, size, replace=False)] = True
        inside[np.flatnonzero(wrong)[:15]] = True
        rows, sums = inside.sum(), wrong[inside].sum()
        table = [[sums, rows - sums], [wrong.sum() - sums, 500 - rows - wrong.sum() + sums]]
        expected = stats.fisher_exact(table, alternative="greater").pvalue
        found = chances.by_chance(chances.ranks(wrong), np.array([rows]), np.array([sums]))[0]
        assert found == (pytest.approx(expected, rel=1e-6) if sums / rows > wrong.mean() else 1)


def test_how_far_off_is_the_rank_sum() -> None:
    rng = np.random.default_rng(2)
    off = np.round(rng.exponential(size=400), 1)  # with ties
    off[:80] += 0.3
    ranked = chances.ranks(off)
    assert ranked == pytest.approx(stats.rankdata(off))
    expected = stats.mannwhitneyu(off[:80], off[80:], alternative="greater", use_continuity=False, method="asymptotic")
    found = chances.by_chance(ranked, np.array([80.0]), np.array([ranked[:80].sum()]))[0]
    assert found == pytest.approx(expected.pvalue, rel=1e-6)


def test_rows_that_are_the_same_within_groups_count_as_one_each() -> None:
    index = np.repeat(np.arange(50), 10)
    bad = (np.arange(50) % 4 == 0).astype(float)[index]
    assert chances.alike(bad, index) == pytest.approx(1)
    assert chances.design_effect(index, 1.0) == pytest.approx(10)
    assert chances.alike(bad, np.arange(500)) == 0
    independent = (np.random.default_rng(3).random(500) < 0.3).astype(float)
    assert chances.alike(independent, index) < 0.06
