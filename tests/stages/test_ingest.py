"""The stage ingest: what users' files become, what is said about it, and the rows of the project's own recipes."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import shipped
from chainrule.data import batches
from chainrule.stages import runner
from chainrule.stages.ingest import ingest
from chainrule.system import dvc_lock
from chainrule.system.errors import DataError


@pytest.fixture
def root(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHAINRULE_TRACKING", "off")
    shutil.copy(shipped.PARAMS, tmp_path)
    for card in ("digits", "reviews"):
        (tmp_path / "data" / "sources").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"data/sources/{card}.yaml").symlink_to(project / f"data/sources/{card}.yaml")
    return tmp_path


def run(root: Path, recipe: str, **blocks: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Ingest a recipe that ships, with other blocks; return its raw rows and its report."""
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["recipes"][recipe] |= blocks
    (root / "params.yaml").write_text(yaml.safe_dump(params, allow_unicode=True))
    batches.prepare(root, recipe, dvc_lock.read)
    runner.run(root, "ingest", recipe, ingest)
    report = json.loads((root / f"reports/{recipe}/ingest.json").read_text())
    return pd.read_parquet(root / f"data/raw/{recipe}/rows.parquet"), report


def images(root: Path, *names: str | bytes) -> dict[str, Any]:
    for name in names:
        path = root / "data" / "mine" / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return {"kind": "image_folder", "path": "data/mine", "group_pattern": None}


def batch(root: Path, recipe: str, files: dict[str, bytes]) -> None:
    """Lay a batch into the recipe's folder of accepted ones, as the intake does."""
    folder = batches.prepare(root, recipe, dvc_lock.read) / "20260101T000000Z-0123456789ab"
    for name, content in files.items():
        (folder / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "files" / name).write_bytes(content)
    (folder / "manifest.json").write_text(json.dumps({"files": {}, "rows": len(files), "labels": {}}))


DIGESTS = {
    "digits": "576fc8052b2e64ea56fa0505a3f838cef32a31ec5b93360034c238f752decb5b",
    "reviews": "9b21c261e7f14fdfa873b39349945f6e247f0b0a0b38a18d44089fa6fa5c16ea",
}


@pytest.mark.parametrize("recipe", ["digits", "reviews"])
def test_raw_rows_of_the_projects_own_recipes_stay_as_they_are(root: Path, recipe: str) -> None:
    rows, report = run(root, recipe)
    digest = hashlib.sha256()
    for column in rows.columns:
        for value in rows[column]:
            digest.update(value if isinstance(value, bytes) else repr(value).encode())
    assert digest.hexdigest() == DIGESTS[recipe]
    assert set(report) == {"accepted", "left_out", "parts", "rows"} and report["left_out"] == {}


def test_everything_that_is_left_out_or_changed_is_said(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [
        "Training/NaN/5.png",
        "Training/cafe\u0301/1.png",
        "Training/caf\u00e9/2.png",
        "Training/Tea/3.png",
        "Testing/tea/4.png",
    ]
    source = images(root, *names, b"Training/Tea/\xe9.png", "Training/Tea/notes.txt", "Training/.DS_Store", "README.md")
    rows, report = run(root, "digits", source=source)
    assert len(rows) == 7 and set(rows["label"].dropna()) == {"caf\u00e9", "NaN", "Tea", "tea"}
    assert report == {
        "rows": 7,
        "parts": {"test": 1, "train": 6},
        "left_out": {"hidden_files": 1, "loose_files": 1},
        "accepted": {"batches": 0, "rows": 0},
        "parts_from": [["Training as train", 6], ["Testing as test", 1]],
        "mended_labels": [[r"'cafe\u0301'", 1]],
        "problems": [["not_an_image_file", 1], ["undecodable_name (not UTF-8, rename it 1)", 1]],
    }
    said = capsys.readouterr().out
    assert "ingest@digits: left_out: hidden_files 1, loose_files 1" in said
    assert "parts_from: Training as train 6, Testing as test 1" in said
    assert "problems: not_an_image_file 1, undecodable_name (not UTF-8, rename it 1) 1" in said
    assert "warning: 'Tea', 'tea' are as many classes" in said
    assert "warning: 'NaN' is a class of its own" in said
    assert "warning: 'tea' in validation or test alone" in said


def test_the_encodings_of_source_and_batches_are_found_said_and_added_up(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = "text,label\n房间很干净，服务也很好。,好\n早餐太差了，以后不会再来。,坏\n交通方便，价格便宜。,好\n"
    (root / "data" / "mine.csv").write_bytes(table.encode("gbk"))
    batch(root, "reviews", {"new.csv": table.encode("utf-16")})
    block = {**shipped.TABLE, "path": "data/mine.csv"}
    rows, report = run(root, "reviews", source=block, incoming={**shipped.TABLE, "files": {"all": "*.csv"}})
    assert [text.decode() for text in rows["text"][:3]] == [text.decode() for text in rows["text"][3:]]
    assert report["encodings"] == [["gb18030", 1], ["utf-16", 1]]
    assert "ingest@reviews: encodings: gb18030 1, utf-16 1" in capsys.readouterr().out


def test_a_number_as_label_is_one_in_source_and_batches(root: Path) -> None:
    (root / "data" / "mine.csv").write_bytes(b"text,label\ngood,1\nbad,0\n")
    batch(root, "reviews", {"new.csv": b"text,label\nfine,1.0\npoor,0.0\n"})
    block = {**shipped.TABLE, "path": "data/mine.csv"}
    rows, report = run(root, "reviews", source=block, incoming={**shipped.TABLE, "files": {"all": "*.csv"}})
    assert rows["label"].tolist() == ["1", "0", "1", "0"]
    assert report["mended_labels"] == [["'0.0'", 1], ["'1.0'", 1]]


def test_a_mistake_in_the_block_of_batches_is_named_there(root: Path) -> None:
    (root / "data" / "mine.csv").write_bytes(b"text,label\ngood,1\nbad,0\n")
    batch(root, "reviews", {"new.csv": b"text,klass\nfine,1\n"})
    block = {**shipped.TABLE, "path": "data/mine.csv"}
    with pytest.raises(DataError, match=r"new\.csv: has no column 'label' for incoming\.columns\.label"):
        run(root, "reviews", source=block, incoming={**shipped.TABLE, "files": {"all": "*.csv"}})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            "text,label\ngood,9\nbad,8\n",
            r"not one row to train on has a label .*problem of 2 rows: unknown_label \('9' 1, '8' 1\)",
        ),
        ("text,label\ngood,\nbad,\n", "not one row to train on has a label"),
        (
            "text,label\n" + "".join(f"row,a text of its own {at}\n" for at in range(30)),
            "30 different labels in 30 rows",
        ),
    ],
)
def test_rows_that_no_classifier_can_be_trained_on_are_refused(root: Path, table: str, said: str) -> None:
    (root / "data" / "mine.csv").write_text(table)
    labels = {"1": "good", "0": "bad"} if "9" in table.splitlines()[1] else None
    with pytest.raises(DataError, match=said):
        run(root, "reviews", source={**shipped.TABLE, "path": "data/mine.csv", "labels": labels})


def test_a_source_of_nothing_but_a_test_part_is_refused(root: Path) -> None:
    source = images(root, "test/cat/1.png", "test/dog/2.png")
    with pytest.raises(DataError, match=r"not one row to train on has a label \(rows by part: test 2\)"):
        run(root, "digits", source=source)
