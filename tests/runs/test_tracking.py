"""Tracking against a real MLflow: SQLite stores and a server, stages as processes of their own."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.reproduction import origin
from chainrule.retraining import versioning
from chainrule.runs import mlflow_store, places, recorder, tracking
from chainrule.runs.journal import journals, read_events, read_status, sender_lock, write_status
from chainrule.system import locks
from chainrule.system.errors import ChainruleError
from waiting import free_port, until

# A stage: `python stage.py <recipe> <stage> <what to do>`, in the repository.
STAGE = """
    import os, sys, time
    from pathlib import Path
    from chainrule.runs import tracking

    tracking.FLUSH_SECONDS = 60.0  # on a busy machine the sender takes long to start
    recipe, stage, what = sys.argv[1:]
    params = {
        "seed": 1,
        "finetune": {"learning_rate": 0.1, "layers": [64, 10], "schedule": None, "words": "x" * 7000},
        "evaluate": {"floors": {"majority": {}}},
    }
    root = Path.cwd()
    with tracking.stage_run(root, recipe, stage, params, ["finetune.schedule", "finetune.words"]) as run:
        run.metrics({"loss": 0.5, "per class/T-shirt (top)": float("nan")}, step=0)
        run.metrics({"validation_loss": 0.75, "training_seconds": 3.0})
        if what in ("train", "everything"):
            run.dataset("digits", rows=3, context="training", source="rows.txt")
            (root / "curve.txt").write_text("0.5")
            run.artifact(root / "curve.txt", "figures")
            (root / "curve.txt").write_text("changed afterwards")
            run.metrics({"loss": 0.25}, step=1)
        if what in ("score", "everything"):
            run.headline({"test.accuracy": 0.9, "floor.majority.accuracy": 0.1, "finetune.cores": 2})
            run.artifact(root / "rows.txt")
            run.model(root / "bundle")
        elif what == "wait":
            run.headline({"half": 1.0})
            if os.fork() == 0:  # a data loader's worker, which outlives a stage that is killed
                os.closerange(0, 3)
                time.sleep(20)
                os._exit(0)
            print("half", flush=True)
            sys.stdin.readline()
            run.metrics({"loss": 0.25}, step=1)
            run.metrics({"loss": 0.125}, step=2)
        elif what == "raise":
            raise ValueError("row 3 has no label")
        elif what == "misuse":
            run.dataset("digits" * 200, rows=3, context="training", source="rows.txt")
    (root / f"{stage}.out").write_text("done")
"""
# Stands for dvc: what counts is its name in the command line.
DVC = """
    import subprocess, sys
    for stage, what in zip(sys.argv[2::2], sys.argv[3::2]):
        subprocess.run([sys.executable, "stage.py", sys.argv[1], stage, what], check=True)
