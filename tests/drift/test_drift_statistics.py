import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from chainrule.drift import statistics, units

COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12).filter(lambda counts: sum(counts) > 0)


def assigned(reference: int, current: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Units that are rows: the unit of each, and assignments."""
    rng = np.random.default_rng(seed)
    found = units.make(None, None, (reference, current), rng)
    return found.of_row, units.assignments(found, rng)


@given(COUNTS, st.integers(2, 9))
def test_stability_index_of_equal_shares_is_nothing(counts, factor):
    one = np.array(counts)
    assert statistics.stability_index(one, factor * one) == pytest.approx(0, abs=1e-12)


@given(COUNTS, st.data())
def test_stability_index_is_positive_and_symmetric(counts, data):
    same_size = st.lists(st.integers(0, 500), min_size=len(counts), max_size=len(counts))
    one = np.array(counts)
    other = np.array(data.draw(same_size.filter(lambda found: sum(found) > 0)))
    index = statistics.stability_index(one, other)
    assert index >= 0
    assert index == pytest.approx(statistics.stability_index(other, one))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200))
def test_bins_hold_about_as_many_each(values):
    edges = statistics.bins(np.array(values))
    assert len(edges) <= 9
    assert (np.diff(edges) > 0).all()


@settings(max_examples=25)
@given(st.integers(0, 1000))
def test_the_first_statistics_are_those_of_scipy(seed):
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 40, 50), rng.integers(0, 50, 30)
    of_row, which = assigned(50, 30)
    pooled = np.append(one, other)
    assert statistics.ks(pooled.astype(float), of_row, which)[0] == pytest.approx(stats.ks_2samp(one, other).statistic)
    codes = pooled % 5
    table = [np.bincount(part % 5, minlength=5) for part in (one, other)]
    expected = stats.chi2_contingency(table, correction=False).statistic
    assert statistics.chi_square(codes, of_row, which)[0] ** 3 == pytest.approx(expected)


@settings(max_examples=10)
@given(st.integers(0, 1000))
def test_which_sample_is_called_current_makes_no_difference(seed):
    rng = np.random.default_rng(seed)
    of_row, which = assigned(40, 25, seed)
    vectors, numbers = rng.normal(size=(65, 3)), rng.normal(size=65)
    for statistic, values in ((statistics.told_apart, vectors), (statistics.ks, numbers)):
        np.testing.assert_allclose(statistic(values, of_row, which), statistic(values, of_row, ~which), atol=1e-9)


def test_a_classifier_tells_apart_what_no_mean_does():
    rng = np.random.default_rng(3)
    of_row, which = assigned(150, 100)
    alike = rng.normal(size=(250, 2))
    ring = alike.copy()
    ring[150:] *= 2 / np.linalg.norm(ring[150:], axis=1, keepdims=True)
    assert abs(statistics.told_apart(alike, of_row, which)[0] - 0.5) < 0.1
    assert statistics.told_apart(ring, of_row, which)[0] > 0.8


def test_vectors_that_are_all_one_tell_nothing():
    of_row, which = assigned(20, 20)
    assert set(statistics.told_apart(np.ones((40, 3)), of_row, which)) == {0.5}


def test_unknown_words_are_counted_for_every_assignment():
    texts = [["a", "b"], ["a"], ["c", "c", "a"]]
    counts, names = statistics.word_counts(texts)
    which = np.array([[False, False, True], [True, False, False], [True, True, False]])
    assert names == ["a", "b", "c"]
    assert statistics.unknown_share(counts, np.arange(3), which) == pytest.approx([2 / 3, 1 / 2, 1 / 3])


def test_chances_are_even_where_nothing_drifts():
    rng = np.random.default_rng(5)
    single, family = [], []
    for _ in range(400):
        noise = rng.normal(size=(200, 6))
        noise[:, 3:] = noise[:, :3] + 0.1 * noise[:, 3:]  # tests hang together
        p, corrected = statistics.p_values(noise)
        single.append(p[0])
        family.append(corrected.min())
    assert stats.kstest(single, "uniform").pvalue > 0.01
    # Of 400 families 5% are 20; more than 33 or less than 9 come by chance once in some hundred times.
    assert 9 <= (np.array(family) <= 0.05).sum() <= 33


def test_correction_never_makes_a_chance_smaller_and_keeps_the_order():
    rng = np.random.default_rng(6)
    found = rng.normal(size=(500, 8))
    found[0] += np.arange(8) / 2
    single, corrected = statistics.p_values(found)
    assert (corrected >= single - 1e-12).all()
    order = np.argsort(-found[0])
    assert (np.diff(corrected[order]) >= -1e-12).all()
    assert corrected[-1] < 0.02


def test_groups_give_as_many_rows_as_groups_of_the_other_sample():
    reference = np.repeat(np.arange(30).astype(str), 6)
    current = np.repeat(np.arange(12).astype(str), 2)
    found = units.make(reference, current, (180, 24), np.random.default_rng(0))
    assert (found.kind, found.counts) == ("group", (30, 12))
    assert (np.bincount(found.of_row) == 2).all()
    assert (len(found.reference), len(found.current)) == (60, 24)
    # The names of the two samples may meet; the units must not.
    assert found.of_row[:60].max() < found.of_row[60:].min()


def test_assignments_keep_the_number_of_current_units():
    found = units.make(None, None, (30, 12), np.random.default_rng(0))
    which = units.assignments(found, np.random.default_rng(1))
    assert (which.sum(axis=1) == 12).all()
    assert which[0].tolist() == [False] * 30 + [True] * 12
