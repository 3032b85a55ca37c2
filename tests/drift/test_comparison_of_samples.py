import dataclasses

import numpy as np
import pytest

from chainrule.drift import page as drift_page
from chainrule.drift import testing
from chainrule.drift.sample import Sample
from chainrule.system.errors import ChainruleError

WORDS = [f"word{number}" for number in range(60)]


def sample(rows: int, seed: int, *, group: int = 0, shift: float = 0.0, **changes) -> Sample:
    """Rows of one kind; group: rows that share an effect; shift: of every number; changes: other fields."""
    rng = np.random.default_rng(seed)
    groups, effect = None, np.zeros((rows, 4))
    if group:
        which = np.arange(rows) // group
        groups = np.array([f"{seed}/{each}" for each in which])
        effect = rng.normal(size=(which.max() + 1, 4))[which] * 1.5
    values = rng.normal(size=(rows, 4)) + effect + shift
    found = Sample(
        labels={"labels": np.where(values[:, 0] > 0, "yes", "no")},
        numbers={"one": values[:, 1], "two": values[:, 2]},
        vectors={"features": values},
        words=[list(rng.choice(WORDS, 8)) for _ in range(rows)],
        groups=groups,
    )
    return dataclasses.replace(found, **changes)


def flags(report: testing.Report) -> set[str]:
    return {test.name for test in report.tests if test.flagged}


def test_rows_of_the_same_kind_are_flagged_as_often_as_the_level_says():
    flagged = sum(testing.between(sample(60, seed), sample(40, 1000 + seed), alpha=0.1).flagged for seed in range(60))
    assert flagged <= 12  # 6 are expected; more come by chance once in a hundred times


def test_groups_keep_the_level_where_rows_would_not():
    pairs = [(sample(150, seed, group=5), sample(60, 1000 + seed, group=5)) for seed in range(40)]
    whole = sum(testing.between(one, other, alpha=0.1).flagged for one, other in pairs)
    apart = sum(
        testing.between(
            dataclasses.replace(one, groups=None), dataclasses.replace(other, groups=None), alpha=0.1
        ).flagged
        for one, other in pairs
    )
    assert whole <= 9  # 4 are expected
    assert apart > 20


def test_what_drifted_is_named():
    reference, rng = sample(150, 1), np.random.default_rng(9)
    normal = sample(100, 2)
    cases = {
        "labels": {"labels": {"labels": np.array(["yes"] * 85 + ["no"] * 15)}},
        "one": {"numbers": {**normal.numbers, "one": normal.numbers["one"] + 1}},
        "unknown words": {"words": [[*text[:-1], f"new{rng.integers(9)}"] for text in normal.words]},
        "features": {"vectors": {"features": normal.vectors["features"] * 1.8}},
    }
    for name, change in cases.items():
        report = testing.between(reference, dataclasses.replace(normal, **change))
        assert report.flagged
        assert name in flags(report)
        assert flags(report) <= {name, "words"}, name
    assert not testing.between(reference, normal).flagged


def test_words_of_only_one_sample_are_listed():
    report = testing.between(
        Sample(words=[["old", "both"]] * 30), Sample(words=[["both", "new"]] * 20 + [["both", "newer"]] * 10)
    )
    assert report.words == ([("new", 20), ("newer", 10)], [("old", 30)], 0.5)
    assert "unknown words" in flags(report)


def test_the_same_seed_gives_the_same_report_and_another_nearly_so():
    one, other = sample(80, 1, group=4), sample(60, 2, group=3, shift=0.6)
    first, again, another = (testing.between(one, other, seed=seed) for seed in (4, 4, 5))
    assert first.tests == again.tests
    assert first.tests != another.tests


@pytest.mark.parametrize(("reference", "current"), [(100, 19), (19, 100), (100, 0)])
def test_too_few_rows_have_no_verdict(reference, current):
    report = testing.between(sample(reference, 1), sample(current, 2, shift=5.0))
    assert (report.flagged, report.tests) == (False, ())
    assert f"{min(reference, current)} " in report.undecided and "under 20" in report.undecided


def test_too_few_groups_have_no_verdict():
    report = testing.between(sample(120, 1, group=4), sample(40, 2, group=40, shift=5.0))
    assert (report.flagged, report.undecided) == (
        False,
        "the current rows are of 1 group, too few to permute; collect more groups",
    )