"""
Query = Callable[..., list[Any]]


def make_root(place: Path, store: Path | None) -> Path:
    place.mkdir()
    (place / "stage.py").write_text(textwrap.dedent(STAGE))
    (place / "dvc").write_text(textwrap.dedent(DVC))
    (place / "rows.txt").write_text("1\n2\n3\n")
    if store:
        shutil.copy(store, place / "mlflow.db")
    return place


def make_bundle(root: Path) -> None:
    """The smallest thing that `export` could have written: a model that doubles four numbers."""
    import onnx

    (root / "bundle").mkdir()
    graph = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["": 18]>g (float[batch, 4] x) => (float[batch, 4] y) { y = Add(x, x) }'
    )
    onnx.save(graph, root / "bundle" / "model.onnx")
    (root / "bundle" / "labels.json").write_text("[]")


@pytest.fixture
def root(tmp_path: Path, empty_store: Path) -> Path:
    return make_root(tmp_path / "repository", empty_store)


def environment(uri: str | None = None) -> dict[str, str]:
    hidden = ("MLFLOW_", "CHAINRULE_", "DVC_")
    env = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    # What a user may have set must not turn every run into that one.
    env["MLFLOW_RUN_ID"] = "0" * 32
    if uri:
        env["MLFLOW_TRACKING_URI"] = uri
    return env


def start(root: Path, *words: str, uri: str | None = None) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=root,
        env=environment(uri),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )


def run(root: Path, *words: str, uri: str | None = None) -> tuple[int, str, str]:
    with start(root, *words, uri=uri) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def flush(root: Path, *words: str) -> tuple[int, str, str]:
    return run(root, "-m", "chainrule.runs.tracking", *words)


def query(store: Path, sql: str, *values: Any) -> list[Any]:
    """Rows of the store itself: what a sender in another process wrote, with or without a server."""
    with contextlib.closing(sqlite3.connect(store)) as connection:
        return connection.execute(sql, values).fetchall()


def statuses(store: Path) -> dict[str, str]:
    """{name of run: status}, "chain" for a chain's own run."""
    rows = query(
        store,
        "select coalesce((select value from tags where run_uuid = r.run_uuid and key = 'chainrule.stage'), "
        "'chain'), status from runs r",
    )
    assert len(rows) == len(dict(rows)), f"a run is there twice: {rows}"
    return dict(rows)


def tag(store: Path, stage: str, key: str) -> str | None:
    """A tag of the run of a stage, or of its chain for stage "chain"."""
    rows = query(
        store,
        "select value from tags t where key = ? and coalesce((select value from tags where "
        "run_uuid = t.run_uuid and key = 'chainrule.stage'), 'chain') = ?",
        key,
        stage,
    )
    return rows[0][0] if rows else None


def losses(store: Path) -> list[tuple[int, float]]:
    return sorted(query(store, "select step, value from metrics where key = 'loss'"))


# ---- the picture


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> tuple[Path, Any, str]:
    """A repository in which one dvc ran two stages; a client; the id of the experiment."""
    from mlflow import MlflowClient

    root = make_root(tmp_path_factory.mktemp("chain") / "repo with a space", empty_store)
    make_bundle(root)
    lock = {
        "stages": {
            "split@digits": {
                "deps": [
                    {"path": "src/chainrule/x.py", "md5": "0"},
                    {"path": "data/clean/digits", "md5": "1.dir"},
                ],
                "outs": [{"path": "data/split/digits", "md5": "2.dir"}],
            },
            "evaluate@digits": {"outs": [{"path": "reports/digits", "md5": "of the run before"}]},
            "split@reviews": {"outs": [{"path": "data/split/reviews", "md5": "3.dir"}]},
        }
    }
    (root / "dvc.lock").write_text(json.dumps(lock))
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    (root / "params.yaml").write_text("{}")
    for words in (["init", "-q"], ["add", "params.yaml"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], cwd=root, check=True, capture_output=True)
    code, _, err = run(root, "dvc", "digits", "finetune", "train", "evaluate", "score")
    assert (code, err) == (0, "")
    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("digits")
    assert experiment is not None
    return root, client, experiment.experiment_id


def test_a_chain_is_one_row_with_its_stages_below(chain: tuple[Path, Any, str]) -> None:
    root, client, experiment = chain
    assert statuses(root / "mlflow.db") == {
        "chain": "FINISHED",
        "finetune": "FINISHED",
        "evaluate": "FINISHED",
    }
    rows = client.search_runs([experiment])
    parents = [row for row in rows if "mlflow.parentRunId" not in row.data.tags]
    assert len(parents) == 1
    assert {row.data.tags.get("mlflow.parentRunId") for row in rows} == {None, parents[0].info.run_id}
    assert journals(root) == []


