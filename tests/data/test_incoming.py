"""Intake: everything offered is taken in, set aside with its reason, or waits; a kill or a full disk loses nothing."""

import builtins
import errno
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from chainrule.data import batches, incoming
from chainrule.data.columns import columns
from chainrule.data.incoming import Intake
from chainrule.data.reading import reader
from chainrule.data.sources import image_folder
from chainrule.system.errors import ChainruleError, DataError

IMAGES = {
    "task": "image_classification",
    "modality": "image",
    "incoming": {"kind": "image_folder", "group_pattern": None},
    "clean": {"normalise": {"mode": "L", "size": None, "max_pixels": 10_000}},
}
COLUMNS = {"delimiter": ",", "quoting": True, "header": True, "labels": None}
TABLES = {
    "task": "text_classification",
    "modality": "text",
    "incoming": {
        "kind": "delimited",
        "files": {"unlabelled": "*.unlabelled.csv", "all": "*.csv"},
        **COLUMNS,
        "group": None,
    },
    "clean": {
        "normalise": {"lowercase": False, "strip_html": True, "min_characters": 3, "max_characters": 100},
    },
}
KNOWN = {"dark", "light"}


def digest(batch: str | None) -> str:
    """The part of a batch's name that its content decides."""
    assert batch is not None
    return batch.rpartition("-")[2]


def png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 4), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def offer(root: Path, files: dict[str, bytes]) -> Path:
    place = root / "data" / "incoming" / "mine"
    place.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def take(root: Path, block: dict[str, Any] = IMAGES, known: Any = KNOWN, **options: Any) -> Intake:
    return incoming.take_in(root, "mine", block, known=known, **options)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def contents(root: Path) -> dict[str, bytes]:
    """Return every file of the project by its path."""
    return {name: (root / name).read_bytes() for name in files(root) if not name.endswith("README.md")}


# ---- the way it should go


def test_complete_files_become_one_batch_that_says_what_it_is(tmp_path: Path) -> None:
    place = offer(tmp_path, {"dark/1.png": png(1), "light/2.png": png(2), "light/3.png": png(3)})
    taken = take(tmp_path)
    assert taken.batch is not None and batches.NAME.fullmatch(taken.batch)
    assert (taken.rows, taken.accepted, taken.set_aside) == (3, ("dark/1.png", "light/2.png", "light/3.png"), {})
    assert files(place) == set()
    batch = tmp_path / "data" / "accepted" / "mine" / taken.batch
    manifest = batches.check(batch)
    assert (manifest["usable"], manifest["labels"]) == (3, {"dark": 1, "light": 2})
    rows = batches.read(batch, image_folder.read, {"group_pattern": None})
    assert list(rows["id"]) == [f"{digest(taken.batch)}/{name}" for name in taken.accepted]
    assert list(rows["image"]) == [png(1), png(2), png(3)]


def test_rows_of_a_batch_keep_groups_that_mean_something_and_get_their_own_otherwise(tmp_path: Path) -> None:
    offer(tmp_path, {"dark/ann_1.png": png(1), "light/ann_2.png": png(2)})
    taken = take(tmp_path)
    batch = tmp_path / "data" / "accepted" / "mine" / str(taken.batch)
    own = batches.read(batch, image_folder.read, {"group_pattern": None})
    assert list(own["group"]) == [f"{digest(taken.batch)}/dark/ann_1", f"{digest(taken.batch)}/light/ann_2"]
    shared = batches.read(batch, image_folder.read, {"group_pattern": "^([a-z]+)_"})
    assert list(shared["group"]) == ["ann", "ann"]


