import errno
import os
import threading
import time
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

import tiny_bundles
from chainrule.serving import bundle, store
from chainrule.system.errors import DataError
from tiny_store import export, point, promote


def test_champions_come_before_what_export_wrote(tmp_path: Path) -> None:
    exported = export(tmp_path, "digits")
    export(tmp_path, "other")
    assert {name: store.wanted(name, place).version for name, place in store.places(tmp_path).items()} == {
        "digits": "0",
        "other": "0",
    }
    found = store.find(tmp_path, "digits")
    assert found is not None and found.folder == exported
    assert found.digest == bundle.read(exported, "digits", "0").digest
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
    place = store.Place(tmp_path / "models" / "onnx" / "digits" / "SHA256SUMS", (0, 0, 0))  # DVC has just removed it
    with pytest.raises(DataError, match="SHA256SUMS: not readable"):
        store.wanted("digits", place)


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


# ---- what is told of the versions


def versions(root: Path) -> list[tuple[str, bool]]:
    found = store.find(root, "digits")
    assert found is not None
    return [(each["version"], each["champion"]) for each in store.versions(found)]


def test_scores_and_variants_of_every_version_kept(tmp_path: Path) -> None:
    exported = export(tmp_path, "digits", scores={"accuracy": {"value": 0.5}})
    found = store.find(tmp_path, "digits")
    assert found is not None and store.versions(found) == [
        {
            "version": "0",
            "champion": False,
            "scores": {"accuracy": {"value": 0.5}},
            "variants": bundle.read(exported, "digits", "0").signature["variants"],
        }
    ]
    promote(tmp_path, "digits", "9", scores={"accuracy": {"value": 0.9}})
    promote(tmp_path, "digits", "10", scores={"accuracy": {"value": 0.8}})
    assert versions(tmp_path) == [("10", True), ("9", False)]
    point(tmp_path, "digits", {"version": "9", "digest": "any"})
    assert versions(tmp_path) == [("10", False), ("9", True)]


def test_a_version_that_says_nothing_sane_of_itself_is_left_out(tmp_path: Path) -> None:
    folders = [promote(tmp_path, "digits", str(number)) for number in range(1, 7)]
    (folders[0] / "signature.json").write_text("[]")
    (folders[1] / "signature.json").write_text("{" + "[" * 100_000)
    (folders[2] / "signature.json").unlink()
    with open(folders[3] / "signature.json", "ab") as file:
        file.truncate(store.MOST_SIGNATURE + 1)
    (tmp_path / "models" / "served" / "digits" / ".7.old").mkdir()
    assert versions(tmp_path) == [("6", True), ("5", False)]


# ---- publishing


def fresh(root: Path, version: str, **options: Any) -> Path:
    """A version that is not on the shelf yet."""
    folder = root / "models" / "served" / "digits" / f".{version}.partial"
    folder.mkdir(parents=True)
    tiny_bundles.image_bundle(folder / "bundle", **options)
    return folder


def champion(root: Path, version: str, folder: Path, before: str | None = None) -> dict[str, Any]:
    return {"version": version, "digest": bundle.read(folder / "bundle", "digits", version).digest, "from": before}


def on_shelf(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "models" / "served" / "digits").iterdir())


def sound(root: Path) -> str:
    """The version that is served, whole."""
    found = store.find(root, "digits")
    assert found is not None
    assert bundle.read(found.folder, "digits", found.version).digest == found.digest
    return found.version


def test_publishing_keeps_the_one_before_and_can_be_said_twice(tmp_path: Path) -> None:
    for version, before in (("1", None), ("2", "1"), ("3", "2")):
        folder = fresh(tmp_path, version, shift=float(version))
        record = champion(tmp_path, version, folder, before)
        for _ in range(2):
            store.publish(tmp_path, "digits", folder, record)
            assert sound(tmp_path) == version
    assert on_shelf(tmp_path) == ["2", "3", "champion.json"]


def test_a_full_disk_leaves_what_is_served_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fresh(tmp_path, "1")
    store.publish(tmp_path, "digits", folder, champion(tmp_path, "1", folder))
    again = fresh(tmp_path, "1", shift=1.0)
    record = champion(tmp_path, "1", again)
    real = Path.rename

    def full(self: Path, target: Path) -> Path:
        if self == again:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", full)
        with pytest.raises(OSError, match="No space left"):
            store.publish(tmp_path, "digits", again, record)
    assert sound(tmp_path) == "1"
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda _: full(again, again))
        with pytest.raises(OSError, match="No space left"):
            store.publish(tmp_path, "digits", again, record)
    assert sound(tmp_path) == "1"
    store.publish(tmp_path, "digits", again, record)
    found = store.find(tmp_path, "digits")
    assert sound(tmp_path) == "1" and found is not None and found.digest == record["digest"]


def test_no_room_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**9, 0, 10**9))
    store.check_room(tmp_path, 900_000_000)
    with pytest.raises(DataError, match=r"950,000,000 bytes are to come and 1,000,000,000 are free; make room"):
        store.check_room(tmp_path, 950_000_000)


def test_writers_take_turns(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with store.alone(tmp_path, "digits"):
            order.append("second")

    thread = threading.Thread(target=second)
    with store.alone(tmp_path, "digits"):
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_only_downloads_that_were_killed_long_ago_are_cleared(tmp_path: Path) -> None:
    now = time.time()
    for name, age in ((".1.a.partial", 2 * store.STALE_SECONDS), (".1.b.partial", 0.0), ("1", 2 * store.STALE_SECONDS)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (now - age, now - age))
    store.clear_stale(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".1.b.partial", "1"]
