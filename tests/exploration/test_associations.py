"""How columns go together: the values that SciPy and hand computation give, and what the page says of them."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.stats.contingency import association

from chainrule.exploration.associations import associations, variable
from explored import explored, frame, table_rows


def test_numbers_are_compared_by_rank_where_neither_is_missing() -> None:
    random = np.random.default_rng(0)
    one, other = random.integers(0, 30, 200).astype(float), random.normal(0, 1, 200)
    other += one / 10
    both = np.ones(200, bool)
    both[[3, 50, 99]] = False
    gapped = np.where(both, other, np.nan)
    expected = stats.spearmanr(one, other).statistic
    assert associations([one, other])[0, 1] == pytest.approx(expected, abs=1e-12)
    assert abs(associations([one, gapped])[0, 1] - stats.spearmanr(one[both], other[both]).statistic) < 0.01


def test_names_are_compared_by_cramers_v_less_its_bias() -> None:
    random = np.random.default_rng(1)
    one = random.integers(0, 4, 5000)
    other = np.where(random.random(5000) < 0.5, one, random.integers(0, 4, 5000))
    table = np.zeros((4, 4), int)
    np.add.at(table, (one, other), 1)
    assert associations([one, other])[0, 1] == pytest.approx(association(table, "cramer"), abs=0.01)
    assert associations([one, one])[0, 1] == pytest.approx(1.0, abs=1e-9)
    many, others = random.integers(0, 40, 400), random.integers(0, 40, 400)
    counts = np.histogram2d(many, others, 40)[0].astype(int)
    assert associations([many, others])[0, 1] < 0.15 < association(counts, "cramer")


def test_a_number_within_names_has_a_ratio_that_chance_leaves_near_zero() -> None:
    random = np.random.default_rng(2)
    names = random.integers(0, 5, 3000)
    numbers = names + random.normal(0, 1, 3000)
    explained = np.var([0, 1, 2, 3, 4]) / (np.var([0, 1, 2, 3, 4]) + 1)
    assert associations([numbers.argsort().argsort().astype(float), names])[0, 1] == pytest.approx(
        explained**0.5, abs=0.03
    )
    many = random.integers(0, 200, 3000)
    assert associations([random.normal(0, 1, 3000), many])[0, 1] < 0.2


def test_what_cannot_be_compared_is_nothing() -> None:
    assert variable([None, None]) is None and variable(["a", "a", None]) is None
    assert variable([f"name {at}" for at in range(500)]) is None
    assert np.isnan(associations([np.full(3, 2.0), np.arange(3.0)])[0, 1])
    assert variable(["b", None, "a"]).tolist() == [1, -1, 0]  # type: ignore[union-attr]


def test_the_page_draws_sixty_columns_and_names_twins(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    columns = {f"c{at:02}": random.normal(0, 1, 120).round(3).tolist() for at in range(70)}
    columns["twin"] = [2 * each + 1 for each in columns["c05"]]
    target = [each + random.normal(0, 0.2) for each in columns["c05"]]
    train = frame({"row": table_rows(columns)}, target, "t", "target")
    options = {"number": list(columns)}
    page = explored(tmp_path, train, train.head(3), task="table_regression", modality="table", normalise=options)
    assert "'c05' and 'twin' tell the same (+1.00)" in page.look_at
    pair = page.numbers["associations"]["strongest"][0]
    assert set(pair[:2]) in ({"target (the target)", "c05"}, {"target (the target)", "twin"}) and pair[2] > 0.9
    assert "The 60 of 72 that go most with the target" in page.html
    assert len(page.html) < 600_000


def test_images_and_texts_have_none(tmp_path: Path) -> None:
    train = frame({"text": ["one", "two"]}, ["a", "b"], "t")
    page = explored(tmp_path, train, train, task="text_classification", modality="text")
    assert "associations" not in page.numbers
