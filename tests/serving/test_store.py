import os
from pathlib import Path
from typing import Any

import pytest

from chainrule.errors import DataError
from chainrule.serving import bundle, store
from tiny_store import export, point, promote


def test_champions_come_before_what_export_wrote(tmp_path: Path) -> None:
    exported = export(tmp_path, "digits")
    export(tmp_path, "other")
    assert {name: store.wanted(name, place).version for name, place in store.places(tmp_path).items()} == {
        "digits": "0",
        "other": "0",
    }
    found = store.find(tmp_path, "digits")
    assert found is not None and (found.folder, found.digest) == (exported, None)
    folder = promote(tmp_path, "digits", "12")
    found = store.find(tmp_path, "digits")
    assert found is not None and (found.version, found.folder) == ("12", folder)
    assert found.digest == bundle.read(folder, "digits", "12").digest
    other = store.find(tmp_path, "other")
    assert other is not None and other.version == "0"


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    assert store.places(tmp_path) == {}
    (tmp_path / "models" / "served" / "digits").mkdir(parents=True)
    (tmp_path / "models" / "onnx" / ".partial").mkdir(parents=True)
    (tmp_path / "models" / "onnx" / ".partial" / "SHA256SUMS").touch()
    assert store.places(tmp_path) == {}
    for name in ("digits", "../digits", "/etc", ""):
        assert store.find(tmp_path, name) is None


def test_a_champion_replaced_is_another_place(tmp_path: Path) -> None:
    promote(tmp_path, "digits", "1")
    before = store.places(tmp_path)
    assert store.places(tmp_path) == before
    times = os.stat(before["digits"].path)
    point(tmp_path, "digits", before["digits"].path.read_text())
    os.utime(before["digits"].path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert store.places(tmp_path) != before


@pytest.mark.parametrize(
    "champion",
    ["", "[]", {}, {"version": 3, "digest": "a"}, {"version": "../../x", "digest": "a"}, {"version": "3"}],
)
def test_a_champion_that_names_no_version_is_refused(champion: Any, tmp_path: Path) -> None:
    point(tmp_path, "digits", champion)
    with pytest.raises(DataError, match=r"champion\.json"):
        store.find(tmp_path, "digits")
