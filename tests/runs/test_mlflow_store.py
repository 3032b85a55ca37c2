"""The project's MLflow store: made whole, found where the project is, told apart from what was deleted."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from chainrule.release import registry
from chainrule.runs import mlflow_store, places
from chainrule.system.errors import ChainruleError
from small_disk import small_disk
from tiny_clone import environment


def connect(root: Path) -> MlflowClient:
    return mlflow_store.connect(root, places.tracking_uri(root, places.OWN_STORE))


def recorded(root: Path, recipe: str = "digits") -> str:
    """A run of the recipe with an artifact, as the sender makes them; its id."""
    client = connect(root)
    experiment = mlflow_store.experiment_id(client, root, places.tracking_uri(root, places.OWN_STORE), recipe)
    run = client.create_run(experiment)
    client.log_text(run.info.run_id, "kept", "note.txt")
    return str(run.info.run_id)


def note(client: MlflowClient, run: str) -> str:
    return Path(client.download_artifacts(run, "note.txt")).read_text()


@pytest.fixture
def root(tmp_path: Path, empty_store: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    return folder


def test_a_store_that_is_being_made_has_another_name(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, chainrule.runs.mlflow_store as store\n"
        "import mlflow\n"
        "class Killed(mlflow.MlflowClient):\n"
        "    def search_experiments(self, **_): os._exit(9)\n"
        "mlflow.MlflowClient = Killed\n"
        "store.connect(pathlib.Path('.'), 'sqlite:///mlflow.db')\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment(), check=False)
    assert killed.returncode == 9
    assert not (tmp_path / "mlflow.db").exists()
    assert note(connect(tmp_path), recorded(tmp_path)) == "kept"
    assert [path.name for path in tmp_path.glob("mlflow.db*")] == ["mlflow.db"]


# A sender outlives the full disk; a process of its own, for MLflow keeps files open.
FULL = """
import pathlib, subprocess
from chainrule.runs import mlflow_store
try:
    mlflow_store.connect(pathlib.Path("."), "sqlite:///mlflow.db")
except Exception as error:
    print(str(error).splitlines()[0], pathlib.Path("mlflow.db").exists())
subprocess.run(["mount", "-o", "remount,size=32m", "."], check=True)
print([found.name for found in mlflow_store.connect(pathlib.Path("."), "sqlite:///mlflow.db").search_experiments()])
print([path.name for path in pathlib.Path(".").glob("mlflow.db*")])
"""


def test_a_full_disk_is_overcome_once_there_is_room(tmp_path: Path) -> None:
    root = tmp_path / "project"
    with small_disk(root, "128k"):
        command = [sys.executable, "-c", FULL]
        done = subprocess.run(command, cwd=root, env=environment(), capture_output=True, text=True, check=True)
        full, *then = done.stdout.splitlines()
    assert full == "(sqlite3.OperationalError) database or disk is full False"
    assert then == ["['Default']", "['mlflow.db']"]


def test_a_store_that_was_left_half_made_is_set_aside_and_made_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As MLflow leaves it when it is killed among its own steps: a table, and no note of how far it came."""
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE registered_models (name TEXT)")
    assert note(connect(tmp_path), recorded(tmp_path)) == "kept"
    [aside] = tmp_path.glob("mlflow.db.half-made-*")
    said = f"mlflow.db was half-made and without a run; it is made anew; as it was: {aside.name}"
    assert said in capfd.readouterr().err


def test_a_store_that_holds_something_is_never_set_aside(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE registered_models (name TEXT)")
        database.execute("INSERT INTO registered_models VALUES ('digits')")
    with pytest.raises(Exception, match="already exists"):
        connect(tmp_path)
    assert [path.name for path in tmp_path.glob("mlflow.db*")] == ["mlflow.db"]


@pytest.mark.parametrize("moves", [True, False], ids=["moved", "copied"])
def test_runs_and_models_follow_the_project(root: Path, moves: bool, capfd: pytest.CaptureFixture[str]) -> None:
    run = recorded(root)
    client = connect(root)
    elsewhere = (root.parent / "elsewhere" / "mlruns" / "theirs").as_uri()
    client.create_experiment("theirs", artifact_location=elsewhere)
    model = client.create_logged_model(client.get_run(run).info.experiment_id, "model", run)
    with registry.process_wide(client.tracking_uri):
        registry.register(client, "digits", model.model_id, run, {})
    (root.parent / "elsewhere" / "mlruns" / "theirs").mkdir(parents=True)
    moved = root.parent / "new place?"
    if moves:
        root.rename(moved)
    else:
        shutil.copytree(root, moved)
        (root / "mlruns" / "digits" / run / "artifacts" / "note.txt").write_text("the other's")
    capfd.readouterr()
    client = connect(moved)
    assert note(client, run) == "kept"
    assert f"is now in {moved / 'mlruns'}" in capfd.readouterr().err
    here = (moved / "mlruns" / "digits").as_uri()
    assert client.get_experiment_by_name("digits").artifact_location == here
    assert client.get_model_version_download_uri("digits", "1").startswith(here)
    assert client.get_experiment_by_name("theirs").artifact_location == elsewhere
    second = recorded(moved)
    assert (moved / "mlruns" / "digits" / second / "artifacts" / "note.txt").is_file()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["q?x=1", "a#b", "50%41", "two words", "it's", 'say "x"', "ü&y=2;z"])
def test_a_project_may_have_any_name(tmp_path: Path, empty_store: Path, name: str) -> None:
    root = tmp_path / name
    root.mkdir()
    shutil.copy(empty_store, root / "mlflow.db")
    run = recorded(root)
    assert note(connect(root), run) == "kept"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert sorted(path.name for path in root.iterdir()) == [".chainrule", "mlflow.db", "mlruns"]
    assert places.sqlite_path(places.tracking_uri(root, places.OWN_STORE)) == root / "mlflow.db"


def test_an_experiment_opens_as_training_of_models(root: Path) -> None:
    client = connect(root)
    client.create_experiment("digits")
    recorded(root)
    recorded(root, "reviews")
    for recipe in ("digits", "reviews"):
        tags = client.get_experiment_by_name(recipe).tags
        assert tags["mlflow.experimentKind"] == "custom_model_development"
    assert "`report.html`" in client.get_experiment_by_name("reviews").tags["mlflow.note.content"]


def test_a_deleted_experiment_is_named_with_what_brings_it_back(root: Path, monkeypatch: Any) -> None:
    run = recorded(root)
    client = connect(root)
    experiment = client.get_run(run).info.experiment_id
    client.delete_experiment(experiment)
    remedy = f"mlflow experiments restore --experiment-id {experiment}"
    with pytest.raises(ChainruleError, match=f"^the experiment digits was deleted in MLflow; `{remedy}`"):
        recorded(root)
    client.restore_experiment(experiment)  # what the command does
    assert note(connect(root), recorded(root)) == "kept"
