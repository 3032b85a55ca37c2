"""Corruptions of texts and of tables: what each does to how much of a row, and what it leaves."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.evaluation.robustness import suite, table, text
from chainrule.system.errors import ParamsError

TEXT = "The film was good, and the actors did not look tired: it is a fine evening for all of us here tonight again."
COUNT = len(TEXT.split())


@pytest.mark.parametrize("name", text.CORRUPTIONS)
def test_a_text_is_altered_the_same_by_the_same_seed_and_not_at_all_at_zero(name: str) -> None:
    values = [TEXT, TEXT, "short", "", "一部好电影"]
    found = text.corrupted(values, name, 3, seed=1)
    assert found == text.corrupted(values, name, 3, seed=1) and found[:1] == text.corrupted(values[:1], name, 3, seed=1)
    assert found[0] != TEXT and text.corrupted(values, name, 0, seed=1) == values
    assert all(found[:3]) and found[3] == ""


def changed(name: str, severity: int) -> int:
    (found,) = text.corrupted([TEXT], name, severity, seed=0)
    return sum(one != other for one, other in zip(TEXT.split(), found.split(), strict=True))


def test_the_share_of_words_is_the_one_that_is_said() -> None:
    most = [round(share * COUNT) for share in (0.05, 0.2, 0.5)]
    found = [changed("typos", severity) for severity in (1, 3, 5)]  # two letters alike may change places
    assert all(0.6 * wanted <= count <= wanted for count, wanted in zip(found, most, strict=True))
    assert changed("case", 5) == COUNT
    (left,) = text.corrupted([TEXT], "deletions", 5, seed=0)
    assert len(left.split()) == COUNT - round(0.5 * COUNT)
    (other,) = text.corrupted([TEXT], "word_order", 3, seed=0)
    assert sorted(other.split()) == sorted(TEXT.split()) and other != TEXT


def test_contractions_go_both_ways_and_marks_within_words_stay() -> None:
    (found,) = text.corrupted(["It is late. I don't know"], "contractions", 5, seed=0)
    assert found == "It's late. I do not know"
    assert text.corrupted(["Es ist spät"], "contractions", 5, seed=0) == ["Es ist spät"]
    assert text.corrupted(["that'\u017f and i\u017f not"], "contractions", 5, seed=0) == ["that'\u017f and i\u017f not"]
    assert text.corrupted(["Don't, e.g. now!"], "punctuation", 5, seed=0) == ["Don't e.g now"]


CHINESE = "房间很干净，服务员态度好。早餐也丰富，wifi 很快，下次还住！"


def test_of_a_text_without_blanks_letters_are_words() -> None:
    letters = len(CHINESE.replace(" ", ""))
    (left,) = text.corrupted([CHINESE], "deletions", 5, seed=0)
    assert 0.3 * letters < len(left) < 0.7 * letters
    (other,) = text.corrupted([CHINESE], "word_order", 3, seed=0)
    assert sorted(other.replace(" ", "")) == sorted(CHINESE.replace(" ", "")) and other != CHINESE
    (slips,) = text.corrupted([CHINESE], "typos", 4, seed=0)
    assert slips != CHINESE and abs(len(slips) - len(CHINESE)) < 8
    assert text.corrupted([CHINESE], "punctuation", 5, seed=0) == ["房间很干净服务员态度好早餐也丰富wifi 很快下次还住"]
    assert text.corrupted([CHINESE], "case", 5, seed=0) == [CHINESE.upper()]


def cells(count: int = 200) -> list[str]:
    random = np.random.default_rng(0)
    rows = [
        {"weight": float(random.normal(70, 10)), "age": int(random.integers(20, 60)), "port": "SCQ"[row % 3],
         "paid": bool(row % 2), "when": None if row % 5 else "2020-01-01"}
        for row in range(count)
    ]  # fmt: skip
    return [json.dumps(row) for row in rows]


def column(values: list[str], name: str) -> list[Any]:
    return [json.loads(value)[name] for value in values]


@pytest.mark.parametrize("name", table.CORRUPTIONS)
def test_a_table_keeps_its_columns_and_kinds(name: str) -> None:
    found = table.corrupted(cells(), name, 3, seed=1)
    assert found == table.corrupted(cells(), name, 3, seed=1) != cells()
    assert table.corrupted(cells(), name, 0, seed=1) == cells()
    for one, other in zip(map(json.loads, cells()), map(json.loads, found), strict=True):
        assert list(one) == list(other) and any(cell is not None for cell in other.values())
        for key, cell in other.items():
            assert cell is None or one[key] is None or type(cell) in (type(one[key]), int)
        assert other["age"] is None or isinstance(other["age"], int)


def test_noise_and_scaling_change_numbers_by_as_much_as_they_say() -> None:
    before = np.array(column(cells(), "weight"))
    after = np.array(column(table.corrupted(cells(), "noise", 3, seed=0), "weight"))
    assert (after - before).std() == pytest.approx(0.4 * before.std(), rel=0.15)
    factors = np.array(column(table.corrupted(cells(), "scaling", 4, seed=0), "weight")) / before
    np.testing.assert_allclose(factors, factors[0])
    assert factors[0] == pytest.approx(1.4) or factors[0] == pytest.approx(1 / 1.4)


def test_what_goes_missing_is_as_much_as_is_said() -> None:
    rows = [json.loads(value) for value in table.corrupted(cells(), "missing_columns", 4, seed=0)]
    gone = [name for name in rows[0] if all(row[name] is None for row in rows)]
    assert len(gone) == 2
    held = [sum(cell is not None for cell in json.loads(value).values()) for value in cells()]
    left = table.corrupted(cells(), "missing_cells", 4, seed=0)
    for before, value in zip(held, left, strict=True):
        assert sum(cell is not None for cell in json.loads(value).values()) == before - round(0.4 * before)


def test_categories_come_from_other_rows() -> None:
    found = column(table.corrupted(cells(), "other_categories", 5, seed=0), "port")
    assert set(found) == set("SCQ") and found != column(cells(), "port")


def test_what_is_made_is_cleaned_as_rows_are_and_what_cleaning_refuses_stays() -> None:
    rows = pd.DataFrame({"text": ["good film", "bad film"], "label": ["a", "b"]})
    normalise = {"lowercase": True, "strip_html": False, "min_characters": 1, "max_characters": 100}
    found = suite.corrupted(rows, ["text"], "text", "case", 5, seed=0, normalise=normalise)
    assert found["text"].tolist() == rows["text"].tolist() and found["label"].tolist() == ["a", "b"]
    long = normalise | {"min_characters": 9}
    kept = suite.corrupted(rows, ["text"], "text", "deletions", 5, seed=0, normalise=long)["text"].tolist()
    assert kept[0] == "good film"  # one word is too short
    shouted = suite.corrupted(rows, ["text"], "text", "case", 5, seed=0)
    assert shouted["text"].tolist() == ["GOOD FILM", "BAD FILM"]


def test_every_corruption_at_every_severity_and_no_unknown_one() -> None:
    rows = pd.DataFrame({"text": [TEXT] * 3})
    assert len(list(suite.every(rows, ["text"], "text", None, [1, 5], seed=0))) == 2 * len(text.CORRUPTIONS)
    with pytest.raises(ParamsError, match="no corruption of modality text is called fog"):
        list(suite.every(rows, ["text"], "text", ["fog"], [1], seed=0))