def test_the_row_carries_what_one_compares_by(chain: tuple[Path, Any, str]) -> None:
    root, client, experiment = chain
    row = client.search_runs([experiment], "tags.`chainrule.recipe` = 'digits'")[0]
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True).stdout.strip()
    words = {
        "seed": "1",
        "finetune.learning_rate": "0.1",
        "finetune.layers": "[64, 10]",
        "finetune.schedule": "null",
    }
    assert words.items() <= row.data.params.items()
    assert row.data.params["evaluate.floors.majority"] == "{}"
    scores = {"accuracy": 0.9, "test.accuracy": 0.9, "floor.majority.accuracy": 0.1}
    curves = {"finetune/validation_loss": 0.75, "evaluate/validation_loss": 0.75}
    assert row.data.metrics == scores | curves | {"system/finetune.cores": 2.0}
    assert min(row.data.metrics) == "accuracy", "MLflow sorts them by name"
    assert [item.path for item in client.list_artifacts(row.info.run_id)] == ["bundle", "params.json", "rows.txt"]
    assert row.data.tags["git_commit"] == row.data.tags["mlflow.source.git.commit"] == commit
    assert row.data.tags["git_dirty"] == "false"
    assert row.data.tags["chainrule.defaults"] == "finetune.schedule finetune.words"
    hashes = {key: value for key, value in row.data.tags.items() if key.startswith("dvc.")}
    assert hashes == {"dvc.data/clean/digits": "1.dir", "dvc.data/split/digits": "2.dir"}
    # MLflow's table cuts names: what tells two rows apart comes first.
    assert re.fullmatch(rf"digits \d\d:\d\d, \d\d \w{{3}} 20\d\d, {commit[:7]}", row.info.run_name)
    assert [item.dataset.name for item in row.inputs.dataset_inputs] == ["digits"]


def test_a_stage_has_its_curves_plots_and_data(chain: tuple[Path, Any, str]) -> None:
    root, client, experiment = chain
    row = client.search_runs([experiment], "tags.`chainrule.stage` = 'finetune'")[0]
    assert losses(root / "mlflow.db") == [
        (0, 0.5),
        (0, 0.5),
        (1, 0.25),
    ]  # two stages, one of them with two points
    assert set(row.data.metrics) == {"loss", "per class/T-shirt _top_", "validation_loss", "system/training_seconds"}
    assert set(row.data.params) == {f"finetune.{key}" for key in ("learning_rate", "layers", "schedule", "words")}
    artifacts = root / "mlruns" / "digits" / row.info.run_id / "artifacts"
    assert (artifacts / "figures" / "curve.txt").read_text() == "0.5"
    data = row.inputs.dataset_inputs[0]
    assert {item.key: item.value for item in data.tags} == {"mlflow.data.context": "training"}
    assert json.loads(data.dataset.profile)["num_rows"] == 3


def test_a_parameter_too_long_for_mlflow_is_kept_whole_beside_it(chain: tuple[Path, Any, str]) -> None:
    _, client, experiment = chain
    row = client.search_runs([experiment], "tags.`chainrule.recipe` = 'digits'")[0]
    assert "(7000 characters, sha256 " in row.data.params["finetune.words"]
    whole = json.loads(Path(client.download_artifacts(row.info.run_id, "params.json")).read_text())
    assert whole["finetune.words"] == "x" * 7000


def test_the_model_of_a_chain_is_a_version_one_can_load(chain: tuple[Path, Any, str]) -> None:
    import mlflow
    import numpy as np

    from chainrule.release import registry

    root, client, experiment = chain
    row = client.search_runs([experiment], "tags.`chainrule.recipe` = 'digits'")[0]
    [version] = registry.versions(client, "digits")
    assert (version.number, version.run_id) == (1, row.info.run_id)
    assert version.tags["git_commit"] == row.data.tags["git_commit"]
    assert version.tags["sha256"] == tracking._digest(root / "bundle" / "model.onnx")
    assert [item.path for item in client.list_artifacts(row.info.run_id, "bundle")] == [
        "bundle/labels.json",
        "bundle/model.onnx",
    ]
    [logged] = client.search_logged_models([experiment])
    assert logged.artifact_location.startswith((root / "mlruns" / "digits").as_uri())
    with registry.process_wide(f"sqlite:///{root / 'mlflow.db'}"):
        model = mlflow.pyfunc.load_model("models:/digits/1")
    assert model.metadata.signature.inputs.inputs[0].shape == (-1, 4)
    answer = model.predict({"x": np.ones((3, 4), np.float32)})
    assert answer["y"].tolist() == [[2.0] * 4] * 3


