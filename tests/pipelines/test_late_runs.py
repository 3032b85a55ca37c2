"""Schedules on a real Prefect server: what was due while nobody was there is skipped; of two due at once, one waits."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

import retrain_project
from chainrule.release import promotion
from chainrule.retraining import decisions, evidence
from chainrule.system import locks
from deploy.pools import PROCESS_POOL, make_pools
from prefect_asked import ask
from tiny_clone import environment
from waiting import until

HOURS = 4
"""So many runs were missed, one an hour."""
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def _time(run: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(run["expected_start_time"])


class Prefect(NamedTuple):
    """The server, and a project that flows run in."""

    url: str
    home: Path
    root: Path

    def ask(self, path: str, **content: Any) -> Any:
        return ask(f"{self.url}/{path}", **content)

    def deployments(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("deployments/filter", deployments={"name": {"any_": [name]}})
        return found

    def runs(self, ids: list[str]) -> list[dict[str, Any]]:
        """These flow runs, what was to start first as first."""
        runs: list[dict[str, Any]] = self.ask("flow_runs/filter", flow_runs={"id": {"any_": ids}})
        return sorted(runs, key=lambda run: str(run["expected_start_time"]))

    def schedule(self, deployment: str, hours: int) -> list[str]:
        """Let Prefect's scheduler make the deployment's runs of the last hours, as it did while nobody was there."""
        now = datetime.now(UTC)
        before = {run["id"] for run in self.of(deployment)}
        window = {"start_time": (now - timedelta(hours=hours, minutes=30)).isoformat(), "end_time": now.isoformat()}
        self.ask(f"deployments/{deployment}/schedule", **window, min_runs=hours + 1)
        # Meanwhile Prefect may have made those to come as well.
        due = [run for run in self.of(deployment) if run["id"] not in before and _time(run) <= now]
        return [run["id"] for run in due]

    def of(self, deployment: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("flow_runs/filter", flow_runs={"deployment_id": {"any_": [deployment]}})
        return found

    @contextlib.contextmanager
    def process(self, *words: str, **variables: str) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
        """Run a Python module in the project for the block; then end it and what it started. Gives its output, too."""
        settings = {"PREFECT_API_URL": self.url, "PREFECT_HOME": str(self.home), "PYTHONUNBUFFERED": "1"}
        path = os.pathsep.join([str(self.root), str(self.root / "src")])
        log = self.root / f"{words[0]}-{datetime.now(UTC):%H%M%S%f}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *words],
                cwd=self.root,
                env=environment(**settings, PYTHONPATH=path, **variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield process, log
        except BaseException:
            print(log.read_text()[-8000:])
            raise
        finally:
            process.send_signal(signal.SIGKILL)  # what it started ends with it
            process.wait()


@pytest.fixture(scope="module")
def prefect(
    prefect_url: str, prefect_home: Path, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prefect]:
    root = retrain_project.make(project, tmp_path_factory.mktemp("late") / "project")
    made = Prefect(prefect_url, prefect_home, root)
    before = {each["id"] for each in made.ask("deployments/filter")}
    yield made
    for each in made.ask("deployments/filter"):
        if each["id"] not in before:
            ask(f"{prefect_url}/deployments/{each['id']}", "DELETE")


def hourly() -> str:
    """A schedule that is due once an hour, for the last time less than a minute ago."""
    return f"{datetime.now(UTC).minute} * * * *"


def wait_until_ended(prefect: Prefect, process: "subprocess.Popen[bytes]", ids: list[str]) -> list[dict[str, Any]]:
    until(lambda: process.poll() is not None or all(run["state_type"] in ENDED for run in prefect.runs(ids)), 240)
    assert process.poll() is None
    return prefect.runs(ids)


def check_skipped(runs: list[dict[str, Any]]) -> None:
    """Every run but the last was skipped and says why; the last did its work."""
    *late, due = runs
    assert len(late) == HOURS and all(run["auto_scheduled"] for run in runs)
    for number, run in enumerate(late):
        assert run["state"]["name"] == "Skipped" and run["state_type"] == "COMPLETED", run["state"]
        minutes = 60 * (HOURS - number)
        assert any(f"mine: {minutes + more} minutes late, 15 allowed" in run["state"]["message"] for more in range(4))
    # One process of Prefect's said so for all of them: what was due did not have to wait for a process each.
    assert [run["run_count"] for run in late] == [1] + [0] * (HOURS - 1)
    assert (due["state"]["name"], due["state_type"]) == ("Completed", "COMPLETED"), due["state"]


def test_served_again_after_a_pause_it_skips_what_was_missed_and_does_what_is_due(prefect: Prefect) -> None:
    words = ("pipelines.retrain", "mine", "--cron", hourly())
    with prefect.process(*words):
        until(lambda: len(prefect.deployments("mine-schedule")) == 1, 120)
    (deployment,) = prefect.deployments("mine-schedule")
    ids = prefect.schedule(deployment["id"], HOURS)
    with prefect.process(*words, PREFECT_RUNNER_POLL_FREQUENCY="1") as (process, _):
        runs = wait_until_ended(prefect, process, ids)
    check_skipped(runs)
    # A run that was made up for would have trained and promoted: there was no champion yet.
    (decided,) = decisions.read(prefect.root, "mine")
    assert (decided["action"], decided["flow_run"]) == ("promoted", runs[-1]["id"])
    assert promotion.served_version(prefect.root, "mine") == "1"


def deploy(prefect: Prefect, project: Path, *names: str) -> dict[str, str]:
    """Make prefect.yaml's deployment of `retrain` for the project's recipe, under each of these names; return ids."""
    content = yaml.safe_load((project / "prefect.yaml").read_text())
    theirs = next(each for each in content["deployments"] if each["entrypoint"] == "pipelines/retrain.py:retrain")
    assert theirs["schedules"]
    mine = theirs | {"parameters": {"recipe": "mine"}, "schedules": [{"cron": hourly(), "timezone": "UTC"}]}
    content = {"name": content["name"], "deployments": [mine | {"name": name} for name in names]}
    (prefect.root / "prefect.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    make_pools(prefect.url, None)
    with prefect.process("prefect", "--no-prompt", "deploy", "--all") as (process, log):
        assert process.wait(120) == 0, log.read_text()
    return {name: prefect.deployments(name)[0]["id"] for name in names}


WORKER = ("prefect", "worker", "start", "--pool", PROCESS_POOL, "--type", "process", "--limit")


def test_a_worker_that_comes_back_skips_what_was_missed_and_does_what_is_due(prefect: Prefect, project: Path) -> None:
    deployment = deploy(prefect, project, "mine-late")["mine-late"]
    ids = prefect.schedule(deployment, HOURS)
    retrain_project.write_images(prefect.root / "data" / "incoming" / "mine", seed=1, count=3)
    before = len(decisions.read(prefect.root, "mine"))
    with prefect.process(*WORKER, "1", PREFECT_WORKER_QUERY_SECONDS="1") as (process, _):
        runs = wait_until_ended(prefect, process, ids)
    check_skipped(runs)
    (decided,) = decisions.read(prefect.root, "mine")[before:]
    assert (decided["rows"], decided["flow_run"]) == (6, runs[-1]["id"])


def test_of_two_deployments_that_are_due_at_once_one_waits(prefect: Prefect, project: Path) -> None:
    deployments = deploy(prefect, project, "mine-one", "mine-other").values()
    ids = [run for deployment in deployments for run in prefect.schedule(deployment, 0)]
    assert len(ids) == 2
    before = len(decisions.read(prefect.root, "mine"))
    held = locks.take(evidence.lock(prefect.root, "mine"))
    assert held is not None
    with prefect.process(*WORKER, "2", PREFECT_WORKER_QUERY_SECONDS="1") as (process, log):
        try:
            # Both run, each in a process of its own.
            until(lambda: log.read_text().count("waits for another retraining") == 2, 120)
        finally:
            os.close(held)
        runs = wait_until_ended(prefect, process, ids)
    assert {run["state"]["name"] for run in runs} == {"Completed"}
    assert {each["flow_run"] for each in decisions.read(prefect.root, "mine")[before:]} == set(ids)
    spans = [span(prefect, run) for run in ids]
    first, second = sorted(spans)
    assert first[1] <= second[0]


def span(prefect: Prefect, run: str) -> tuple[str, str]:
    """When the flow run's first step began and its last one ended."""
    steps = prefect.ask("task_runs/filter", flow_runs={"id": {"any_": [run]}})
    assert {step["name"] for step in steps} >= {"champion", "intake"}
    return min(step["start_time"] for step in steps), max(step["end_time"] for step in steps)
