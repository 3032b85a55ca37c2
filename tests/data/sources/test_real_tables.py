"""The real tables of CHAINRULE_REAL_DATA as they are detected: every row is there, none with a problem."""

import json
import os
from pathlib import Path

import pytest

from chainrule.data.formats.dialect import detect
from chainrule.data.sources import delimited
from chainrule.tasks.field import Field

pytestmark = pytest.mark.skipif(
    "CHAINRULE_REAL_DATA" not in os.environ, reason="CHAINRULE_REAL_DATA names no directory"
)

SETS = [
    ("adult/adult-train.csv", 14, 32_561, 1),
    ("avocado/avocado.csv", "AveragePrice", 18_249, 0),
    ("bike-sharing/bike_train.csv", "cnt", 13_903, 0),
    ("california-housing/housing.csv", "median_house_value", 20_640, 0),
    ("telco-churn/WA_Fn-UseC_-Telco-Customer-Churn.csv", "Churn", 7_043, 0),
    ("titanic/titanic.csv", "survived", 891, 0),
    ("wine-quality/winequality-white.csv", "quality", 4_898, 0),
]


@pytest.mark.parametrize(("name", "target", "rows", "empty"), SETS, ids=[name for name, *_ in SETS])
def test_every_row_of_a_real_table_is_read_as_it_was_detected(
    name: str, target: str | int, rows: int, empty: int
) -> None:
    path = Path(os.environ["CHAINRULE_REAL_DATA"]) / name
    said = detect(path)
    fields = (Field("row", "table", "input"), Field("label", "label", "target"))
    options = {"delimiter": said.delimiter, "quoting": said.quoting, "header": said.header}
    frame = delimited.read(path, fields=fields, columns={"label": target}, **options)
    assert (len(frame), frame["label"].isna().sum()) == (rows + empty, empty)
    assert frame["problem"].isna().all()
    assert {len(json.loads(row)) for row in frame["row"]} == {said.width - 1}


def test_a_table_that_is_cut_into_files_is_one(tmp_path: Path) -> None:
    path = Path(os.environ["CHAINRULE_REAL_DATA"]) / "filmtrust"
    fields = (Field("row", "table", "input"), Field("label", "label", "target"))
    header = ["user", "film", "rating"]
    frame = delimited.read(
        path, fields=fields, files={"all": "ratings_*.txt"}, delimiter=" ", header=header, columns={"label": "rating"}
    )
    assert len(frame) == 35_497 and frame["id"].is_unique and frame["problem"].isna().all()