def test_the_sender_ends_with_its_chain(chain: tuple[Path, Any, str]) -> None:
    root = chain[0]
    until(lambda: not locks.is_held(sender_lock(root)), what="the end of the sender after that of the dvc it served")
    assert (root / ".chainrule" / "sender.log").read_text() == ""


# ---- what goes wrong


def test_nothing_is_logged_when_nothing_ran(tmp_path: Path) -> None:
    root = make_root(tmp_path / "repository", None)
    assert run(root, "dvc", "digits")[0] == 0
    assert flush(root) == (0, "tracking: nothing waits\n", "")
    assert not (root / "mlflow.db").exists()


def test_two_recipes_at_once_on_a_new_store_lose_no_row(tmp_path: Path) -> None:
    root = make_root(tmp_path / "repository", None)
    both = [start(root, "dvc", recipe, "finetune", "train", "evaluate", "plain") for recipe in ("digits", "reviews")]
    for process in both:
        process.communicate(timeout=60)
        assert process.returncode == 0
    flush(root)
    rows = query(
        root / "mlflow.db",
        "select e.name, t.value, count(*) from runs r join experiments e using (experiment_id) "
        "left join tags t on t.run_uuid = r.run_uuid and t.key = 'chainrule.stage' "
        "where r.status = 'FINISHED' group by 1, 2",
    )
    stages = (None, "finetune", "evaluate")
    assert sorted(rows, key=str) == sorted(
        ((name, stage, 1) for name in ("digits", "reviews") for stage in stages), key=str
    )


