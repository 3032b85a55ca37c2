"""Tables from a file to clean rows: what is kept, what is turned away by name, and seven real ones."""

import os
from pathlib import Path
from typing import Any

import pytest

from chainrule.data.cleaning import Cleaned, clean
from chainrule.data.columns import columns
from chainrule.data.profile import profile
from chainrule.data.reading import reader
from chainrule.data.splitting import split
from chainrule.fields import table
from chainrule.recipes.file import complete, plug_in
from chainrule.system import plugins
from chainrule.system.errors import DataError

REAL = os.environ.get("CHAINRULE_REAL_DATA")
HEAD = "age,town,label\n"
LISTED = {"number": ["age"], "category": ["town"]}


def cleaned(
    path: Path, task: str = "table_classification", normalise: dict[str, Any] = LISTED, **source: Any
) -> tuple[Cleaned, dict[str, Any]]:
    """Return what cleaning makes of a file, by the defaults of a recipe, and clean.normalise in force."""
    given = {
        "task": task,
        "modality": "table",
        "source": {"kind": "delimited", **source},
        "clean": {"normalise": normalise},
    }
    block = complete(given)
    _, options = plug_in(block["source"], "kind")
    fields = columns(task, "table")
    rows = reader("delimited", fields)(path, **options)
    rules = plugins.load(f"tasks.{task}", "rows")
    return clean(rows, fields, rules, **block["clean"]), block["clean"]["normalise"]


def of_text(tmp_path: Path, text: str, **more: Any) -> Cleaned:
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8", newline="")
    return cleaned(tmp_path / "rows.csv", **more)[0]


def test_equal_rows_are_kept_whatever_their_targets_and_share_a_split(tmp_path: Path):
    lines = [f"{age},Rome,{'yes' if age % 2 else 'no'}\n" for age in range(200)]
    found = of_text(tmp_path, HEAD + "".join(lines) + "7,Rome,no\n7.0,Rome,yes\n" * 20)
    assert (found.counts["kept"], found.reasons) == (240, {})
    assert found.counts["near_duplicate_pairs"] == 40
    rules = plugins.load("tasks.table_classification", "rows")
    done = split(found.kept, found.links, "label", rules, seed=1, test=0.3, validation=0.2, tolerance=1.0)
    alike = done.rows[done.rows["row"] == '{"age":7,"town":"Rome"}']
    assert len(alike) == 41
    assert alike["split"].nunique() == 1
    assert alike["group"].nunique() == 1


def test_what_cannot_be_used_is_rejected_by_name_and_nothing_is_lost(tmp_path: Path):
    long = "x" * 2_000_000
    bad = f"5,Rome,yes,too many\n5,Rome\n,,no\n5,Rome,\n5,{long},no\n=1+1,Oslo,no\n1\u00002,Oslo,no\n"
    found = of_text(tmp_path, HEAD + "1,Rome,yes\n2,Oslo,no\n" + bad)
    assert found.reasons == {"wrong_column_count": 2, "empty_row": 1, "missing_label": 1, "cell_too_long": 1}
    assert found.repairs == {"not_a_number_in_age": 2}
    assert found.counts["kept"] + found.counts["rejected"] == found.counts["raw"] == 9


def test_two_columns_of_one_name_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"rows\.csv.*'town'.*rename"):
        of_text(tmp_path, "town,town,label\n1,2,yes\n")


def test_a_column_that_the_file_lacks_is_named(tmp_path: Path):
    found = of_text(tmp_path, "age,city,label\n1,Rome,yes\n")
    assert found.reasons == {"no_column_town": 1}
    assert "'city'" in found.rejected["detail"][0]


def test_columns_without_a_header_are_told_by_their_places(tmp_path: Path):
    normalise = {"number": ["0"], "category": ["1"]}
    found = of_text(tmp_path, "1,Rome,yes\n2,Oslo,no\n", header=False, columns={"label": 2}, normalise=normalise)
    assert found.kept["row"].to_list() == ['{"0":1,"1":"Rome"}', '{"0":2,"1":"Oslo"}']