def test_a_broken_file_is_set_aside_with_its_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    broken = png(1)[:30]
    offer(tmp_path, {"dark/1.png": png(1), "dark/broken.png": broken, "dark/notes.txt": b"?", "loose.png": png(3)})
    offer(tmp_path, {"light/Thumbs.db": b"?"})
    taken = take(tmp_path)
    assert taken.accepted == ("dark/1.png",)
    assert set(taken.set_aside) == {"dark/broken.png", "dark/notes.txt", "loose.png", "light/Thumbs.db"}
    assert taken.set_aside["dark/broken.png"].startswith("unreadable_image: ")
    aside = tmp_path / "data" / "rejected" / "mine" / str(taken.batch)
    reasons = json.loads((aside / "reasons.json").read_text())
    assert {name: entry["reason"] for name, entry in reasons.items()} == taken.set_aside
    assert (aside / "files" / "dark" / "broken.png").read_bytes() == broken


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'text,label\n"never closed,good\n', "never closed"),
        (b"text,label\n" + b"\x81\x8d\x8f\x90,good\n" * 3, "set incoming.encoding"),
        (b"text,label\n\x07\x08,good\n\x07,bad\n", "empty_text 2"),
        (b"PAR1\x15\x04", "Parquet, not a text file"),
        (b"words,label\nwell made,good\n", "has no column 'text' for incoming.columns.text"),
        (b"PK\x03\x04 and so on", "compressed archive"),
        (b"", "empty"),
        (b"text,label\n", "no rows"),
    ],
)
def test_a_broken_table_is_set_aside_and_the_others_go_on(tmp_path: Path, content: bytes, said: str) -> None:
    offer(tmp_path, {"a.csv": content, "b.csv": b"text,label\nwell made,good\nawful,bad\n", "c.txt": b"other"})
    taken = take(tmp_path, TABLES, {"good", "bad"})
    assert (taken.accepted, taken.rows) == (("b.csv",), 2)
    assert set(taken.set_aside) == {"a.csv", "c.txt"}
    assert said in taken.set_aside["a.csv"]
    assert str(tmp_path) not in taken.set_aside["a.csv"]
    batch = tmp_path / "data" / "accepted" / "mine" / str(taken.batch)
    options = {key: value for key, value in TABLES["incoming"].items() if key != "kind"}  # type: ignore[attr-defined]
    rows = batches.read(batch, reader("delimited", columns("text_classification", "text")), options)
    assert list(rows["id"]) == [f"{digest(taken.batch)}/b.csv/all/000002", f"{digest(taken.batch)}/b.csv/all/000003"]


def test_unlabelled_rows_need_no_label(tmp_path: Path) -> None:
    offer(tmp_path, {"a.unlabelled.csv": b"text,label\nwhat is it,\n"})
    assert take(tmp_path, TABLES, {"good", "bad"}).rows == 1


def test_links_are_set_aside_and_never_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "1.png").write_bytes(png(9))
    place = offer(tmp_path, {"dark/1.png": png(1)})
    (place / "dark" / "link.png").symlink_to(secret / "1.png")
    (place / "light").symlink_to(secret)
    os.mkfifo(place / "dark" / "pipe.png")
    taken = take(tmp_path)
    assert taken.accepted == ("dark/1.png",)
    assert taken.set_aside["light"].startswith(f"a link to {secret}")
    assert taken.set_aside["dark/pipe.png"].startswith("a named pipe")
    assert files(place) == set() and (secret / "1.png").exists()
    assert b"secret/1.png" in (tmp_path / f"data/rejected/mine/{taken.batch}/reasons.json").read_bytes()
    assert files(tmp_path / f"data/rejected/mine/{taken.batch}") == {"reasons.json"}


@pytest.mark.parametrize("name", [".hidden.png", "x.png.part", "x.TMP", ".dir/x.png", "copy.partial/x.png"])
def test_files_that_are_still_being_written_wait(tmp_path: Path, name: str) -> None:
    place = offer(tmp_path, {f"dark/{name}": png(1)})
    taken = take(tmp_path)
    assert (taken.batch, taken.set_aside, list(taken.waiting)) == (None, {}, [f"dark/{name}"])
    assert files(place) == {f"dark/{name}"}