@contextlib.contextmanager
def server(place: Path, port: int) -> Iterator[str]:
    """An MLflow server with its store in `place`, killed with all it started when the block ends."""
    env = environment() | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    words = [
        "--backend-store-uri",
        f"sqlite:///{place / 'mlflow.db'}",
        "--artifacts-destination",
        str(place / "files"),
    ]
    words += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with open(place / "server.log", "w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *words],
            env=env,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:

        def answers() -> bool:
            assert process.poll() is None, (place / "server.log").read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        until(answers, what="an answer of the MLflow server")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_server_that_dies_during_training_costs_one_line_and_no_row(root: Path, empty_store: Path) -> None:
    place = root / "server"
    place.mkdir()
    store = Path(shutil.copy(empty_store, place / "mlflow.db"))
    port = free_port()
    with server(place, port) as uri:
        stage = start(root, "stage.py", "digits", "finetune", "wait", uri=uri)
        assert stage.stdout is not None
        assert stage.stdout.readline() == "half\n"
        until(lambda: confirmed(root), what="that the sender knows that the server has the first half")
    began = time.monotonic()
    _, err = stage.communicate("go on\n", timeout=60)
    assert stage.returncode == 0
    assert (root / "finetune.out").read_text() == "done"
    assert time.monotonic() - began < 12
    assert err.count("\n") == 1
    assert uri in err
    assert "3 event(s) of digits/finetune wait in .chainrule/journal" in err
    assert losses(store) == [(0, 0.5)]
    code, out, _ = flush(root)
    assert code == 1
    assert "Connection refused" in out
    assert "1 run(s) still wait" in out
    with server(place, port):
        code, out, _ = flush(root)
    assert code == 0
    assert "digits/finetune" in out
    assert "is complete" in out
    assert losses(store) == [(0, 0.5), (1, 0.25), (2, 0.125)]
    assert statuses(store) == {"chain": "FINISHED", "finetune": "FINISHED"}
    # The store of the repository was never meant.
    assert query(root / "mlflow.db", "select * from runs") == []


def test_what_waits_for_one_server_can_go_to_another(root: Path) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    code, _, err = run(root, "stage.py", "digits", "finetune", "train", uri=uri)
    assert code == 0
    assert "Connection refused" in err
    code, out, _ = flush(root, "--to", f"sqlite:///{root / 'mlflow.db'}")
    assert code == 0
    assert "is complete" in out
    assert statuses(root / "mlflow.db") == {"chain": "FINISHED", "finetune": "FINISHED"}
    assert losses(root / "mlflow.db") == [(0, 0.5), (1, 0.25)]


def test_a_killed_stage_is_a_killed_run(root: Path) -> None:
    stage = start(root, "stage.py", "digits", "finetune", "wait")
    assert stage.stdout is not None
    assert stage.stdout.readline() == "half\n"
    store = root / "mlflow.db"
    until(lambda: query(store, "select * from metrics where key = 'half'") != [], what="the run in the store")
    assert statuses(store) == {"chain": "RUNNING", "finetune": "RUNNING"}
    stage.kill()
    stage.communicate()
    flush(root)
    assert statuses(store) == {"chain": "KILLED", "finetune": "KILLED"}
    assert journals(root) == []


def test_a_failed_stage_says_why_and_a_second_attempt_mends_the_chain(root: Path) -> None:
    env = environment() | {"CHAINRULE_CHAIN": "nightly"}
    words = [sys.executable, "stage.py", "digits", "finetune"]
    failed = subprocess.run([*words, "raise"], cwd=root, env=env, capture_output=True, text=True)
    store = root / "mlflow.db"
    assert failed.returncode == 1
    assert failed.stderr.endswith("ValueError: row 3 has no label\n")
    assert statuses(store) == {"chain": "FAILED", "finetune": "FAILED"}
    assert tag(store, "finetune", "chainrule.error") == "ValueError: row 3 has no label"
    assert tag(store, "chain", "chainrule.error") == "finetune: ValueError: row 3 has no label"
    subprocess.run([*words, "train"], cwd=root, env=env, check=True, capture_output=True)
    rows = query(store, "select status, count(*) from runs group by 1")
    assert sorted(rows) == [("FAILED", 1), ("FINISHED", 2)]
    assert tag(store, "chain", "chainrule.error") is None


def test_an_event_that_mlflow_refuses_is_a_gap_that_is_told(root: Path) -> None:
    code, _, err = run(root, "stage.py", "digits", "finetune", "misuse")
    assert code == 0
    assert err.count("\n") == 1
    assert "refused 1 event(s) of digits/finetune" in err
    assert (tag(root / "mlflow.db", "finetune", "chainrule.gap") or "").startswith("1 events refused")
    assert statuses(root / "mlflow.db") == {"chain": "FINISHED", "finetune": "FINISHED"}


def test_sending_twice_gives_the_same_picture(root: Path) -> None:
    make_bundle(root)
    run(root, "stage.py", "digits", "finetune", "everything", uri=f"http://127.0.0.1:{free_port()}")
    until(lambda: not locks.is_held(sender_lock(root)), what="the end of the sender that found no server")
    [folder] = journals(root)
    uri = f"sqlite:///{root / 'mlflow.db'}"
    client = mlflow_store.connect(root, uri)
    pictures = []
    for _ in range(2):
        # A sender that died before it could note how far it came begins again.
        status = {"uri": uri, "offset": read_events(folder, 0)[1][0]}
        write_status(folder, status)
        recorder.send(client, root, folder, status)
        assert read_status(folder)["done"]
        assert "refused" not in read_status(folder)
        tables = (
            "runs",
            "metrics",
            "params",
            "tags",
            "inputs",
            "datasets",
            "logged_models",
            "model_versions",
        )
        pictures.append([sorted(query(root / "mlflow.db", f"select * from {table}"), key=str) for table in tables])
    assert pictures[0] == pictures[1]


@given(st.text())
def test_every_name_becomes_one_that_mlflow_takes(name: str) -> None:
    from mlflow.utils.validation import _validate_metric, _validate_param

    key = recorder.key_for(name or "x")
    _validate_metric(key, 1.0, 0, 0)
    _validate_param(key, "1")


@given(st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_\-. :]{0,100}", fullmatch=True))
def test_a_name_that_mlflow_takes_stays(name: str) -> None:
    assert recorder.key_for(name) == name


def test_two_long_values_that_begin_alike_stay_apart() -> None:
    first, second = recorder.shorten("a" * 9000 + "b"), recorder.shorten("a" * 9000 + "c")
    assert first != second
    assert len(first) < 6000
    assert recorder.shorten("a" * 5000) == "a" * 5000


def test_tracking_can_be_turned_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_TRACKING", "off")
    with tracking.stage_run(tmp_path, "digits", "finetune", {}) as run:
        run.metrics({"loss": 1.0})
        run.artifact(tmp_path / "missing")
        run.dataset("digits", 1, "training", "missing")
        run.model(tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []


def test_a_relative_database_is_that_of_the_stage_not_of_the_sender(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert places.tracking_uri(Path("/repository")) == "sqlite:////repository/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mine.db")
    assert places.tracking_uri(Path("/repository")) == f"sqlite:///{tmp_path / 'mine.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://tracking.example")
    assert places.tracking_uri(Path("/repository")) == "https://tracking.example"


def test_an_experiment_of_dvc_belongs_to_the_project_it_is_a_copy_of() -> None:
    for below in (".dvc/tmp/exps/tmpab12", ".dvc/tmp/exps/standalone/tmpab12"):
        assert places.home(Path("/home/me/project") / below) == Path("/home/me/project")
        assert places.home(Path("/home/me") / below / "project") == Path("/home/me/project")
    assert places.home(Path("/home/me/project")) == Path("/home/me/project")


def test_a_change_that_decides_results_makes_the_commit_a_half_truth(tmp_path: Path) -> None:
    assert tracking.git_state(tmp_path) == (None, None)
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True)
    commit, dirty = tracking.git_state(tmp_path)
    assert len(commit or "") == 40
    assert dirty is False
    (tmp_path / "dvc.lock").write_text("written by every chain")
    assert tracking.git_state(tmp_path) == (commit, False)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "new.py").write_text("")
    assert tracking.git_state(tmp_path) == (commit, True)