def test_forward_fill_through_cleaning_is_counted(tmp_path: Path):
    found = of_text(tmp_path, HEAD + "1,Rome,yes\n,Oslo,no\n", normalise={**LISTED, "missing": {"age": "forward_fill"}})
    assert found.kept["row"][1] == '{"age":1,"town":"Oslo"}'
    assert found.repairs == {"filled_in_age": 1}


SETS: dict[str, dict[str, Any]] = {
    "titanic/titanic.csv": {
        "columns": {"label": "survived"},
        "normalise": {"number": ["age", "fare"], "category": ["sex", "ticket", "embarked", "cabin"], "text": ["name"]},
        "rows": 891,
        "missing": {"age": 177, "cabin": 687, "embarked": 2},
        "doubts": ["'ticket': 681", "'cabin': 687 of 891 cells are missing", "'cabin': 147 different"],
    },
    "adult/adult-train.csv": {
        "columns": {"label": 14},
        "header": False,
        "normalise": {"number": ["0", "4"], "category": ["1", "6", "13"]},
        "rows": 32561,
        "rejected": {"empty_row": 1},  # an empty line ends the file
        "missing": {"1": 1836, "6": 1843, "13": 583},
        "doubts": [],
    },
    "california-housing/housing.csv": {
        "task": "table_regression",
        "columns": {"target": "median_house_value"},
        "normalise": {"number": ["total_bedrooms", "median_income"], "category": ["ocean_proximity"]},
        "rows": 20640,
        "missing": {"total_bedrooms": 207},
        "doubts": [],
    },
    "wine-quality/winequality-red.csv": {
        "task": "table_regression",
        "columns": {"target": "quality"},
        "delimiter": ";",
        "normalise": {"number": ["fixed acidity", "alcohol"]},
        "rows": 1599,
        "missing": {},
        "doubts": [],
    },
    "bike-sharing/bike_train.csv": {
        "task": "table_regression",
        "columns": {"target": "cnt"},
        "normalise": {"number": ["instant", "hum"], "date": ["dteday"], "dates": {"day_first": True}},
        "rows": 13903,
        "missing": {},
        "doubts": ["'instant': 13,903 different values"],
    },
    "avocado/avocado.csv": {
        "task": "table_regression",
        "columns": {"target": "AveragePrice"},
        "normalise": {"number": ["4046", "Total Volume"], "category": ["region", "type"], "date": ["Date"]},
        "rows": 18249,
        "missing": {},
        "doubts": [],
    },
    "telco-churn/WA_Fn-UseC_-Telco-Customer-Churn.csv": {
        "columns": {"label": "Churn"},
        "normalise": {
            "number": ["tenure", "TotalCharges"],
            "category": ["customerID", "Contract"],
            "boolean": ["SeniorCitizen", "Partner"],
        },
        "rows": 7043,
        "missing": {"TotalCharges": 11},
        "doubts": ["'customerID': 7,043 different values"],
    },
}


@pytest.mark.skipif(REAL is None, reason="CHAINRULE_REAL_DATA names no folder of real data sets")
@pytest.mark.parametrize("name", SETS)
def test_real_tables_are_cleaned_as_their_documentation_says(name: str):
    given = dict(SETS[name])
    rows, missing, doubts = given.pop("rows"), given.pop("missing"), given.pop("doubts")
    rejected = given.pop("rejected", {})
    found, normalise = cleaned(Path(str(REAL)) / name, **given)
    assert (found.counts["kept"], found.reasons, found.repairs) == (rows, rejected, {})
    target = found.kept.columns[found.kept.columns.get_loc("row") + 1]
    kinds = table.listed(normalise)
    held = profile(table.columnar(found.kept["row"].to_list()), kinds, found.kept[target].to_list())
    assert {each["column"]: each["missing"] for each in held.columns if each["missing"]} == missing
    assert len(held.warnings) == len(doubts), held.warnings
    assert all(doubt in warning for doubt, warning in zip(doubts, held.warnings, strict=True)), held.warnings