def test_the_same_content_is_not_taken_twice(tmp_path: Path) -> None:
    offer(tmp_path, {"dark/1.png": png(1), "dark/bad.png": b"?"})
    first = take(tmp_path)
    before = contents(tmp_path)
    place = offer(tmp_path, {"dark/again.png": png(1), "dark/bad.png": b"?"})
    again = take(tmp_path)
    assert (again.batch, again.accepted, again.set_aside) == (None, (), {})
    assert set(again.repeated) == {"dark/again.png", "dark/bad.png"}
    (kept,) = again.aside_before.values()
    assert list(again.aside_before) == ["dark/bad.png"] and (kept / "files" / "dark" / "bad.png").is_file()
    assert files(place) == set() and contents(tmp_path) == before
    # As a row of another class it is another row: which label is right is for `clean` to doubt.
    offer(tmp_path, {"light/1.png": png(1)})
    assert take(tmp_path).accepted == ("light/1.png",) and first.accepted == ("dark/1.png",)


# ---- what must not happen


def test_unknown_labels_name_the_rows_and_the_way_out_and_change_nothing(tmp_path: Path) -> None:
    offer(tmp_path, {"dark/1.png": png(1), "dusk/2.png": png(2), "dark/bad.png": b"?"})
    before = contents(tmp_path)
    with pytest.raises(DataError, match=r"'dusk' \(dusk/2.png\).*knows dark, light.*--new-class dusk"):
        take(tmp_path)
    assert contents(tmp_path) == before
    assert take(tmp_path, new_classes=["dusk"]).rows == 2


def test_an_unknown_value_in_a_table_is_named_by_its_line(tmp_path: Path) -> None:
    block = json.loads(json.dumps(TABLES))
    block["incoming"]["labels"] = {"1": "good", "0": "bad"}
    offer(tmp_path, {"a.csv": b"text,label\nwell made,1\nso so,2\n"})
    with pytest.raises(DataError, match=r"a\.csv:3"):
        take(tmp_path, block, {"good", "bad"})


@pytest.mark.parametrize("part", ["test", "Train", "val"])
def test_an_official_part_is_set_aside_for_it_would_break_the_splits(tmp_path: Path, part: str) -> None:
    offer(tmp_path, {f"{part}/dark/1.png": png(1), f"{part}/light/2.png": png(2)})
    taken = take(tmp_path)
    assert taken.batch is None
    assert all("no official part" in reason for reason in taken.set_aside.values()) and len(taken.set_aside) == 2
    # Also where a class is called so, and the folders cannot be told apart.
    offer(tmp_path, {f"{part}/dark/3.png": png(3)})
    taken = take(tmp_path, known={"dark", part})
    assert "no official part" in taken.set_aside[f"{part}/dark/3.png"]


def test_a_lost_folder_of_batches_is_not_replaced_by_an_empty_one(tmp_path: Path) -> None:
    lock = "stages: {accept@mine: {outs: [{path: data/accepted/mine, nfiles: 4}]}}"
    (tmp_path / "dvc.lock").write_text(lock)
    place = offer(tmp_path, {"dark/1.png": png(1)})
    with pytest.raises(DataError, match=r"dvc.lock names 4 files.*dvc checkout"):
        take(tmp_path)
    assert files(place) == {"dark/1.png"} and not (tmp_path / "data" / "accepted" / "mine").exists()


def test_a_changed_batch_is_noticed(tmp_path: Path) -> None:
    offer(tmp_path, {"dark/1.png": png(1), "dark/2.png": png(2)})
    batch = tmp_path / "data" / "accepted" / "mine" / str(take(tmp_path).batch)
    (batch / "files" / "dark" / "1.png").write_bytes(png(3))
    with pytest.raises(DataError, match=r"1\.png: changed since"):
        batches.check(batch)
    (batch / "files" / "dark" / "1.png").unlink()
    with pytest.raises(DataError, match=r"1\.png: missing"):
        batches.check(batch)


# ---- kills and full disks


class Killed(BaseException):
    """Stands for a kill: nothing that is written to catch errors catches it."""


CALLS = ("mkdir", "rename", "unlink", "sync", "replace", "open")