def test_a_folder_of_another_user_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert tracking.git_state(tmp_path) == (None, None)
    remedy = f"git config --global --add safe.directory {tmp_path}"
    refusal = f"git refuses this folder, which belongs to another user; `{remedy}` trusts it"
    assert capsys.readouterr().err == f"tracking: {refusal}; until then no run says its commit\n"
    for asks in (lambda: versioning.check(tmp_path, "digits"), lambda: origin.is_here(tmp_path, "0" * 40)):
        with pytest.raises(ChainruleError, match=re.escape(refusal)):
            asks()


def confirmed(root: Path) -> bool:
    """Has the sender written down that everything so far is on the server?"""
    (folder,) = journals(root)
    status = read_status(folder)
    return "offset" in status and not read_events(folder, status["offset"])[0]


def test_a_deleted_experiment_is_named_by_the_stage_that_waits_for_it(root: Path) -> None:
    client = mlflow_store.connect(root, f"sqlite:///{root / 'mlflow.db'}")
    experiment = client.create_experiment("digits")
    client.delete_experiment(experiment)
    code, _, err = run(root, "stage.py", "digits", "finetune", "train")
    assert code == 0
    assert f"`mlflow experiments restore --experiment-id {experiment}` brings it back" in err
    client.restore_experiment(experiment)
    assert flush(root)[0] == 0
    assert statuses(root / "mlflow.db") == {"chain": "FINISHED", "finetune": "FINISHED"}
