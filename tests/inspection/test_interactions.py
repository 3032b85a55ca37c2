"""What `chainrule new` makes of tables of users and items."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from chainrule.data.columns import columns
from chainrule.data.sources import delimited
from chainrule.inspection import choices, detection, writing
from chainrule.inspection.examples import Options
from chainrule.inspection.machine import Machine
from chainrule.recipes import check
from chainrule.recipes.check import find_mistakes


def written(root: Path, titles: Sequence[str] | None, rows: Sequence[Sequence[Any]], **asked: str) -> dict[str, Any]:
    """Return the recipe of a table, which has no mistake."""
    lines = [*([titles] if titles else []), *rows]
    (root / "table.csv").write_text("\n".join(",".join(map(str, line)) for line in lines) + "\n")
    found = detection.detect(root / "table.csv", Options(**asked))
    block = writing.block(found, choices.choose(found, root, None, Machine(2, None)), root)
    (root / "params.yaml").write_text(json.dumps({"recipes": {"mine": block}}))  # YAML without aliases
    check.check(root)
    return block


def pairs(*more: Any) -> list[list[Any]]:
    return [[f"u{user}", f"m{(user + step) % 17}", *more] for user in range(30) for step in range(6)]


def test_ratings_are_known_by_their_columns(tmp_path: Path) -> None:
    rows = [[*pair, 1 + place % 5, 978300000 + place] for place, pair in enumerate(pairs())]
    block = written(tmp_path, ["userId", "movieId", "rating", "timestamp"], rows)
    assert (block["task"], block["target"]) == ("recommendation", "rating")
    assert block["clean"] == {"normalise": {"user": "userId", "item": "movieId", "ratings": [1.0, 5.0]}}
    assert block["split"] == {"by": "time"} and block["source"]["time"] == "timestamp"
    assert block["source"]["group"] == block["incoming"]["group"] == "userId"


def test_rows_that_only_say_what_was_chosen_are_clicks(tmp_path: Path) -> None:
    block = written(tmp_path, ["customer", "product"], pairs())
    assert (block["task"], block["target"]) == ("item_ranking", "click")
    assert block["source"]["columns"] == {"click": "product"} and block["split"] == {"by": "within_groups"}


def test_columns_without_titles_are_taken_in_their_order_if_the_task_is_named(tmp_path: Path) -> None:
    rows = [[user[1:], item[1:], 1 + place % 4] for place, (user, item) in enumerate(pairs())]
    block = written(tmp_path, None, rows, task="recommendation")
    assert block["clean"]["normalise"]["user"] == block["source"]["header"][0]
    assert block["source"]["columns"] == {"rating": block["source"]["header"][2]}


def test_a_review_is_read_whoever_wrote_it(tmp_path: Path) -> None:
    rows = [
        [*pair, f"a long review of {place} words about this and that thing", ("good", "bad")[place % 2]]
        for place, pair in enumerate(pairs())
    ]
    block = written(tmp_path, ["user", "movie", "review", "label"], rows)
    assert block["task"] == "text_classification"


@pytest.mark.parametrize("titles", [["user", "age", "label"], ["row", "movie", "label"]])
def test_without_both_sides_it_is_a_table(tmp_path: Path, titles: list[str]) -> None:
    rows = [[place % 40, place % 23, "ab"[place % 2]] for place in range(200)]
    assert written(tmp_path, titles, rows)["task"] == "table_classification"


def test_ratings_as_movielens_has_them_are_found_among_other_tables(tmp_path: Path) -> None:
    rows = ["::".join(map(str, [*pair, 1 + place % 5, 978300000 + place])) for place, pair in enumerate(pairs())]
    (tmp_path / "ratings.dat").write_text("\n".join(rows) + "\n")
    (tmp_path / "movies.dat").write_bytes("1::Misérables, Les (1995)::Drama|Musical\n".encode("latin-1") * 3)
    (tmp_path / "users.dat").write_text("1::F::1::10::48067\n" * 3)
    for path in (tmp_path, tmp_path / "ratings.dat"):
        found = detection.detect(path, Options())
        block = writing.block(found, choices.choose(found, tmp_path, None, Machine(2, None)), tmp_path)
        assert find_mistakes({"recipes": {"mine": block}}) == []
        assert block["task"] == "recommendation" and block["split"] == {"by": "time"}
        assert block["clean"]["normalise"] == {"user": "user", "item": "item", "ratings": [1.0, 5.0]}
        source = block["source"]
        assert (source["delimiter"], source["quoting"]) == ("::", False)
        assert source["header"] == ["user", "item", "rating", "timestamp"]
    assert any("movies.dat" in line for line in detection.detect(tmp_path, Options()).found)
    options = {name: source[name] for name in ("delimiter", "quoting", "header", "group", "time")}
    fields = columns("recommendation", "interaction").fields
    rows = delimited.read(tmp_path / "ratings.dat", fields=fields, **options)
    assert rows["problem"].isna().all() and len(rows) == len(pairs()) and rows["rating"][0] == "1"


def test_a_scale_of_ratings_is_said_and_has_ends(tmp_path: Path) -> None:
    rows = [[*pair, 1 + place % 5] for place, pair in enumerate(pairs())]
    rows[3][2], rows[4][2] = "inf", "nan"
    block = written(tmp_path, ["user", "item", "rating"], rows)
    assert block["clean"]["normalise"]["ratings"] == [1.0, 5.0]
    assert (
        "ratings: 1 to 5, by what is there; others will be rejected"
        in detection.detect(tmp_path / "table.csv", Options()).found
    )
