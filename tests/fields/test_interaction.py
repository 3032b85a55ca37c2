"""Users and items as cleaning leaves them, and what a model gets of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.data import cleaning
from chainrule.data.columns import columns
from chainrule.data.sources import delimited
from chainrule.fields import click, interaction, rating
from chainrule.fields.reject import Reject
from chainrule.recipes.defaults.interaction import DEFAULTS
from chainrule.system import plugins

OPTIONS: dict[str, Any] = {
    **DEFAULTS["clean"]["normalise"],
    "user": "who",
    "item": "what",
    "number": ["age"],
    "category": ["genre"],
    "of_item": ["genre"],
    "ratings": [1, 5],
}


def raw(**cells: Any) -> bytes:
    return json.dumps({"who": "7", "what": "x", "age": "30", "genre": "drama", **cells}).encode()


def test_a_row_is_its_user_its_item_and_what_is_told_of_both() -> None:
    clean, repairs = interaction.normalise(raw(who=" 7.0 ", age="unknown", more="left out"), **OPTIONS)
    assert json.loads(clean) == {"user": "7", "item": "x", "age": None, "genre": "drama"}
    assert repairs == ["not_a_number_in_age"]
    assert interaction.left_out(raw(more=1), OPTIONS) == ["more"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (raw(who=""), "missing_user"),
        (raw(what=None), "missing_item"),
        (raw(who="u" * 201), "user_too_long"),
        (raw(what=["x"]), "not_a_cell_in_item"),
        (b'{"who": "1"}', "no_column_what"),
        (b"[1]", "not_an_object"),
        (b"1 2 3", "not_an_object"),
    ],
)
def test_what_cannot_be_used_is_rejected_with_its_reason(value: bytes, reason: str) -> None:
    with pytest.raises(Reject) as rejected:
        interaction.normalise(value, **OPTIONS)
    assert rejected.value.reason == reason


def cleaned(task: str, target: str, pairs: list[tuple[str, str, str]]) -> cleaning.Cleaned:
    table = pd.DataFrame(
        {
            "id": [f"all/{place}" for place in range(len(pairs))],
            "group": [user for user, _, _ in pairs],
            "interaction": [raw(who=user, what=item) for user, item, _ in pairs],
            target: [value for _, _, value in pairs],
            "part": None,
            "origin": "a:1",
            "problem": None,
        }
    )
    return cleaning.clean(
        table,
        columns(task, "interaction"),
        plugins.load(f"tasks.{task}", "rows"),
        normalise=OPTIONS,
        near_duplicates=1.0,
    )


def test_ratings_that_contradict_each_other_go_and_a_repeated_one_counts_once() -> None:
    pairs = [("a", "x", "3"), ("a", "x", "4"), ("b", "x", "3"), ("b", "x", "3"), ("c", "x", "9"), ("d", "x", "nan")]
    found = cleaned("recommendation", "rating", pairs)
    assert found.reasons == {
        "conflicting_labels": 2,
        "exact_duplicate": 1,
        "not_a_number": 1,
        "rating_out_of_range": 1,
    }
    assert found.kept["rating"].tolist() == [3.0]


def test_of_clicks_on_the_same_item_the_first_counts_and_no_click_is_none() -> None:
    found = cleaned("item_ranking", "click", [("a", "x", "2019-01-02"), ("a", "x", "3"), ("b", "x", "0")])
    assert found.kept["click"].tolist() == [1.0]
    assert found.reasons == {"exact_duplicate": 1, "not_a_click": 1}


def test_an_item_called_0_is_chosen_where_the_clicks_are_the_items_themselves(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("u,i,f,on\n1,0,no,yes\n2,no,0,1\n0,false,9,yes\n3,5,9,no\n")
    options = {**OPTIONS, "user": "u", "item": "i", "number": [], "category": ["f"], "of_item": []}

    def kept(click: str) -> list[Any]:
        of_ranking = columns("item_ranking", "interaction")
        rows = delimited.read(tmp_path / "t.csv", fields=of_ranking.fields, columns={"click": click}, group="u")
        rules = plugins.load("tasks.item_ranking", "rows")
        found = cleaning.clean(rows, of_ranking, rules, normalise=options, near_duplicates=1.0)
        return found.kept["id"].tolist()

    assert len(kept("i")) == 4 and len(kept("u")) == 4 and len(kept("on")) == 3


def test_names_become_places_and_strangers_stay_apart() -> None:
    facts = {
        "users": ["7", "8"],
        "items": ["x"],
        "number": ["age"],
        "category": ["genre"],
        "places": {"genre": {"drama": 1}},
    }
    told = [("7", "x", 30, "drama"), ("9", None, None, "war"), ("10", "y", None, None)]
    asked = [dict(zip(("user", "item", "age", "genre"), row, strict=True)) for row in told]
    found = interaction.encode(asked, facts)
    assert found["user"][0] == 1 and found["item"].tolist()[:2] == [1, interaction.NOBODY]
    assert len(set(found["user"].tolist())) == 3 and (found["user"][1:] > 2).all()
    assert (found["user"] <= 2 + interaction.STRANGERS).all()
    assert found["numbers"].dtype == np.float32 and np.isnan(found["numbers"][1:]).all()
    assert found["categories"].tolist() == [[1], [interaction.OTHER], [interaction.OTHER]]


def test_what_is_learnt_of_targets() -> None:
    assert rating.fit([1, 2, 3, 4])["relevant"] == 2.5
    assert rating.contradictory([3, 4]) and not rating.contradictory([3, 3])
    assert not click.contradictory([1, 1])
    assert rating.unlearnable([3.0, 3.0]) and not click.unlearnable([1.0])