def interrupt(monkeypatch: pytest.MonkeyPatch, root: Path, at: int, error: BaseException) -> Callable[[], int]:
    """Let the `at`-th call that changes something below `root` fail; return a function that says how many came."""
    count = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            writes = real not in (builtins.open,) or (len(arguments) > 1 and "w" in str(arguments[1]))
            if writes and (not arguments or isinstance(arguments[0], int) or str(arguments[0]).startswith(str(root))):
                count += 1
                if count == at:
                    raise error
            return real(*arguments, **options)

        return call

    for name in ("rename", "unlink"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    monkeypatch.setattr(os, "sync", counted(os.sync))
    monkeypatch.setattr(builtins, "open", counted(builtins.open))
    if isinstance(error, Killed):
        # What a killed process does not do any more.
        monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    return lambda: count


OFFERED = {"dark/1.png": png(1), "light/2.png": png(2), "dark/bad.png": b"?", "light/bad.png": b"??"}


def outcome(root: Path) -> dict[str, Any]:
    """Return what lies where, whatever the batches are called."""
    accepted, rejected = root / "data" / "accepted" / "mine", root / "data" / "rejected" / "mine"
    found = [batches.check(accepted / name)["files"] for name in batches.names(accepted)]
    reasons = [json.loads(path.read_text()) for path in rejected.glob("*/reasons.json")]
    kept = [path.relative_to(rejected).as_posix().split("/", 2)[2] for path in rejected.glob("*/files/**/*.png")]
    return {
        "accepted": sorted(item for names in found for item in names.items()),
        "rejected": sorted((name, entry["reason"]) for names in reasons for name, entry in names.items()),
        "kept": sorted(kept),
        "incoming": sorted(files(root / "data" / "incoming")),
    }


def test_a_kill_at_any_step_leads_to_the_same_result_at_the_next_run(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    offer(whole, OFFERED)
    take(whole)
    expected = outcome(whole)
    assert (len(expected["accepted"]), len(expected["kept"]), expected["incoming"]) == (2, 2, [])
    for at in range(1, 100):
        root = tmp_path / str(at)
        offer(root, OFFERED)
        with pytest.MonkeyPatch.context() as patch:
            calls = interrupt(patch, root, at, Killed())
            try:
                take(root)
            except Killed:
                pass
            else:
                assert calls() < at
                break
        take(root)
        assert outcome(root) == expected, at
        assert not list(root.glob("data/*/.partial/mine"))
    assert at > 10


def test_a_full_disk_says_so_and_nothing_is_lost(tmp_path: Path) -> None:
    for at in range(1, 100):
        root = tmp_path / str(at)
        place = offer(root, OFFERED)
        with pytest.MonkeyPatch.context() as patch:
            calls = interrupt(patch, root / "data" / "accepted", at, OSError(errno.ENOSPC, "No space left on device"))
            try:
                take(root)
            except ChainruleError as error:
                said = str(error)
            else:
                assert calls() < at
                break
        assert "the disk is full" in said and "free room" in said
        # Only the folder's own note may be what found no room.
        taken = (root / "data/accepted/mine").exists() and batches.names(root / "data/accepted/mine")
        assert taken or files(place) == set(OFFERED)
        assert not list(root.glob("data/*/.partial/mine"))
    assert at > 5


NAMES = st.sampled_from(["1.png", "2.png", "3.PNG", ".4.png", "5.png.part", "6.txt", "a b.png", "ü.png"])
CONTENTS = st.sampled_from([png(1), png(2), png(3), b"", b"?", png(1)[:20]])
TREES = st.dictionaries(
    st.tuples(st.sampled_from(["", "dark", "light", "dark/deep", "test"]), NAMES), CONTENTS, max_size=8
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=TREES, second=TREES)
def test_offered_is_accepted_repeated_set_aside_or_waiting(
    tmp_path_factory: pytest.TempPathFactory, first: Any, second: Any
) -> None:
    root = tmp_path_factory.mktemp("intake")
    accepted: set[tuple[str, bytes]] = set()
    for tree in (first, second):
        place = offer(root, {f"{folder}/{name}".lstrip("/"): content for (folder, name), content in tree.items()})
        offered = files(place)
        taken = take(root)
        groups = [set(taken.accepted), set(taken.repeated), set(taken.set_aside), set(taken.waiting)]
        assert sum(map(len, groups)) == len(offered)
        assert set().union(*groups) == offered
        assert files(place) == set(taken.waiting)
        for name in taken.accepted:
            content = (root / f"data/accepted/mine/{taken.batch}/files" / name).read_bytes()
            assert (str(Path(name).parent), content) not in accepted
            accepted.add((str(Path(name).parent), content))


# ---- names, labels and encodings


def test_folders_named_like_a_part_in_any_spelling_are_set_aside(tmp_path: Path) -> None:
    offer(tmp_path, {"Training/dark/1.png": png(1), "test_set/light/2.png": png(2), "dark/train/3.png": png(3)})
    taken = take(tmp_path)
    assert taken.accepted == ("dark/train/3.png",), "what lies below a class is of it: new rows have no part"
    assert all("no official part" in reason for reason in taken.set_aside.values()) and len(taken.set_aside) == 2


def test_folders_of_classes_in_a_folder_are_set_aside_rather_than_called_a_new_class(tmp_path: Path) -> None:
    offer(tmp_path, {"archive/dark/1.png": png(1), "dark/2.png": png(2), "dark/light/3.png": png(3)})
    taken = take(tmp_path)
    assert taken.accepted == ("dark/2.png", "dark/light/3.png")
    assert "archive is no class, dark in it is" in taken.set_aside["archive/dark/1.png"]


def test_folders_of_texts_are_taken_in_with_those_without_a_label(tmp_path: Path) -> None:
    texts = {"dark/1.txt": b"a grim tale", "light/2": "grün und hell".encode(), "unlabelled/3.txt": b"who knows"}
    offer(tmp_path, texts | {"dark/4.txt": b"\x89PNG\r\n\x1a\n", "dark/5.pdf": b"%PDF-1.7", "dark/6.txt": b""})
    block = TABLES | {"incoming": {"kind": "text_folder", "group_pattern": None, "encoding": None}}
    taken = take(tmp_path, block)
    assert taken.accepted == tuple(texts) and taken.rows == 3
    assert taken.set_aside == {
        "dark/4.txt": "not_a_text_file: an image",
        "dark/5.pdf": "not_a_text_file: found by the source",
        "dark/6.txt": "empty_text: no bytes",
    }
    fields = columns("text_classification", "text")
    batch = tmp_path / "data/accepted/mine" / str(taken.batch)
    rows = batches.read(batch, reader("text_folder", fields), {"group_pattern": None, "encoding": None})
    assert rows["part"].fillna("").tolist() == ["", "", "unlabelled"]
    assert rows["label"].fillna("").tolist() == ["dark", "light", ""]


def test_lines_of_a_label_and_a_text_are_taken_in(tmp_path: Path) -> None:
    lines = {"a.txt": b"dark a grim tale\nlight a merry one\n", "b.unlabelled.txt": b"who knows\n", "c.csv": b"x"}
    offer(tmp_path, lines)
    names = {"unlabelled": "*.unlabelled.txt", "all": "*.txt"}
    taken = take(tmp_path, TABLES | {"incoming": {"kind": "label_lines", "files": names}})
    assert taken.accepted == ("a.txt", "b.unlabelled.txt") and taken.rows == 3
    assert list(taken.set_aside) == ["c.csv"]


def test_names_that_are_not_utf8_wait_and_the_rest_goes_on(tmp_path: Path) -> None:
    place = offer(tmp_path, {"dark/1.png": png(1)})
    (place / "dark" / os.fsdecode(b"caf\xe9.png")).write_bytes(png(2))
    (place / os.fsdecode(b"\xe9")).mkdir()
    (place / os.fsdecode(b"\xe9") / "3.png").write_bytes(png(3))
    taken = take(tmp_path)
    assert taken.accepted == ("dark/1.png",)
    assert set(taken.waiting.values()) == {"its name is not UTF-8; rename it"} and len(taken.waiting) == 2
    json.dumps(taken.waiting).encode()
    assert all(name.isprintable() for name in taken.waiting)


def test_labels_that_look_alike_are_the_one_that_is_known(tmp_path: Path) -> None:
    offer(tmp_path, {"cafe\u0301/1.png": png(1), "caf\u00e9/2.png": png(2), "caf\u00e9\u200b/3.png": png(3)})
    taken = take(tmp_path, known={"caf\u00e9"})
    assert taken.rows == 3
    manifest = batches.check(tmp_path / "data/accepted/mine" / str(taken.batch))
    assert manifest["labels"] == {"caf\u00e9": 3}


@pytest.mark.parametrize(("known", "labels"), [({"1", "0"}, {"0": 1, "1": 1}), ({"1.0", "0"}, {"0": 1, "1.0": 1})])
def test_a_number_as_label_is_the_known_one_in_any_form(
    tmp_path: Path, known: set[str], labels: dict[str, int]
) -> None:
    offer(
        tmp_path,
        {"a.csv": b"text,label\nwell made,1.0\nawful,0.0\n" if "1" in known else b"text,label\nx y z,1\nawful,0\n"},
    )
    taken = take(tmp_path, TABLES, known)
    assert batches.check(tmp_path / "data/accepted/mine" / str(taken.batch))["labels"] == labels


def test_tables_of_other_encodings_are_taken_in(tmp_path: Path) -> None:
    table = "text,label\n房间很干净，服务也很好。,好\n早餐太差了，以后不会再来。,坏\n交通方便，价格便宜。,好\n"
    offer(
        tmp_path, {"a.csv": table.encode("gbk"), "b.csv": table.encode("utf-16"), "c.csv": b"text,label\n\xe9t\xe9,1\n"}
    )
    taken = take(tmp_path, TABLES, {"好", "坏"})
    assert (taken.accepted, taken.rows) == (("a.csv", "b.csv"), 6)
    assert "set incoming.encoding to the one it was saved in" in taken.set_aside["c.csv"]


def test_values_without_a_name_are_named(tmp_path: Path) -> None:
    block = json.loads(json.dumps(TABLES))
    block["incoming"]["labels"] = {"1": "good", "0": "bad"}
    offer(tmp_path, {"a.csv": b"text,label\nwell made,1.0\nso so,2\nso la la,2\nodd,x\n"})
    with pytest.raises(DataError, match=r"incoming.labels does not have: '2' \(a.csv:3, a.csv:4\); 'x' \(a.csv:5\)"):
        take(tmp_path, block, {"good", "bad"})


def test_images_come_with_the_table_that_names_them_and_wait_without(tmp_path: Path) -> None:
    block = IMAGES | {"incoming": {"kind": "delimited", "files": {"all": "*.csv"}, "columns": {"image": "file"}}}
    place = offer(tmp_path, {"a.png": png(1), "b.png": png(2)})
    first = take(tmp_path, block)
    assert first.waiting == dict.fromkeys(["a.png", "b.png"], "no table names it yet")
    table = b"file,label\na.png,dark\nlost.png,dark\n"
    offer(tmp_path, {"rows.csv": table})
    second = take(tmp_path, block)
    assert (second.accepted, second.rows) == (("a.png", "rows.csv"), 1)
    assert second.waiting == {"b.png": "no table names it yet"}
    assert files(place) == {"b.png"}
    # The same table again is repeated with its image; a new one may name an image that came before.
    offer(tmp_path, {"rows.csv": table, "a.png": png(1)})
    assert set(take(tmp_path, block).repeated) == {"a.png", "rows.csv"}
    offer(tmp_path, {"new.csv": b"file,label\na.png,light\n", "a.png": png(1)})
    last = take(tmp_path, block)
    assert (last.accepted, last.rows) == (("a.png", "new.csv"), 1)
    batch = tmp_path / batches.ACCEPTED / "mine" / str(second.batch)
    options = {name: value for name, value in block["incoming"].items() if name != "kind"}
    rows = batches.read(batch, reader("delimited", columns("image_classification", "image")), options)
    assert rows["problem"].dropna().tolist() == ["missing_file: 'lost.png'"]
