import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.system.errors import DataError
from chainrule.system.files import read_json, read_rows, write_json, write_rows

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def rows() -> pd.DataFrame:
    columns = {"id": ["a", "b"], "image": [b"\x00\xff", b""], "label": ["cat", None], "part": [None, "test"]}
    return pd.DataFrame(columns, index=[7, 3])


@given(content=plain)
def test_json_survives_the_disk(content: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    write_json(path, content)
    assert read_json(path) == content


def test_json_of_the_same_content_has_the_same_bytes_whatever_the_order_of_keys(tmp_path: Path) -> None:
    write_json(tmp_path / "one.json", {"b": 1, "a": {"d": [1, 2], "c": "é"}})
    write_json(tmp_path / "other.json", {"a": {"c": "é", "d": [1, 2]}, "b": 1})
    content = (tmp_path / "one.json").read_bytes()
    assert content == (tmp_path / "other.json").read_bytes()
    assert content.endswith(b"}\n")
    assert "é".encode() in content


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_json_refuses_what_no_strict_reader_takes_and_leaves_the_file_before(number: float, tmp_path: Path) -> None:
    write_json(tmp_path / "it.json", {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "it.json", {"a": [number]})
    assert read_json(tmp_path / "it.json") == {"a": 1}


def test_rows_survive_the_disk_without_their_index(tmp_path: Path) -> None:
    write_rows(tmp_path / "new" / "rows.parquet", rows())
    found = read_rows(tmp_path / "new" / "rows.parquet")
    assert found.index.tolist() == [0, 1]
    assert found["id"].tolist() == ["a", "b"]
    assert found["image"].tolist() == [b"\x00\xff", b""]
    assert found["label"].isna().tolist() == [False, True]
    assert list(found.columns) == ["id", "image", "label", "part"]


def test_only_the_asked_columns_are_read(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.parquet", rows())
    assert list(read_rows(tmp_path / "rows.parquet", ("label", "id")).columns) == ["label", "id"]


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    digests = set()
    for name in ("one", "other"):
        write_rows(tmp_path / name, rows())
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize("read", [read_rows, read_json])
def test_a_missing_file_is_named_with_the_remedy(read: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.file: not found; run `dvc repro`"):
        read(tmp_path / "gone.file")


@pytest.mark.parametrize("read", [read_rows, read_json])
@pytest.mark.parametrize("content", [b"", b"not it", b"\xff\xfe{"])
def test_a_broken_file_is_named_with_the_remedy_in_one_line(read: Any, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.file"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.file: not (readable|valid)") as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert "delete it and run `dvc repro`" in str(caught.value)
