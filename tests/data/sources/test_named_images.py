"""A table that names images beside it, in any format: their bytes, what is missing, and what leaves the folder."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chainrule.data.sources import delimited, parquet
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field
from table_files import READERS, write

FIELDS = (Field("image", "image", "input"), Field("age", "number", "target"))


def beside(folder: Path) -> None:
    (folder / "img").mkdir(exist_ok=True)
    (folder / "img" / "a.png").write_bytes(b"a")
    (folder / "b.png").write_bytes(b"b")


def read(folder: Path, table: str) -> pd.DataFrame:
    beside(folder)
    (folder / "rows.csv").write_text(table)
    return delimited.read(folder, fields=FIELDS, files={"all": "rows.csv"}, columns={"image": "file"})


@pytest.mark.parametrize("kind", READERS)
def test_an_image_is_the_file_that_its_cell_names_from_the_folder_of_the_table(tmp_path: Path, kind: str) -> None:
    beside(tmp_path)
    rows = [{"file": "img/a.png", "age": 3}, {"file": "b.png", "age": None}, {"file": "img\\a.png", "age": 4}]
    name = write(kind, tmp_path, rows)
    frame = READERS[kind](tmp_path, fields=FIELDS, files={"all": name}, columns={"image": "file"})
    assert frame["image"].tolist() == [b"a", b"b", b"a"]
    assert [float(age) for age in frame["age"].dropna()] == [3, 4]
    assert frame["problem"].isna().all()
    assert frame.attrs["images"] == {"img/a.png": 2, "b.png": 1}
    assert frame.attrs["unnamed_images"] == 0
    assert read(tmp_path, "file,age\nb.png,1\n").attrs["unnamed_images"] == 1


def test_what_is_not_there_or_elsewhere_is_a_problem_of_its_row(tmp_path: Path) -> None:
    frame = read(tmp_path, "file,age\nc.png,3\n../b.png,4\n/etc/hosts,5\n,6\nimg,7\n\n")
    assert [None if pd.isna(each) else each.partition(":")[0] for each in frame["problem"]] == [
        "missing_file", "outside_folder", "outside_folder", None, "missing_file", None
    ]  # fmt: skip
    assert not frame["image"].dropna().any()


def test_the_path_must_be_the_folder_for_a_change_of_an_image_is_one_of_the_source(tmp_path: Path) -> None:
    read(tmp_path, "file,age\nb.png,3\n")
    with pytest.raises(
        DataError, match=r"rows.csv: a file; the source's path must name the folder that holds the table"
    ):
        delimited.read(tmp_path / "rows.csv", fields=FIELDS, columns={"image": "file"})


def test_parquet_holds_images_as_bytes_or_as_hugging_face_does(tmp_path: Path) -> None:
    image = [{"bytes": b"a", "path": "a.png"}, {"bytes": b"b", "path": None}, None]
    pq.write_table(pa.table({"image": image, "age": [1, 2, 3]}), tmp_path / "rows.parquet")
    frame = parquet.read(tmp_path / "rows.parquet", fields=FIELDS)
    assert frame["image"].tolist() == [b"a", b"b", None]
    pq.write_table(pa.table({"image": [b"a", b"b"], "age": [1, 2]}), tmp_path / "rows.parquet")
    assert parquet.read(tmp_path / "rows.parquet", fields=FIELDS)["image"].tolist() == [b"a", b"b"]
