"""The flow of the chain: real Prefect, real DVC, quick stages."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from chainrule.runs import journal
from chainrule.system import locks
from flow_process import Flow, below
from pipelines.chain import failure, may_pass
from pipelines.flow_runs import MARK
from prefect_asked import ask
from waiting import until

Start = Callable[..., Flow]


@pytest.fixture
def root(pristine: Path, tmp_path: Path) -> Path:
    """A project whose stages never ran."""
    return Path(shutil.copytree(pristine, tmp_path / "project", symlinks=True))


@pytest.fixture(scope="module")
def built(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose stages one `dvc repro` ran."""
    folder = Path(shutil.copytree(pristine, tmp_path_factory.mktemp("built") / "project", symlinks=True))
    repro(folder)
    return folder


@pytest.fixture
def fresh(built: Path, tmp_path: Path) -> Path:
    """A project where nothing is stale."""
    folder = Path(shutil.copytree(built, tmp_path / "project", symlinks=True))
    (folder / "control" / "begun").unlink()
    return folder


def repro(folder: Path) -> None:
    from tiny_clone import environment

    command = [sys.executable, "-m", "dvc", "repro", "-q"]
    subprocess.run(command, cwd=folder, check=True, env=environment(TMPDIR=str(folder.parent)))


def order(root: Path, stage: str, text: str) -> None:
    (root / "control" / stage).write_text(text)


def begun(root: Path) -> list[str]:
    path = root / "control" / "begun"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def change(root: Path, recipe: str = "digits") -> None:
    """Make the first stage of a recipe stale."""
    (root / "source" / recipe).write_text("changed")


def api(url: str, path: str, **query: Any) -> Any:
    return ask(f"{url}/{path}/filter", **query)


def flow_run(url: str, run: Flow) -> dict[str, Any]:
    """The flow run of a flow, as the server has it."""
    mark = f"{MARK}{socket.gethostname()}:{run.popen.pid}:"
    found: list[dict[str, Any]] = api(url, "flow_runs", flows={"name": {"any_": ["chain"]}}, sort="START_TIME_DESC")
    return next(each for each in found if any(tag.startswith(mark) for tag in each["tags"]))


def mlflow_states(root: Path) -> list[str]:
    with sqlite3.connect(root / "mlflow.db") as store:
        return [row[0] for row in store.execute("select status from runs order by start_time")]


def nothing_is_left(root: Path) -> None:
    """No process, no held lock, no journal that waits, no open run."""
    until(lambda: not below(root))
    held = [path.name for path in (root / ".chainrule" / "locks").glob("*") if locks.is_held(path)]
    assert held == []
    assert journal.journals(root) == []
    assert "RUNNING" not in mlflow_states(root)


def test_only_what_is_stale_runs_and_what_comes_out_the_same_stops_there(
    fresh: Path, flow: Start, prefect_url: str
) -> None:
    change(fresh)
    run = flow(fresh, "digits", "reviews")
    assert run.code() == 0, run.output()
    assert begun(fresh) == ["first@digits", "second@digits"]  # `second` wrote what it had written before
    found = flow_run(prefect_url, run)
    assert (found["state"]["type"], found["name"]) == ("COMPLETED", "chain-digits-reviews")
    tasks = api(prefect_url, "task_runs", flow_runs={"id": {"any_": [found["id"]]}})
    assert {task["name"]: task["state"]["name"] for task in tasks} == {
        "first@digits": "Ran",
        "second@digits": "Ran",
        "finetune@digits": "Unchanged",
    }
    logs = [line["message"] for line in api(prefect_url, "logs", logs={"flow_run_id": {"any_": [found["id"]]}})]
    assert "> python quick.py second digits" in logs
    artifacts = api(prefect_url, "artifacts", flow_runs={"id": {"any_": [found["id"]]}})
    page = next(item["data"] for item in artifacts if item["key"] == "digits-chain")
    with sqlite3.connect(fresh / "mlflow.db") as store:
        chain = found["name"] + "-" + found["id"][:8]
        runs = store.execute("select run_uuid from tags where key = 'chainrule.chain' and value = ?", [chain])
        assert runs.fetchone()[0] in page
    again = flow(fresh)
    assert again.code() == 0
    assert again.output().splitlines()[-1] == "chain: nothing is stale in any recipe"
    nothing_is_left(fresh)


