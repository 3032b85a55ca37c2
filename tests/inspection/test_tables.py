"""What `chainrule new` finds in tables of mixed columns, in any format."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from chainrule.data.sources import delimited
from chainrule.inspection import choices
from chainrule.inspection.detection import detect
from chainrule.inspection.examples import Examples, Options
from chainrule.inspection.machine import Machine
from chainrule.recipes.file import complete
from chainrule.system.errors import DataError, ParamsError
from chainrule.tasks.table_classification.fields import fields


def look(path: Path, **options: str) -> Examples:
    return detect(path, Options(**options))


def houses(count: int = 60) -> pd.DataFrame:
    """Rows with an id, a constant, numbers, a gap, a category, a truth value, a date, names and a price."""
    rows = range(count)
    return pd.DataFrame(
        {
            "house_id": [f"h{at:04d}" for at in rows],
            "country": "NL",
            "rooms": [at % 7 + 1 for at in rows],
            "area": [None if at % 9 == 0 else 40 + 1.5 * at for at in rows],
            "town": [("Delft", "Leiden", "Gouda")[at % 3] for at in rows],
            "garden": [("yes", "no")[at % 2] for at in rows],
            "sold": [f"{at % 28 + 1:02d}-{at % 12 + 1:02d}-2011" for at in rows],
            "owner": [f"{('Ann', 'Bo', 'Cy', 'Di')[at % 4]} van {at}" for at in rows],
            "price": [100 + at * 7.5 for at in rows],
        }
    )


KINDS = {
    "number": ["rooms", "area"],
    "category": ["town"],
    "date": ["sold"],
    "boolean": ["garden"],
    "text": ["owner"],
    "dates": {"day_first": True},
}


def test_columns_by_kind_ids_and_constants_left_out_and_the_newest_rows_tested(tmp_path: Path) -> None:
    path = tmp_path / "houses.csv"
    houses().to_csv(path, index=False)
    found = look(path)
    assert (found.task, found.target, found.rows) == ("table_regression", "number", 60)
    assert found.source == {
        "kind": "delimited", "path": str(path), "columns": {"target": "price"}, "time": "sold",
    }  # fmt: skip
    assert found.normalise == KINDS
    assert found.split == {"time": {"format": "%d-%m-%Y"}}
    assert "left out, constant: country" in found.found
    assert "left out, they number or name rows: house_id" in found.found


@pytest.mark.parametrize("ending", ["xlsx", "jsonl", "parquet"])
def test_the_same_in_formats_with_types(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"houses.{ending}"
    rows = houses()
    if ending == "xlsx":
        rows.to_excel(path, index=False)
    elif ending == "jsonl":
        rows.to_json(path, orient="records", lines=True)
    else:
        rows.to_parquet(path)
    found = look(path)
    kinds = {"xlsx": "excel", "jsonl": "json_lines", "parquet": "parquet"}
    assert (found.task, found.source["kind"]) == ("table_regression", kinds[ending])
    assert found.normalise == KINDS


@pytest.mark.parametrize(("rows", "net"), [(60, "tabm"), (9999, "tabm"), (10_000, "mlp"), (200_000, "mlp")])
def test_few_rows_get_nets_that_vote_and_as_many_epochs_as_is_said(tmp_path: Path, rows: int, net: str) -> None:
    path = tmp_path / "houses.csv"
    houses().to_csv(path, index=False)
    found = replace(look(path), rows=rows, parts={})
    plan = choices.choose(found, tmp_path, None, Machine(2, False))
    assert plan.blocks["net"] == {"name": net}
    (said,) = re.findall(r"at most (\d+) epochs", "".join(plan.why))
    block = {"task": found.task, "modality": "table", "target": found.target, **plan.blocks}
    assert complete(block)["finetune"]["epochs"] == int(said)


def test_another_target_makes_another_task(tmp_path: Path) -> None:
    path = tmp_path / "houses.csv"
    houses().to_csv(path, index=False)
    found = look(path, target="town")
    assert (found.task, set(found.counts), found.split) == ("table_classification", {"Delft", "Leiden", "Gouda"}, {})
    assert found.normalise["number"] == ["rooms", "area", "price"]
    with pytest.raises(ParamsError, match="--target country: all of its cells hold the same"):
        look(path, target="country")


def test_columns_without_names_get_some(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("".join(f"{at},{at % 5 * 1.5},{'xy'[at % 2]},{['no', 'yes'][at % 3 // 2]}\n" for at in range(40)))
    found = look(path)
    assert found.source["header"] == ["column_0", "column_1", "column_2", "column_3"]
    assert found.source["columns"] == {"label": "column_3"}
    assert found.normalise == {"number": ["column_1"], "category": ["column_2"]}


def test_decimal_commas_and_points_between_thousands(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = "".join(f"{at % 4},{at},5;{1 + at % 3}.{at:03d},25;{'ab'[at % 2]}\n" for at in range(10, 60))
    path.write_text(f"size;cost;kind\n{rows}")
    found = look(path, target="kind")
    assert (found.normalise["decimal"], found.normalise["thousands"]) == (",", ".")
    assert "cost" in found.normalise["number"]


def test_files_of_the_same_columns_are_one_table_and_of_others_are_refused(tmp_path: Path) -> None:
    houses(30).to_csv(tmp_path / "houses-north.csv", index=False)
    houses(20).to_csv(tmp_path / "houses-south.csv", index=False)
    found = look(tmp_path)
    assert (found.rows, found.source["files"]) == (50, {"all": "houses-*.csv"})
    houses(20).drop(columns="area").to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(DataError, match="3 files of different columns, none called train or test"):
        look(tmp_path)


def test_a_table_with_nothing_to_learn_from_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,country,label\n" + "".join(f"r{at},NL,{'ab'[at % 2]}\n" for at in range(30)))
    with pytest.raises(DataError, match="beside the target no column tells anything: id, country"):
        look(path)


def test_a_column_that_gives_the_target_away_is_pointed_out(tmp_path: Path) -> None:
    rows = houses(300).assign(tax=[at * 1.9 for at in range(300)], mood=[at * 37 % 11 for at in range(300)])
    rows.to_csv(tmp_path / "houses.csv", index=False)
    doubts = look(tmp_path / "houses.csv", target="price").doubts
    assert any(doubt.startswith("column 'tax' alone tells") for doubt in doubts)
    assert not any(doubt.startswith("column 'mood'") for doubt in doubts)


def test_whole_numbers_are_classes_unless_they_are_called_like_a_quantity(tmp_path: Path) -> None:
    rows = pd.DataFrame({"a": [at / 3 for at in range(60)], "b": [at % 11 / 2 for at in range(60)]})
    rows.assign(quality=[at % 6 + 3 for at in range(60)]).to_csv(tmp_path / "wine.csv", index=False)
    rows.assign(species=[at % 3 for at in range(60)]).to_csv(tmp_path / "iris.csv", index=False)
    assert look(tmp_path / "wine.csv").task == "table_regression"
    assert look(tmp_path / "wine.csv", task="table_classification").task == "table_classification"
    assert look(tmp_path / "iris.csv").task == "table_classification"


REAL = pytest.mark.skipif("CHAINRULE_REAL_DATA" not in os.environ, reason="CHAINRULE_REAL_DATA names no directory")


@REAL
@pytest.mark.parametrize(
    ("name", "task", "target", "rows"),
    [
        ("titanic", "table_classification", "survived", 891),
        ("telco-churn", "table_classification", "Churn", 7043),
        ("adult", "table_classification", "column_14", 48842),
        ("california-housing", "table_regression", "median_house_value", 20640),
        ("wine-quality", "table_regression", "quality", 6497),
        ("bike-sharing", "table_regression", "cnt", 13903),
        ("avocado", "table_regression", "AveragePrice", 18249),
    ],
)
def test_real_tables(name: str, task: str, target: str, rows: int) -> None:
    found = look(Path(os.environ["CHAINRULE_REAL_DATA"]) / name)
    assert (found.task, found.rows) == (task, rows)
    assert list(found.source["columns"].values()) == [target]
    listed = {column for names in found.normalise.values() if isinstance(names, list) for column in names}
    assert not listed & {target, "customerID", "instant", ""}


@REAL
def test_real_tables_in_time_are_split_by_it() -> None:
    data = Path(os.environ["CHAINRULE_REAL_DATA"])
    assert (look(data / "avocado").source["time"], look(data / "avocado").split) == ("Date", {"time": {}})
    assert look(data / "bike-sharing").split == {"time": {"format": "%d-%m-%Y"}}


@REAL
def test_the_labels_of_adults_test_part_are_those_of_its_training_part() -> None:
    found = look(Path(os.environ["CHAINRULE_REAL_DATA"]) / "adult")
    assert found.labels["test"] == {"<=50K": 12435, ">50K": 3846}


# ---- messy files

ROWS = "".join(f"{at}.5,{at % 3},{'rgb'[at % 3]},{('yes', 'no')[at % 2]}\n" for at in range(60))


def test_a_header_that_names_two_columns_alike_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("x,x,color,label\n" + ROWS)
    with pytest.raises(DataError, match="several columns are called 'x'; give each a name of its own"):
        look(path)


def test_a_column_without_a_name_is_called_as_a_row_calls_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("x,y,,label\n" + ROWS)
    normalise = look(path).normalise
    raw = delimited.read(path, fields=fields("table"))
    assert {*normalise["number"], *normalise["category"]} == {*json.loads(raw["row"][0])}


def test_marks_and_forms_are_no_columns_that_are_learnt_from(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("x;color;label\n" + "".join(f"{at},5;{'rgb'[at % 3]};{'ab'[at % 2]}\n" for at in range(60)))
    found = look(path)
    assert found.normalise["decimal"] == ","
    assert found.columns == 2


def test_objects_that_cannot_be_read_are_pointed_out_and_nested_ones_are_no_constants(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [json.dumps({"x": at / 2, "more": {"a": at}, "label": "ab"[at % 2]}) for at in range(60)]
    path.write_text("\n".join([*rows[:50], *(row[:-1] for row in rows[50:])]))
    found = look(path)
    assert found.rows == 60
    assert "10 rows cannot be read, most of them broken_json; they will be rejected and counted" in found.doubts
    assert "left out, no cell holds a value (empty, or nested): more" in found.found


def test_more_columns_than_a_table_has_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    row = ",".join(map(str, range(20_000)))
    path.write_text(",".join(f"c{at}" for at in range(20_000)) + f",label\n{row},a\n{row},b\n")
    with pytest.raises(DataError, match=r"has 20,001 columns, more than 10,000"):
        look(path)


@pytest.mark.parametrize(("cell", "said"), [("yes", "label holds one value in 60 rows"), ("n{at}", "label holds 60")])
def test_why_the_column_that_is_called_like_a_target_is_none(tmp_path: Path, cell: str, said: str) -> None:
    path = tmp_path / "rows.csv"
    rows = (f"{at * 7 % 11}.5,{'rgb'[at % 3]},{cell.format(at=at)}\n" for at in range(60))
    path.write_text("x,color,label\n" + "".join(rows))
    with pytest.raises(ParamsError, match=said):
        look(path)
