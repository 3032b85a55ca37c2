"""A table that names images beside it: their bytes, what is missing, and what leaves the folder."""

from pathlib import Path

import pandas as pd
import pytest

from chainrule.data.sources import image_table
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field

FIELDS = (Field("image", "image", "input"), Field("age", "number", "target"))


def read(folder: Path, table: str) -> pd.DataFrame:
    (folder / "img").mkdir(exist_ok=True)
    (folder / "img" / "a.png").write_bytes(b"a")
    (folder / "b.png").write_bytes(b"b")
    (folder / "rows.csv").write_text(table)
    return image_table.read(folder, fields=FIELDS, files={"all": "rows.csv"}, columns={"image": "file"})


def test_an_image_is_the_file_that_its_cell_names_from_the_folder_of_the_table(tmp_path: Path) -> None:
    frame = read(tmp_path, "file,age\nimg/a.png,3\nb.png,\nimg\\a.png,4\n")
    assert frame["image"].tolist() == [b"a", b"b", b"a"]
    assert frame["age"].tolist()[::2] == ["3", "4"]
    assert frame["problem"].isna().all()
    assert frame.attrs["images"] == {"img/a.png": 2, "b.png": 1}
    assert frame.attrs["unnamed_images"] == 0
    assert read(tmp_path, "file,age\nb.png,1\n").attrs["unnamed_images"] == 1


def test_what_is_not_there_or_elsewhere_is_a_problem_of_its_row(tmp_path: Path) -> None:
    frame = read(tmp_path, "file,age\nc.png,3\n../b.png,4\n/etc/hosts,5\n,6\nimg,7\n\n")
    assert [None if pd.isna(each) else each.partition(":")[0] for each in frame["problem"]] == [
        "missing_file", "outside_folder", "outside_folder", None, "missing_file", None
    ]  # fmt: skip
    assert frame["image"].isna().all()


def test_the_path_must_be_the_folder_for_a_change_of_an_image_is_one_of_the_source(tmp_path: Path) -> None:
    read(tmp_path, "file,age\nb.png,3\n")
    with pytest.raises(DataError, match=r"rows.csv: a file; source.path must name the folder that holds the table"):
        image_table.read(tmp_path / "rows.csv", fields=FIELDS, files={"all": "rows.csv"})