def test_without_a_server_the_outputs_are_those_of_dvc_repro_and_the_temporary_server_ends(
    root: Path, built: Path, flow: Start
) -> None:
    run = flow(root, PREFECT_API_URL="")
    assert run.code() == 0, run.output()
    mine, its = (yaml.safe_load((folder / "dvc.lock").read_text()) for folder in (root, built))
    assert mine == its
    assert "Error logging to API" not in run.output()
    nothing_is_left(root)


def test_independent_stages_run_side_by_side_and_trainings_one_after_the_other(root: Path, flow: Start) -> None:
    for stage in ("first@digits", "first@reviews", "finetune@digits", "finetune@reviews"):
        order(root, stage, "wait")
    run = flow(root, "--cores", "2")
    until(lambda: sorted(begun(root)) == ["first@digits", "first@reviews"])  # neither has ended
    (root / "control" / "go").touch()
    until(lambda: len(begun(root)) >= 4)
    assert run.code() == 0, run.output()
    lines = (root / "control" / "begun").read_text().splitlines()
    assert all(line.split()[3] == ("2" if line.startswith("finetune") else "1") for line in lines)
    assert "waits for" not in run.output()  # the budget kept the second training back


def test_what_may_pass_is_tried_again_and_what_cannot_is_not(fresh: Path, flow: Start, prefect_url: str) -> None:
    change(fresh, "digits")
    change(fresh, "reviews")
    order(fresh, "first@digits", "once kill")
    order(fresh, "first@reviews", "fail row 7 has no label; give it one")
    run = flow(fresh)
    assert run.code() == 1
    assert begun(fresh).count("first@digits") == 2  # killed, then well
    assert begun(fresh).count("first@reviews") == 1  # its own message: it would be the same again
    assert "second@digits" in begun(fresh) and "second@reviews" not in begun(fresh)
    last = run.output().splitlines()[-1]
    assert last.startswith("chain: first@reviews: row 7 has no label; give it one (")
    assert "Traceback" not in run.output()
    found = flow_run(prefect_url, run)
    assert found["state"]["type"] == "FAILED" and "row 7 has no label" in found["state"]["message"]
    (fresh / "control" / "first@reviews").unlink()
    assert flow(fresh).code() == 0
    nothing_is_left(fresh)


def test_all_mistakes_in_the_params_are_shown_before_any_work(root: Path, flow: Start) -> None:
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["recipes"]["digits"]["seed"] = "seven"
    params["recipes"]["reviews"]["task"] = "text_clasification"
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    run = flow(root)
    assert run.code() == 2
    assert "recipes.digits.seed" in run.output() and "recipes.reviews.task" in run.output()
    assert begun(root) == []


def test_a_recipe_that_is_not_there_is_named(root: Path, flow: Start) -> None:
    run = flow(root, "digit")
    assert run.code() == 1
    assert run.output().strip() == "chain: params.yaml has no recipe digit; it has digits, reviews"


@pytest.mark.parametrize(
    ("number", "code", "state"),
    [
        (signal.SIGINT, 130, "CRASHED"),
        (signal.SIGTERM, 143, "CRASHED"),
        (signal.SIGHUP, 143, "CRASHED"),
        (signal.SIGKILL, -signal.SIGKILL, "RUNNING"),
    ],
)
def test_however_the_flow_ends_its_processes_end_and_the_next_one_finishes(
    number: signal.Signals, code: int, state: str, fresh: Path, flow: Start, prefect_url: str
) -> None:
    change(fresh)
    order(fresh, "first@digits", "child\nwait")
    run = flow(fresh)
    run.waits_for("first@digits: child")
    found = below(fresh)
    assert any("sleep" in process.name() for process in found)
    run.popen.send_signal(number)
    assert run.code() == code, run.output()
    until(lambda: not [process for process in found if process.is_running() and process.name() == "sleep"])
    nothing_is_left(fresh)
    assert mlflow_states(fresh)[-1] in ("KILLED", "FAILED")
    assert flow_run(prefect_url, run)["state"]["type"] == state
    assert not (fresh / "data" / "first" / "digits").exists()  # DVC took the old one away, the new one was not done
    (fresh / "control" / "first@digits").unlink()
    again = flow(fresh)
    assert again.code() == 0, again.output()
    assert (fresh / "data" / "first" / "digits").read_text() == "changed"
    assert flow_run(prefect_url, run)["state"]["type"] == "CRASHED"
    nothing_is_left(fresh)


