"""Cross-validation with real stages: what is read, found, kept, taken up again, and told to MLflow."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import search_project
from chainrule import cli
from chainrule.crossvalidation import plan as plans
from chainrule.crossvalidation import turn
from chainrule.crossvalidation.summary import spread
from chainrule.runs.journal import journals
from chainrule.system import processes
from chainrule.system.files import read_json, read_rows
from waiting import until

WORDS = ["crossvalidate", "digits", "--folds", "2"]


@pytest.fixture(scope="module")
def made(project: Path, empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = search_project.make(project, tmp_path_factory.mktemp("folds") / "project")
    shutil.copy(empty_store, root)
    return root


@pytest.fixture
def root(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHAINRULE_TRACKING", "off")
    monkeypatch.setenv(processes.CORES, "1")
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def trained(root: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The project after a cross-validation; all tests but the first find it done."""
    assert cli.main(WORDS) == 0
    capsys.readouterr()
    return root


def report(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(root / "reports" / "digits" / "crossvalidation.json")
    return found


def test_what_is_found_is_of_rows_held_out_and_beside_the_floors(trained: Path) -> None:
    found = report(trained)
    own = [fold["model"]["accuracy"]["value"] for fold in found["turns"]]
    assert found["model"]["accuracy"]["mean"] == pytest.approx(np.mean(own), abs=1e-6)
    assert found["model"]["accuracy"]["spread"] == pytest.approx(np.std(own, ddof=1), abs=1e-6)
    assert found["floors"]["majority_class"]["accuracy"]["mean"] < 0.2
    place = trained / "data" / "split" / "digits"
    rows = sum(len(read_rows(place / f"{name}.parquet")) for name in ("train", "validation"))
    assert sum(fold["rows"]["test"] for fold in found["turns"]) == rows
    assert all(sum(fold["rows"].values()) == rows for fold in found["turns"])
    html = (trained / "reports" / "digits" / "crossvalidation.html").read_text()
    assert "Every metric: mean and spread" in html and f"{found['model']['accuracy']['mean']:.4f}" in html
    assert "data:image/png;base64," in html and "http" not in html.replace("http://www.w3.org", "")


def test_a_turn_that_is_done_is_not_done_again_and_one_that_is_not_finds_the_same(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = report(trained)
    (plan,) = (trained / ".chainrule" / "crossvalidation").glob("digits-2-*")
    (plan / "1.json").unlink()
    assert cli.main(WORDS) == 0
    first, second = (line for line in capsys.readouterr().out.splitlines() if line.startswith("fold "))
    assert first.endswith("done before") and not second.endswith("done before")
    after = report(trained)
    for found in (before, after):
        found["turns"] = [{**fold, "seconds": 0} for fold in found["turns"]]
        found["seconds"] = 0
    assert after == before
    assert not [path for path in plan.iterdir() if path.is_dir()], "no fold's folder stays"


def test_groups_of_rows_held_out_are_in_no_other_split_of_the_turn_and_no_test_row_is_read(root: Path) -> None:
    plan = plans.make(root, "digits", 3)
    tests = root / "data" / "split" / "digits" / "test.parquet"
    away = tests.rename(root / "away.parquet")
    try:
        found = turn.material(plan)
    finally:
        away.rename(tests)
    assert not set(found.rows["group"]) & set(read_rows(tests)["group"])
    for number in range(3):
        rows, left_out = turn.divided(found, number)
        groups = {name: set(rows["group"][rows["split"] == name]) for name in ("train", "validation", "test")}
        assert all(groups.values()) and not left_out
        assert not groups["test"] & (groups["train"] | groups["validation"])
        assert not groups["train"] & groups["validation"]


def test_what_is_tied_to_rows_held_out_is_left_out_and_so_is_a_class_that_cannot_be_learnt(root: Path) -> None:
    found = turn.material(plans.make(root, "digits", 2))
    held = np.flatnonzero(found.turns[0] == "test")
    first = found.rows.iloc[held[0]]
    free = found.rows.iloc[:2].assign(id=["near", "apart"], group=["x", "y"], part="unlabelled", label=None)
    links = pd.DataFrame(
        [(first["id"], "near", "x", "near")], columns=["id", "other", "other_group", "kind"], dtype="str"
    )
    labels = found.rows["label"].copy()
    labels.iloc[held[1]] = "only here"
    changed = found._replace(rows=found.rows.assign(label=labels), unlabelled=free, links=links)
    rows, left_out = turn.divided(changed, 0)
    assert rows["id"][rows["split"] == "unlabelled"].tolist() == ["apart"]
    assert left_out == {"class_without_training_rows": 1, "shares_group_with_test": 1}
    assert "only here" not in set(rows["label"])


def test_mlflow_has_a_run_for_each_fold_below_one_of_all(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHAINRULE_TRACKING")
    for name in [name for name in os.environ if name.startswith("MLFLOW_TRACKING")]:
        monkeypatch.delenv(name)
    shutil.rmtree(trained / ".chainrule" / "crossvalidation")
    assert cli.main(WORDS) == 0
    until(lambda: not journals(trained), what="the end of sending")
    with closing(sqlite3.connect(trained / "mlflow.db")) as store:
        runs = {name.partition(",")[0]: run for run, name in store.execute("SELECT run_uuid, name FROM runs")}
        (parent,) = [name for name in runs if name.startswith("digits crossvalidation ")]
        asked = "SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId' AND value = ?"
        below = {run for (run,) in store.execute(asked, (runs[parent],))}
        assert below == {runs[name] for name in ("fold 1", "fold 2", "crossvalidation")}
        asked = "SELECT run_uuid, value FROM latest_metrics WHERE key = ?"
        held_out = dict(store.execute(asked, ("held_out.accuracy",)))
        own = {runs[f"fold {fold['fold']}"]: fold["model"]["accuracy"]["value"] for fold in report(trained)["turns"]}
        assert held_out == pytest.approx(own)
        mean = dict(store.execute(asked, ("crossvalidation.accuracy",)))[runs[parent]]
        assert mean == pytest.approx(report(trained)["model"]["accuracy"]["mean"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--folds", "1"], "--folds 1: at least 2"),
        (["--folds", "500"], "groups cannot be held out in 500 turns"),
    ],
)
def test_a_mistake_is_one_line(root: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert cli.main(["crossvalidate", "digits", *words]) in (1, 2)
    assert said in capsys.readouterr().err


def test_spread_is_of_the_values_that_are_known() -> None:
    assert spread([0.5, None, 0.7]) == {"mean": 0.6, "spread": 0.141421, "low": 0.5, "high": 0.7}
    assert spread([0.5]) == {"mean": 0.5, "spread": None, "low": 0.5, "high": 0.5}
    assert spread([None]) == dict.fromkeys(("mean", "spread", "low", "high"))
    assert json.dumps(spread([None]))