def test_a_reference_of_few_groups_makes_new_groups_count_as_drift():
    report = testing.between(sample(120, 1, group=30), sample(40, 2, group=40, shift=5.0))
    assert report.flagged
    assert "4 groups, too few (under 20)" in report.notes[0]


def test_rows_of_unknown_groups_meet_one_row_of_each_known_group():
    report = testing.between(sample(120, 1, group=4), sample(40, 2))
    assert (report.unit, report.units, report.used) == ("group", (30, 40), (30, 40))
    assert "says nothing of groups" in report.notes[0]


def test_only_what_both_have_is_compared():
    one, other = sample(40, 1), sample(40, 2)
    report = testing.between(
        dataclasses.replace(one, labels={}, words=None),
        dataclasses.replace(other, numbers={"one": other.numbers["one"]}),
    )
    assert {test.name for test in report.tests} == {"one", "features"}
    nothing = testing.between(Sample(numbers={"a": np.zeros(30)}), Sample(numbers={"b": np.zeros(30)}))
    assert "nothing in common" in nothing.undecided


def test_rows_left_out_are_counted():
    report = testing.between(sample(40, 1, left_out=60), sample(40, 2))
    assert (report.rows, report.used) == ((100, 40), (40, 40))
    assert any("60 reference rows were left out" in note for note in report.notes)


@pytest.mark.parametrize("alpha", [0.0, 0.001, 0.9, float("nan")])
def test_a_level_that_cannot_be_tested_is_refused(alpha):
    with pytest.raises(ChainruleError, match="cannot be tested"):
        testing.between(sample(40, 1), sample(40, 2), alpha=alpha)


def test_the_page_fetches_nothing_and_escapes_what_it_shows(tmp_path):
    hostile = "<script>alert(1)</script>"
    report = testing.between(
        sample(60, 1, labels={"labels": np.array([hostile, "b"] * 30)}),
        sample(60, 2, labels={"labels": np.array(["b"] * 60)}, words=[[hostile]] * 60),
    )
    drift_page.write(report, tmp_path / "here", "<recipe>", "validation & rows", "new")
    page = (tmp_path / "here" / "drift.html").read_text()
    assert "data:image/png;base64," in page
    assert not any(found in page for found in ("<script", "http:", "https:", "<recipe>", "url("))
    assert "&lt;script&gt;" in page and "validation &amp; rows" in page
    assert "Drift" in page and "corrected" in page


@pytest.mark.filterwarnings("error:Glyph")  # matplotlib's warning of a box in place of a letter
def test_the_page_has_the_shares_behind_the_figure_in_any_script(tmp_path):
    nowhere = "$\\frac\U0010a123$"  # a sign for private use, which no font has, in what is no formula
    report = testing.between(
        sample(60, 1, labels={"labels": np.array([nowhere, "b", "b"] * 20)}),
        sample(60, 2, labels={"labels": np.array([nowhere] * 60)}),
    )
    drift_page.write(report, tmp_path, "digits", "validation rows", "new")
    page = (tmp_path / "drift.html").read_text()
    assert f"<th>{nowhere} <small>#1</small></th><td>33.3%</td><td>100.0%</td>" in page
    assert "<th>b</th><td>66.7%</td><td>0.0%</td>" in page
    assert "p\u2011value" in page and "≤ 0.001" in page


def test_figure_and_numbers_are_the_same_for_the_same_report(tmp_path):
    report = testing.between(sample(60, 1), sample(60, 2, shift=2.0))
    for name in ("one.png", "two.png"):
        drift_page.figure(report, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    numbers = drift_page.metrics(report)
    assert numbers["drift.flagged"] == 1 and numbers["drift.decided"] == 1
    assert numbers["drift.input.one.p_corrected"] == 0.001
    assert numbers["drift.input.one.stability_index"] > 0.25
    assert all(np.isfinite(value) for value in numbers.values())
    assert drift_page.summary(report).startswith("drift in ") and drift_page.verdict(report) == "drift"


def test_no_verdict_has_a_page_too(tmp_path):
    report = testing.between(sample(60, 1), sample(3, 2))
    drift_page.write(report, tmp_path, "digits", "validation rows", "three")
    page = (tmp_path / "drift.html").read_text()
    assert "No verdict" in page and "3 current rows; under 20 nothing is said" in page
    assert drift_page.metrics(report)["drift.decided"] == 0
    assert drift_page.summary(report) == "no verdict: 3 current rows; under 20 nothing is said"
