"""What training rows tell of a table's columns, and batches of its rows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from chainrule.fields.encoding import encode
from chainrule.system.errors import DataError, ParamsError
from chainrule.training.inputs import table

KINDS = {"number": ["age", "fare"], "category": ["port"], "date": ["day"], "boolean": ["alone"], "text": ["name"]}
TOKENIZER = {"missing": {"number": "median", "category": "own"}, "bins": 4, "fewest": 2, "words": 3, "buckets": 100}
ROWS: list[dict[str, Any]] = [
    {"age": age, "fare": 7.0, "port": port, "day": day, "alone": age is None, "name": f"Mr {port}"}
    for age, port, day in [
        (20.0, "S", "2012-04-01"),
        (None, "S", "2012-04-08"),
        (30.0, "C", "2012-04-15"),
        (40.0, None, "2012-04-22"),
        (None, None, "2012-04-29"),
        (90.0, "Q", "2012-05-06"),
    ]
]


def fitted(**changed: Any) -> dict[str, Any]:
    return table.fit_facts([table.held(ROWS, list)], TOKENIZER | changed, None, KINDS)


def test_what_fills_a_gap_is_learnt_of_training_rows() -> None:
    facts = fitted()
    assert facts["fill"][0] == 35  # the median of 20, 30, 40, 90
    assert facts["gaps"][:2] == [True, False]
    filled = np.array([20, 35, 30, 40, 35, 90])
    assert facts["mean"][0] == pytest.approx(filled.mean())
    assert facts["std"][0] == pytest.approx(filled.std())
    assert fitted(missing={"number": "mean", "category": "own"})["fill"][0] == 45


def test_pieces_are_quantiles_of_the_numbers_that_are_there() -> None:
    facts = fitted()
    edges = np.array(facts["edges"][0]) * facts["std"][0] + facts["mean"][0]
    assert edges == pytest.approx([20, 27.5, 35, 52.5, 90], abs=1e-4)
    assert facts["edges"][1] == [-0.5, 0.5]  # all of one value


def test_a_column_that_is_mostly_zero_has_pieces_for_the_rest() -> None:
    rows = [row | {"fare": float(max(0, place - 90))} for place, row in enumerate(ROWS * 17)][:99]
    facts = table.fit_facts([table.held(rows, list)], TOKENIZER, None, KINDS)
    edges = np.array(facts["edges"][1]) * facts["std"][1] + facts["mean"][1]
    assert edges == pytest.approx([0, 2, 4, 6, 8], abs=1e-4)


def test_categories_have_places_by_how_often_they_are_met() -> None:
    facts = fitted()
    assert facts["category"] == ["port", "alone"]
    assert facts["places"] == {"port": {"S": 1}, "alone": {"false": 1, "true": 2}}  # C and Q are too rare
    assert facts["absent"] == {"port": 2, "alone": 0}
    assert fitted(fewest=1)["places"]["port"] == {"S": 1, "C": 2, "Q": 3}
    commonest = fitted(missing={"number": "median", "category": "most_frequent"})
    assert commonest["absent"] == {"port": 1, "alone": 1}


def test_of_dates_that_is_told_which_differs() -> None:
    assert fitted()["parts"] == {"day": ["day", "year_sine", "year_cosine"]}  # all Sundays, all at midnight
    same = [row | {"day": "2012-04-01"} for row in ROWS]
    only = {kind: (["day"] if kind == "date" else []) for kind in KINDS}
    with pytest.raises(DataError, match="all the same"):
        table.fit_facts([table.held(same, list)], TOKENIZER, None, only)


def test_facts_that_were_read_again_give_the_same_inputs(tmp_path: Path) -> None:
    facts = fitted()
    table.save_facts(facts, tmp_path)
    read = table.load_facts(tmp_path)
    assert read == facts
    before, after = encode(ROWS, facts), encode(ROWS, read)
    for name, array in before.items():
        np.testing.assert_array_equal(array, after[name])
    kept = table.preprocessing(json.loads(json.dumps(facts)), {"number": []})["facts"]
    assert encode(ROWS[:1], kept).keys() == before.keys()


def test_a_base_knows_no_column_that_the_recipe_has_not() -> None:
    base = fitted()
    assert table.fit_facts([table.held(ROWS, list)], TOKENIZER, base, KINDS) == base
    with pytest.raises(ParamsError, match=r"clean.normalise.number: the base knows fare"):
        table.fit_facts([table.held(ROWS, list)], TOKENIZER, base, KINDS | {"number": ["age"]})


def inputs(**distort: float) -> table.Inputs:
    return table.of_fields([table.held(ROWS * 50, list)], torch.arange(300), fitted(), **distort)


def test_every_row_comes_once_in_an_order_of_the_generator() -> None:
    found = inputs()
    orders = [torch.cat(found.order(64, torch.Generator().manual_seed(seed))) for seed in (0, 0, 1)]
    assert torch.equal(orders[0], orders[1]) and not torch.equal(orders[0], orders[2])
    assert all(torch.equal(order.sort().values, torch.arange(300)) for order in orders)
    assert torch.equal(torch.cat(found.order(64, None)), torch.arange(300))


def test_batches_are_altered_in_training_alone() -> None:
    found, index = inputs(noise=0.5, dropout=0.3), torch.arange(300)
    plain = found.take(index, None)
    assert torch.equal(plain["target"], index)
    for name, array in inputs().take(index, torch.Generator()).items():
        torch.testing.assert_close(array, plain[name], equal_nan=True)
    altered = found.take(index, torch.Generator().manual_seed(0))
    gone = (altered["numbers"].isnan() & ~plain["numbers"].isnan()).sum() / (~plain["numbers"].isnan()).sum()
    assert 0.25 < gone < 0.35
    changed = altered["numbers"][:, 1] - 7.0
    assert 0.4 < changed[~changed.isnan()].std() < 0.6  # half a standard deviation, which of equal numbers is 1
    dropped = (altered["categories"] != plain["categories"]).any(dim=0)
    assert dropped.all()
    assert set(altered["categories"][:, 0][altered["categories"][:, 0] != plain["categories"][:, 0]].tolist()) == {2}
    empty = (altered["words"] == 0).all(dim=2).float().mean()
    assert 0.2 < empty < 0.4


def test_a_form_is_shown_what_training_rows_had() -> None:
    shown = table.preprocessing(fitted(), {})["shown"]
    assert shown == {
        "age": [20, 35, 90],
        "fare": [6.5, 7, 7.5],  # the same in all rows: one piece about it
        "day": ["2012-04-01", "2012-04-19", "2012-05-06"],
    }
    moments = [row | {"day": f"{row['day']}T0{hour}:30:00"} for hour, row in enumerate(ROWS)]
    timed = table.fit_facts([table.held(moments, list)], TOKENIZER, None, KINDS)
    low, _, high = table.preprocessing(timed, {})["shown"]["day"]
    assert (low, high) == ("2012-04-01T00:30:00", "2012-05-06T05:30:00")
    same = table.fit_facts([table.held([row | {"day": "2012-04-01"} for row in ROWS], list)], TOKENIZER, None, KINDS)
    assert table.preprocessing(same, {})["shown"]["day"] == [None, None, None]
