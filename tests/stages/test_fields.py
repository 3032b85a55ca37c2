"""From a source to splits for tasks of other fields: pairs, sets of labels, numbers; what is refused is one line."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from chainrule.data import batches
from chainrule.stages import runner
from chainrule.stages.augment import augment
from chainrule.stages.clean import clean
from chainrule.stages.ingest import ingest
from chainrule.stages.split import split
from chainrule.system.errors import ChainruleError, DataError

STAGES = {"ingest": ingest, "clean": clean, "split": split, "augment": augment}
WORDS = np.array([f"word{number}" for number in range(60)])


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHAINRULE_TRACKING", "off")
    (tmp_path / "data" / "mine").mkdir(parents=True)
    batches.prepare(tmp_path, "mine", lambda _: {})
    return tmp_path


def recipe(root: Path, task: str, modality: str, target: str, source: dict[str, Any], **sections: Any) -> None:
    kind = {"kind": source["kind"], **{key: source[key] for key in ("columns",) if key in source}}
    block = {
        "task": task,
        "modality": modality,
        "target": target,
        "seed": 1,
        "source": {"path": "data/mine", **source},
        "incoming": kind,
        "base": {"from": "nothing"},
        "net": {"name": "encoder" if modality == "text" else "dsdnet"},
        "pretrain": {"objective": {"name": "none"}},
        "finetune": {"strategy": {"name": "full"}},
        **{name: {} for name in ("clean", "split", "augment", "evaluate", "export", "retrain")},
        **sections,
    }
    (root / "params.yaml").write_text(json.dumps({"recipes": {"mine": block}}))


def run(root: Path, *stages: str) -> dict[str, dict[str, Any]]:
    """Run stages; return their reports."""
    for stage in stages:
        runner.run(root, stage, "mine", STAGES[stage])
    return {stage: json.loads((root / f"reports/mine/{stage}.json").read_text()) for stage in stages}


def words(count: int, seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, 8)) for _ in range(count)]


def test_pairs_go_through_and_a_side_that_is_missing_is_counted(root: Path) -> None:
    rows = pd.DataFrame({"a": words(200, 1), "b": words(200, 2), "label": ["yes", "no"] * 100})
    rows.loc[0, "a"] = rows.loc[1, "b"] = rows.loc[2, "b"] = None
    rows.loc[3] = rows.loc[4]
    rows.to_csv(root / "data/mine/rows.csv", index=False)
    source = {"kind": "delimited", "files": {"all": "rows.csv"}, "columns": {"first": "a", "second": "b"}}
    recipe(root, "text_pair_classification", "text", "label", source, augment={"copies": 1})
    reports = run(root, "ingest", "clean", "split", "augment")
    assert reports["clean"]["reasons"] == {"exact_duplicate": 1, "missing_first": 1, "missing_second": 2}
    assert sum(reports["split"]["leaks"]["rows"].values()) == reports["clean"]["kept"] == 196
    assert reports["augment"]["copies"] == reports["split"]["train"]
    made = pd.read_parquet(root / "data/augmented/mine/train.parquet")
    copy = made.iloc[-1]
    original = made[made["id"] == copy["origin"]].iloc[0]
    assert (copy["first"], copy["second"]) != (original["first"], original["second"])
    assert copy["label"] == original["label"]
    page = (root / "reports/mine/clean.html").read_text()
    assert "Every number of characters of first is from" in page


def test_sets_of_labels_are_split_by_their_rarest(root: Path) -> None:
    tags = ["joy;love", "love", "[]", "fear"] * 100
    pd.DataFrame({"text": words(400, 3), "labels": tags}).to_csv(root / "data/mine/rows.csv", index=False)
    recipe(root, "multi_label", "text", "labels", {"kind": "delimited", "files": {"all": "rows.csv"}, "separator": ";"})
    reports = run(root, "ingest", "clean", "split")
    assert set(reports["split"]["leaks"]["label_shares"]["train"]) == {"(none)", "fear", "joy", "love"}
    assert set(pd.read_parquet(root / "data/split/mine/train.parquet")["labels"]) == {
        '["joy", "love"]', '["love"]', "[]", '["fear"]'
    }  # fmt: skip
    assert "Rows of each label" in (root / "reports/mine/split.html").read_text()


def test_numbers_of_images_are_split_by_range(root: Path) -> None:
    random = np.random.default_rng(4)
    for number in range(120):
        buffer = io.BytesIO()
        Image.fromarray(random.integers(0, 256, (12, 12), np.uint8)).save(buffer, "PNG")
        (root / f"data/mine/{number}.png").write_bytes(buffer.getvalue())
    lines = [f"{number}.png,{number / 4}" for number in range(110)]
    (root / "data/mine/rows.csv").write_text("\n".join(["file,age", *lines, "lost.png,3", "1.png,twelve", "2.png,"]))
    source = {"kind": "delimited", "files": {"all": "rows.csv"}, "columns": {"image": "file", "target": "age"}}
    recipe(
        root, "image_regression", "image", "number", source, clean={"normalise": {"mode": "L"}, "near_duplicates": 0}
    )
    reports = run(root, "ingest", "clean", "split")
    assert reports["ingest"]["left_out"]["unnamed_images"] == 10
    assert reports["clean"]["reasons"] == {"missing_file": 1, "missing_target": 1, "not_a_number": 1}
    assert len(reports["split"]["leaks"]["range_shares"]["train"]) == 5
    assert pd.read_parquet(root / "data/split/mine/test.parquet")["target"].dtype == "float64"


@pytest.mark.parametrize(
    ("task", "target", "table", "source", "message"),
    [
        ("multi_label", "labels", "text,labels\na,\nb,\n", {}, "not one row to train on has a list of labels"),
        (
            "multi_label",
            "labels",
            "text,labels\na,x;;y\nb,[x\n",
            {"separator": ";"},
            r"has a list of labels .*problem of 2 rows: unreadable_labels",
        ),
        (
            "multi_label",
            "labels",
            "text,joy,love\na,5,7\nb,8,9\n",
            {"columns": {"labels": ["joy", "love"]}},
            r"problem of 2 rows: unreadable_labels \(joy is '5', neither 0 nor 1 1",
        ),
        (
            "multi_label",
            "labels",
            "text,labels\n" + "".join(f"a,a text of its own {at}\n" for at in range(30)),
            {},
            "30 different labels in 30 rows, .*; is it the labels that source.columns names?",
        ),
        (
            "text_pair_classification",
            "label",
            "first,secnd,label\na,b,x\n",
            {},
            "no column 'second' for source.columns.second; its header names first, secnd, label; did you mean 'secnd'",
        ),
    ],
)
def test_what_no_model_can_be_trained_on_is_refused_in_one_line(
    root: Path, task: str, target: str, table: str, source: dict[str, Any], message: str
) -> None:
    (root / "data/mine/rows.csv").write_text(table)
    recipe(root, task, "text", target, {"kind": "delimited", "files": {"all": "rows.csv"}, **source})
    with pytest.raises(DataError, match=message) as caught:
        run(root, "ingest")
    assert "\n" not in str(caught.value)


def test_numbers_with_decimal_commas_name_the_key_that_reads_them(root: Path) -> None:
    (root / "data/mine/1.png").write_bytes(b"x")
    (root / "data/mine/rows.csv").write_text('image,target\n1.png,"1,5"\n1.png,"2,5"\n')
    recipe(root, "image_regression", "image", "number", {"kind": "delimited", "files": {"all": "rows.csv"}})
    with pytest.raises(
        DataError, match=r"not one row to train on has a number .*problem of 2 rows: decimal_comma .*set"
    ):
        run(root, "ingest")


def test_a_source_that_does_not_give_the_fields_of_the_task_is_refused_before_any_work(root: Path) -> None:
    recipe(root, "text_pair_classification", "text", "label", {"kind": "reviews", "path": "x"})
    with pytest.raises(
        ChainruleError, match="it gives text and label, and task text_pair_classification needs first and"
    ):
        run(root, "ingest")