def test_a_killed_flow_takes_its_temporary_server_along(fresh: Path, flow: Start) -> None:
    change(fresh)
    order(fresh, "first@digits", "wait")
    run = flow(fresh, PREFECT_API_URL="")
    run.waits_for("> python quick.py first digits")
    assert any("pipelines.server" in process.cmdline() for process in below(fresh))
    run.popen.kill()
    run.code()
    nothing_is_left(fresh)


def test_a_flow_ends_with_its_temporary_server_and_the_next_one_finishes(fresh: Path, flow: Start) -> None:
    change(fresh)
    order(fresh, "first@digits", "wait")
    run = flow(fresh, PREFECT_API_URL="")
    run.waits_for("> python quick.py first digits")
    (server,) = [process for process in below(fresh) if "pipelines.server" in process.cmdline()]
    server.kill()
    assert run.popen.wait(timeout=120) == 1
    assert "temporary server ended early" in run.output()
    nothing_is_left(fresh)
    (fresh / "control" / "go").touch()
    assert flow(fresh, PREFECT_API_URL="").code() == 0


def test_cancelling_in_prefect_ends_the_flow(fresh: Path, flow: Start, prefect_url: str) -> None:
    change(fresh)
    order(fresh, "first@digits", "child\nwait")
    run = flow(fresh)
    run.waits_for("first@digits: child")
    found = flow_run(prefect_url, run)
    cancelling = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
    ask(f"{prefect_url}/flow_runs/{found['id']}/set_state", **cancelling)
    assert run.code() == 3, run.output()
    assert flow_run(prefect_url, run)["state"]["type"] == "CANCELLED"
    nothing_is_left(fresh)


def test_a_killed_runner_ends_its_stages_and_the_flow_says_so(fresh: Path, flow: Start) -> None:
    change(fresh)
    order(fresh, "first@digits", "child\nwait")
    run = flow(fresh, "--retries", "0")
    run.waits_for("first@digits: child")
    leader = next(process for process in run_children(run) if "pipelines.dvc_runner" in process.cmdline())
    os.kill(leader.pid, signal.SIGKILL)
    assert run.code() == 1
    assert run.output().splitlines()[-1].startswith("chain: ")
    nothing_is_left(fresh)


def run_children(run: Flow) -> list[Any]:
    import psutil

    return psutil.Process(run.popen.pid).children()


def test_a_prefect_server_that_is_away_is_named(fresh: Path, flow: Start) -> None:
    change(fresh)
    run = flow(fresh, PREFECT_API_URL="http://127.0.0.1:9/api")
    assert run.code() == 1
    assert run.output().startswith("chain: PREFECT_API_URL is http://127.0.0.1:9/api, and nothing answers there (")
    assert "Traceback" not in run.output() and begun(fresh) == []


def test_a_half_written_list_of_locks_is_no_obstacle(fresh: Path, flow: Start) -> None:
    (fresh / ".dvc" / "tmp" / "rwlock").write_text('{"read": {"da')
    change(fresh)
    assert flow(fresh).code() == 0


# which failures may pass, and what is said of them


@pytest.mark.parametrize(
    ("code", "lines", "passes", "said"),
    [
        (1, ["first@d: row 7 has no label"], False, "first@d: row 7 has no label"),
        (2, ["first@d: 2 mistakes in params.yaml"], False, "first@d: 2 mistakes in params.yaml"),
        (1, ["Traceback (most recent call last):", "OSError: No space left on device"], True, "OSError: No space left"),
        (137, ["first@d: epoch 3"], True, "was killed (signal 9)"),
        (75, ["'data' is busy, it is being blocked by"], True, "another DVC works on its files"),
        (1, [], False, "exit code 1"),
    ],
)
def test_a_failure_is_judged_and_told(code: int, lines: list[str], passes: bool, said: str) -> None:
    assert may_pass(code, lines) is passes
    assert said in failure("first@d", code, lines)
