"""What flows show in Prefect."""

from datetime import timedelta
from pathlib import Path

import pytest

from chainrule.retraining.decisions import Decision
from chainrule.system import words
from pipelines import artifacts, report

MADE = Decision(
    when="2026-11-22T03:00:00+00:00", recipe="mine", trigger=("new data: 50 rows", "age: 31 days"), batch="b2", rows=40,
    set_aside=1, drift={"flagged": True, "tests": ["brightness: 0.4 | 0.1"]}, action="promoted",
    reason="not worse; 1 file was set aside",
    challenger=4, champion=3, difference={"value": 0.0036, "low": -0.001, "high": 0.008}, commit=None, seconds=12.34,
    flow_run=None, batches=("b1", "b2"),
)  # fmt: skip


def test_a_decision_is_shown_in_words_and_what_is_wrong_first() -> None:
    assert (
        artifacts.decision(MADE, ["1 file was set aside"], ["[x](http://x)"])
        == """\
> **WARNING: 1 file was set aside**

**Promoted**: not worse

|  |  |
| --- | --- |
| trained | yes, because: new data: 50 rows; age: 31 days |
| taken in | 40 usable rows as batch `b2` |
| set aside | 1 file |
| batches in its data | `b1`, `b2` |
| drift | found: brightness: 0.4 \\| 0.1 |
| new version | 4 |
| champion before | 3 |
| accuracy against it | +0.0036 (-0.0010 to +0.0080), both as served, on the same test rows |
| took | 12.3 s |
| when | 2026-11-22T03:00:00+00:00 |

- [x](http://x)"""
    )


def test_a_link_to_a_file_is_one_and_a_key_is_what_prefect_takes() -> None:
    assert artifacts.file_link(Path("/a b/drift.html")) == "[drift.html](file:///a%20b/drift.html) at `/a b/drift.html`"
    assert artifacts.key("My_recipe", "chain") == "my-recipe-chain"


def test_figures_stand_beside_the_champion_without_a_difference_of_other_rows() -> None:
    ours = {"floor.majority.accuracy": 0.5, "test.accuracy": 0.98765, "test.accuracy.low": 0.9}
    assert report.figures(ours, {}) == [("test.accuracy", 0.9877), ("floor.majority.accuracy", 0.5)]
    assert report.figures(ours, {"test.accuracy": 0.9}) == [
        ("test.accuracy", 0.9877, 0.9),
        ("floor.majority.accuracy", 0.5, None),
    ]


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        ({"seconds": -5}, "just now"), ({"seconds": 59}, "just now"), ({"minutes": 1}, "1 minute ago"),
        ({"minutes": 119}, "119 minutes ago"), ({"hours": 2}, "2 hours ago"), ({"hours": 47}, "47 hours ago"),
        ({"days": 2}, "2 days ago"), ({"days": 1500}, "1,500 days ago"),
    ],
)  # fmt: skip
def test_ages_and_counts_are_english(passed: dict[str, float], said: str) -> None:
    assert words.ago(timedelta(**passed)) == said
    assert [words.count(n, "file") for n in (0, 1, 1204)] == ["0 files", "1 file", "1,204 files"]
    assert words.listed(list("abc"), most=2) == "a, b and 1 more"
