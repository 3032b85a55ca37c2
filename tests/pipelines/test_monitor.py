"""Monitoring, with a real Prefect server: what a model server saw, judged by the flow and shown in MLflow."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import live_server
import shipped
from chainrule.serving import observed
from chainrule.system.files import write_rows
from drift_rows import image_rows
from live_server import Live
from server_process import observing
from tiny_clone import environment

Monitor = Callable[..., Any]


@pytest.fixture
def root(project: Path, tmp_path: Path) -> Path:
    """A project with a served model and its validation rows."""
    made = live_server.project(tmp_path / "project")
    shutil.copy(shipped.PARAMS, made)
    (made / "pipelines").symlink_to(project / "pipelines")
    write_rows(made / "data" / "split" / "digits" / "validation.parquet", image_rows(120, seed=7)[0])
    return made


def see(root: Path, pixels: np.ndarray) -> None:
    """Let a server that observes everything answer these images, one a request."""
    with live_server.running(root, observe=1.0) as live:
        ask(live, pixels)


def ask(live: Live, pixels: np.ndarray) -> None:
    """Send images, one a request, and wait until the server has written them down."""
    before = len(observed.read(live.root, "digits", 10_000)[0])
    for image in pixels:
        tensor = {"name": "image", "datatype": "UINT8", "shape": [1, 1, 8, 8], "data": image.ravel().tolist()}
        body = json.dumps({"inputs": [tensor]}).encode()
        assert live.ask("POST", "/v2/models/digits/infer", body).status == 200
    live_server.until(lambda: len(observed.read(live.root, "digits", 10_000)[0]) == before + len(pixels))


@pytest.fixture
def monitor(as_user: None, root: Path, monkeypatch: pytest.MonkeyPatch) -> Monitor:
    """Return a function that runs the flow in the project and gives back the state it ends in."""
    monkeypatch.chdir(root)
    from pipelines.monitor import monitor as flow

    return lambda recipe="digits", **options: flow(recipe, **options, return_state=True)


def artifact(key: str) -> str:
    """The newest text that a flow showed under this key."""
    from prefect.artifacts import Artifact

    found = asyncio.run(Artifact.aget(key))
    assert found is not None
    return str(found.data)


def test_what_drifted_is_flagged_shown_and_recorded(root: Path, monitor: Monitor, empty_store: Path) -> None:
    shutil.copy(empty_store, root)
    see(root, image_rows(60, seed=8)[1])
    calm = monitor()
    assert (calm.name, calm.is_completed()) == ("Completed", True)
    assert "no drift in" in calm.message
    see(root, image_rows(60, seed=9)[1] // 3)
    state = monitor()
    assert (state.name, state.is_completed()) == ("Drift", True)
    assert "60 observed rows since" in state.message and "brightness" in state.message
    shown = artifact("digits-monitor")
    assert "| **flagged** | brightness | input |" in shown and shown.startswith(
        "> **version 0, 60 observed rows since "
    )
    folder = root / ".chainrule" / "monitor" / "digits"
    assert "what the server saw, 60 rows" in (folder / "drift.html").read_text()
    assert f"({(folder / 'drift.html').as_uri()})" in shown and state.message.endswith(
        f"; page: {folder / 'drift.html'}"
    )

    runs = recorded(root)
    assert [run.data.metrics["drift.flagged"] for run in runs] == [1, 0]
    files = {item.path for item in connect(root).list_artifacts(runs[0].info.run_id)}
    assert {"drift.html", "figures"} <= files
    (figure,) = connect(root).list_artifacts(runs[0].info.run_id, "figures")
    assert figure.path == "figures/drift.png" and figure.file_size > 10_000


def connect(root: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{root / 'mlflow.db'}")


def recorded(root: Path) -> list[Any]:
    """The runs of looks in MLflow, the newest first."""
    client = connect(root)
    experiment = client.get_experiment_by_name("digits")
    return list(client.search_runs([experiment.experiment_id], "tags.`chainrule.stage` = 'monitor'"))


def test_nothing_or_too_little_is_said_and_no_failure(root: Path, monitor: Monitor) -> None:
    state = monitor()
    assert state.is_completed() and "nothing was observed; `chainrule serve --observe" in state.message
    see(root, image_rows(5)[1])
    state = monitor()
    assert state.is_completed() and "5 observed rows: too few" in state.message
    assert "too few" in artifact("digits-monitor")
    assert not (root / "mlflow.db").exists()


def test_what_cannot_be_judged_fails_with_what_to_do(root: Path, monitor: Monitor) -> None:
    see(root, image_rows(30)[1])
    (root / "models" / "onnx" / "digits" / "model.onnx").write_bytes(b"broken")
    state = monitor()
    assert state.is_failed() and "sha256" in state.message and "again" in state.message
    state = monitor("unheard-of")
    assert state.is_failed() and "no such recipe" in state.message


def test_the_command_line(root: Path, prefect_url: str, prefect_home: Path, project: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, root)
    variables = environment(
        PREFECT_API_URL=prefect_url, PREFECT_HOME=str(prefect_home), PYTHONPATH=str(project / "src")
    )

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipelines.monitor", *words]
        return subprocess.run(command, cwd=root, env=variables, capture_output=True, text=True, timeout=120)

    # Beside a server that goes on serving.
    with observing(root) as (server, live):
        ask(live, image_rows(60, seed=8)[1])
        calm = run("digits")
        assert calm.returncode == 0, calm.stderr
        assert calm.stdout.splitlines()[-1].startswith("monitor: digits: version 0, 60 observed rows: no drift in ")
        ask(live, image_rows(60, seed=9)[1] // 3)
        found = run("digits")
        assert found.returncode == 4, found.stderr
        said = found.stdout.splitlines()[-1]
        assert said.startswith("monitor: digits: version 0, 60 observed rows since ") and ": drift in " in said
        assert server.poll() is None
    assert "what the server saw, 60 rows" in (root / ".chainrule" / "monitor" / "digits" / "drift.html").read_text()
    assert [run.data.metrics["drift.flagged"] for run in recorded(root)] == [1, 0]
    assert run("unheard-of").returncode == 2
    wrong = run("digits", "--cron", "every day")
    assert wrong.returncode == 2 and "--cron: 'every day'" in wrong.stderr
