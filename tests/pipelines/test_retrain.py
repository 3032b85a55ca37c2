"""Retraining, with a real Prefect server, registry and DVC stages: what is promoted, refused, left alone."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import yaml

import retrain_project
from chainrule.release import promotion
from chainrule.retraining import decisions, evidence
from chainrule.runs import mlflow_store
from chainrule.system import locks
from prefect_asked import ask
from small_disk import small_disk
from tiny_clone import environment
from waiting import until

Retrain = Callable[..., Any]
BROKEN = b"\x89PNG\r\n\x1a\n and no more"


@pytest.fixture(scope="module")
def project_home(project: Path, empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = retrain_project.make(project, tmp_path_factory.mktemp("retrain") / "project")
    shutil.copy(empty_store, made)
    return made


@pytest.fixture
def retrain(as_user: None, project_home: Path, monkeypatch: pytest.MonkeyPatch) -> Retrain:
    """Return a function that runs the flow in the project and gives back the state it ends in."""
    monkeypatch.chdir(project_home)
    from pipelines.retrain import retrain as flow

    return lambda **options: flow("mine", **options, return_state=True)


@pytest.fixture
def first(retrain: Retrain, project_home: Path) -> Path:
    """The project with a champion."""
    if promotion.served_version(project_home, "mine") is None:
        state = retrain()
        assert state.is_completed(), state.message
    return project_home


def last(root: Path) -> dict[str, Any]:
    return decisions.read(root, "mine")[-1]


def git(root: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def offer(root: Path, **options: Any) -> Path:
    place = root / "data" / "incoming" / "mine"
    retrain_project.write_images(place, **options)
    return place


def mlflow_runs(root: Path) -> list[Any]:
    client = mlflow_store.connect(root, f"sqlite:///{root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("mine")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id], max_results=1000))


def remembered(root: Path) -> tuple[Any, ...]:
    """Return all that a retraining with nothing to do must leave as it was."""
    served = {path: path.read_bytes() for path in (root / "models" / "served").rglob("*") if path.is_file()}
    return served, (root / "dvc.lock").read_bytes(), git(root, "log", "--format=%H"), len(mlflow_runs(root))


# ---- the way it should go


def test_a_model_keeps_itself_fresh(first: Path, retrain: Retrain) -> None:
    decided = last(first)
    assert (decided["action"], decided["challenger"], decided["champion"]) == ("promoted", 1, None)
    assert decided["trigger"] == ["no champion yet"] and "no champion to compare" in decided["reason"]

    # Run twice: nothing happens twice.
    before = remembered(first)
    assert retrain().message == "mine: nothing to do: 0 new rows; 20 are worth a training"
    assert remembered(first) == before

    # A few rows wait, taken in; more are worth a training. One file is broken.
    place = offer(first, seed=1, count=5)
    assert "10 new rows; 20 are worth" in retrain().message
    offer(first, seed=2, count=20)
    (place / "dark" / "broken.png").write_bytes(BROKEN)
    (first / "README").write_text("not ours to commit")
    state = retrain(commit=True)
    assert state.is_completed(), state.message
    decided = last(first)
    assert (decided["action"], decided["challenger"], decided["champion"]) == ("promoted", 2, 1)
    assert decided["trigger"] == ["new data: 50 rows"] and len(decided["batches"]) == 2
    assert (decided["rows"], decided["set_aside"], decided["drift"]["flagged"]) == (40, 1, False)
    assert state.name == "Set aside"
    assert (
        f"1 file was set aside in data/rejected/mine/{decided['batch']}: dark/broken.png (unread" in decided["reason"]
    )
    assert decided["difference"]["low"] > -0.05
    assert promotion.served_version(first, "mine") == "2"
    (reasons,) = (first / "data" / "rejected" / "mine").glob("*/reasons.json")
    assert list(json.loads(reasons.read_text())) == ["dark/broken.png"]
    raw = json.loads((first / "reports" / "mine" / "ingest.json").read_text())
    assert raw["rows"] == 140 + 50

    # What it did is in git and in MLflow.
    assert decided["commit"] == git(first, "rev-parse", "HEAD") == git(first, "rev-parse", "mine@2^{commit}")
    assert "dvc.lock" in git(first, "show", "--stat", "--format=%s") and "README" in git(first, "status", "--short")
    (run,) = [
        run for run in mlflow_runs(first) if run.info.run_name == "retrain" and "difference.low" in run.data.metrics
    ]
    assert run.data.metrics["challenger_accuracy"] >= 0.9 and run.data.metrics["drift.flagged"] == 0
    assert run.info.status == "FINISHED"


def test_a_worse_model_is_refused_with_the_reason(first: Path, retrain: Retrain) -> None:
    before = promotion.served_version(first, "mine")
    # Labels that are the wrong way round: too few to be the rule among the test rows, enough to turn the model.
    offer(first, seed=3, count=70, brightness={"dark": 255, "light": 0})
    state = retrain()
    assert state.is_completed(), state.message
    decided = last(first)
    assert decided["action"] == "refused" and "may be worse than version" in decided["reason"]
    assert any(trigger.startswith("drift: ") for trigger in decided["trigger"])
    assert decided["drift"]["flagged"] and decided["drift"]["tests"]
    assert decided["difference"]["low"] <= -0.05
    assert promotion.served_version(first, "mine") == before
    # It is not tried again and again; the batch taken out, the champion's own model comes back.
    assert "0 new rows" in retrain().message
    shutil.rmtree(first / "data" / "accepted" / "mine" / decided["batch"])
    state = retrain(force=True)
    assert f"the model is the same as version {before}, the champion" in state.message


def test_a_model_under_its_floor_is_refused_unless_the_recipe_allows_it(first: Path, retrain: Retrain) -> None:
    before, params = promotion.served_version(first, "mine"), first / "params.yaml"
    kept = params.read_text()
    own = {"name": "accuracy", "value": 0.9, "low": 0.85, "high": 0.95}
    (first / "floor.json").write_text(json.dumps({"primary": own, "floor": {"name": "logistic", "value": 0.96}}))
    try:
        offer(first, seed=4, count=20)
        assert retrain().is_completed()
        decided = last(first)
        assert decided["action"] == "refused" and promotion.served_version(first, "mine") == before
        said = f"version {decided['challenger']} is under its floor, which retrain.below_floor: true would allow"
        assert decided["reason"].startswith(said) and "UNDER ITS FLOOR" in decided["reason"]
        changed = yaml.safe_load(kept)
        changed["recipes"]["mine"]["retrain"]["below_floor"] = True
        params.write_text(yaml.safe_dump(changed))
        assert retrain(force=True).is_completed()
        assert (last(first)["action"], last(first)["challenger"]) == ("promoted", decided["challenger"])
    finally:
        params.write_text(kept)
        (first / "floor.json").unlink()


def test_rows_that_the_champion_was_trained_on_are_not_compared_on(first: Path, retrain: Retrain) -> None:
    place = first / "data" / "split" / "mine"
    tested = (place / "test.parquet").read_bytes()
    block = yaml.safe_load((first / "params.yaml").read_text())["recipes"]["mine"]
    champion = evidence.champion(first, "mine", print)
    assert champion is not None
    before = evidence.compare(first, "mine", block, champion)
    assert before["left_out"] == 0
    moved = pd.read_parquet(place / "train.parquet").head(7)  # as when new rows tie them to tested ones
    try:
        pd.concat([pd.read_parquet(place / "test.parquet"), moved]).to_parquet(place / "test.parquet")
        after = evidence.compare(first, "mine", block, champion)
    finally:
        (place / "test.parquet").write_bytes(tested)
    assert after == before | {"left_out": 7}
    assert "7 more left out" in evidence.verdict(after, champion.number)


def test_an_old_champion_is_retrained_and_an_unchanged_model_is_not_promoted(first: Path, retrain: Retrain) -> None:
    path = first / "models" / "served" / "mine" / "champion.json"
    kept = path.read_text()
    promoted = (datetime.now(UTC) - timedelta(days=31)).isoformat()
    path.write_text(json.dumps({**json.loads(kept), "promoted": promoted}))
    try:
        assert "the model is the same" in retrain().message
        assert last(first)["trigger"] == ["age: 31 days"]
    finally:
        path.write_text(kept)


def test_of_two_at_once_one_waits(first: Path, retrain: Retrain, prefect_url: str, prefect_home: Path) -> None:
    lock = evidence.lock(first, "mine")
    held = locks.take(lock)
    assert held is not None
    count = len(decisions.read(first, "mine"))
    process = start(first, prefect_url, prefect_home)
    try:
        waits = read_until(process, "waits for another retraining")
        assert len(decisions.read(first, "mine")) == count
    finally:
        os.close(held)
    rest, _ = process.communicate(timeout=120)
    assert process.returncode == 0, waits + rest
    assert "retrain: mine: nothing to do" in rest
    assert len(decisions.read(first, "mine")) == count + 1


# ---- what goes wrong


def test_nothing_but_broken_files_is_no_success(
    first: Path, retrain: Retrain, prefect_url: str, prefect_home: Path
) -> None:
    place = first / "data" / "incoming" / "mine" / "dark"
    place.mkdir(parents=True, exist_ok=True)
    (place / "torn.png").write_bytes(BROKEN + b"!")
    process = start(first, prefect_url, prefect_home)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 5
    decided = last(first)
    assert (decided["action"], decided["batch"], decided["set_aside"]) == ("nothing to do", None, 1)
    assert (
        "1 file was set aside in data/rejected/mine/" in decided["reason"]
        and "dark/torn.png (unread" in decided["reason"]
    )
    assert said.strip().splitlines()[-1] == f"retrain: mine: nothing to do: {decided['reason']}"
    assert "WARNING" in said
    shown = ask(f"{prefect_url}/artifacts/filter", sort="CREATED_DESC")
    page = next(each["data"] for each in shown if each["key"] == "mine-retrain")
    assert page.startswith("> **WARNING: 1 file was set aside") and "/reasons.json)" in page
    assert re.findall(r"\{'|\('|\['|None", page) == []  # words, not Python's
    # Offered again, it is not looked at again, and that is no success either.
    (place / "torn.png").write_bytes(BROKEN + b"!")
    state = retrain()
    assert state.is_failed() and "1 file was set aside before, in data/rejected/mine/" in state.message


def test_unknown_labels_fail_the_flow_and_change_nothing(first: Path, retrain: Retrain) -> None:
    place = offer(first, seed=5, count=3, brightness={"dusk": 120, "dark": 60})
    before = remembered(first)
    state = retrain()
    assert state.is_failed()
    assert "'dusk' (dusk/5-000.png" in state.message and "--new-class dusk" in state.message
    assert last(first)["action"] == "failed" and "dusk" in last(first)["reason"]
    assert remembered(first) == before and len(list(place.rglob("*.png"))) == 6
    shutil.rmtree(place)


def test_a_champion_that_will_not_load_fails_the_flow(first: Path, retrain: Retrain) -> None:
    number = promotion.served_version(first, "mine")
    graph = first / "models" / "served" / "mine" / str(number) / "bundle" / "model.onnx"
    content = graph.read_bytes()
    graph.write_bytes(content[:-10])
    try:
        state = retrain(force=True)
        assert state.is_failed()
        assert "cannot be loaded" in state.message and "chainrule promote mine" in state.message
        assert "what is served stays" in state.message
    finally:
        graph.write_bytes(content)
    assert retrain().is_completed()


def test_a_registry_that_is_down_fails_the_flow_before_anything_is_taken_in(
    first: Path, retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = offer(first, seed=6, count=3)
    before = remembered(first)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    state = retrain()
    assert state.is_failed()
    assert "Connection refused" in state.message and "MLFLOW_TRACKING_URI" in state.message
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert remembered(first) == before and len(list(place.rglob("*.png"))) == 6
    shutil.rmtree(place)


def test_a_full_disk_fails_the_flow_and_loses_nothing(first: Path, retrain: Retrain) -> None:
    place = offer(first, seed=7, count=40)
    before = remembered(first)
    with small_disk(first / "data" / "accepted" / ".partial"):
        state = retrain()
        assert state.is_failed()
        assert "the disk is full" in state.message and "free room" in state.message
    assert remembered(first) == before and len(list(place.rglob("*.png"))) == 80
    shutil.rmtree(place)


def test_cancelling_it_in_prefect_ends_the_chain_in_it(first: Path, retrain: Retrain, prefect_url: str) -> None:
    before = promotion.served_version(first, "mine")

    def running(**which: Any) -> list[dict[str, Any]]:
        asked = {"flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}, **which.pop("flow_runs", {})}, **which}
        return list(ask(f"{prefect_url}/flow_runs/filter", **asked))

    def cancel() -> None:
        """Cancel the retraining as soon as the chain that it starts runs."""
        name = {"flows": {"name": {"any_": ["retrain"]}}}
        until(lambda: running(**name))
        (outer,) = running(**name)
        until(lambda: running(flow_runs={"parent_flow_run_id": {"any_": [outer["id"]]}}))
        cancelling = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
        ask(f"{prefect_url}/flow_runs/{outer['id']}/set_state", **cancelling)

    offer(first, seed=9, count=40)
    with ThreadPoolExecutor(1) as beside:
        cancelled = beside.submit(cancel)
        state = retrain(force=True)
        cancelled.result()
    assert state.is_cancelled() and "cancelled" in state.message
    assert last(first)["action"] == decisions.FAILED and promotion.served_version(first, "mine") == before
    assert retrain(force=True).is_completed()  # goes on where that one was


@pytest.mark.parametrize("trouble", ["staged", "no author", "detached"])
def test_a_git_that_cannot_be_used_is_said_before_any_work(
    first: Path, retrain: Retrain, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch = git(first, "branch", "--show-current")
    if trouble == "staged":
        (first / "mine.txt").write_text("the user's own")
        git(first, "add", "mine.txt")
    elif trouble == "no author":
        git(first, "config", "user.email", "")
        git(first, "config", "user.name", "")
    else:
        git(first, "switch", "--quiet", "--detach")
    try:
        state = retrain(commit=True)
        assert state.is_failed()
        said = {"staged": "mine.txt", "no author": "git var", "detached": "no branch"}[trouble]
        assert said in state.message and "without --commit" in state.message
        assert git(first, "diff", "--cached", "--name-only") == ("mine.txt" if trouble == "staged" else "")
    finally:
        git(first, "reset", "--quiet")
        git(first, "config", "user.email", "t@example.org")
        git(first, "config", "user.name", "t")
        git(first, "switch", "--quiet", branch)


# ---- schedules


def test_on_a_schedule_it_runs_and_ends_with_its_process(project_home: Path, prefect_home: Path) -> None:
    # Without a server of its own: as on a laptop.
    lock = evidence.lock(project_home, "mine")
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = locks.take(lock)
    assert held is not None
    process = start(project_home, "", prefect_home, "--cron", "0 3 * * *", PREFECT_RUNNER_POLL_FREQUENCY="1")
    try:
        assert "retrain: mine: '0 3 * * *', next at " in read_until(process, "next at")
        bring_forward(process)
        read_until(process, "waits for another retraining")  # for ever, unless something ends it
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 2, "the server and the flow"
        process.kill()
        process.wait()
        until(lambda: not any(child.is_running() and child.status() != "zombie" for child in family))
    finally:
        process.kill()
        process.wait()
        os.close(held)


def bring_forward(process: "subprocess.Popen[str]") -> None:
    """Let the next run of a flow that stays, on the temporary server that it has started, be due at once."""
    (server,) = [
        child for child in psutil.Process(process.pid).children() if "pipelines.server" in " ".join(child.cmdline())
    ]
    (port,) = {at.laddr.port for at in server.net_connections("tcp") if at.status == psutil.CONN_LISTEN}
    api = f"http://127.0.0.1:{port}/api"
    scheduled = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}, "sort": "EXPECTED_START_TIME_ASC"}

    def waiting() -> list[dict[str, Any]]:
        return list(ask(f"{api}/flow_runs/filter", **scheduled))

    until(lambda: bool(waiting()), 120)
    now = datetime.now(UTC).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": now}}
    ask(f"{api}/flow_runs/{waiting()[0]['id']}/set_state", state=state, force=True)


def test_a_schedule_that_is_none_is_one_line(first: Path, prefect_url: str, prefect_home: Path) -> None:
    process = start(first, prefect_url, prefect_home, "--cron", "every night")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "--cron: 'every night'" in said and "Traceback" not in said


def start(root: Path, url: str, home: Path, *words: str, **more: str) -> "subprocess.Popen[str]":
    # An empty address is none; without the variable, that of the tests' server would be inherited.
    settings = {"PREFECT_API_URL": url, "PREFECT_HOME": str(home), "PYTHONUNBUFFERED": "1", **more}
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.retrain", "mine", *words],
        cwd=root,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def read_until(process: "subprocess.Popen[str]", text: str) -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError("".join(lines))
