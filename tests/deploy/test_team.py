"""The team on real servers: PostgreSQL, S3, MLflow, Prefect with two workers, ended and restarted under load."""

import copy
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
import yaml

from chainrule.system.errors import ChainruleError
from deploy import postgres, s3, settings, supervisor
from deploy.piece import fetch
from deploy.pools import basic
from tiny_clone import environment
from waiting import free_port, until

pytestmark = pytest.mark.integration
RECIPES = {"digits": "chain/digits", "mine": "chain/all"}
"""Recipe -> the deployment that builds it here: one made for it, and the one that takes any."""
SECONDS = 480
"""The most that the two chains may take on a machine that does other things as well."""


class Team(NamedTuple):
    clone: Path
    folder: Path
    variables: dict[str, str]

    def run(self, *words: str, check: bool = True, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run a Python module in the clone as one of the team would."""
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.clone,
            env=environment(**self.variables | changes),
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert not check or done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done

    def command(self, word: str, *, check: bool = True) -> str:
        return self.run("deploy.team", word, "--folder", str(self.folder), check=check).stdout

    def prefect(self, path: str, content: object = None):
        """Ask the Prefect server."""
        auth = basic(self.variables["PREFECT_API_AUTH_STRING"])
        body = None if content is None else json.dumps(content).encode()
        address = f"{self.variables['PREFECT_API_URL']}/{path}"
        return json.loads(fetch(address, body, Authorization=auth, Content_Type="application/json") or "null")

    def prefect_wrong(self) -> bool:
        try:
            return self.prefect("ready") != {"message": "OK"}
        except OSError:
            return True

    def mlflow(self, path: str, **content: object):
        """Ask the MLflow server."""
        address = f"{self.variables['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/{path}"
        return json.loads(fetch(address, json.dumps(content).encode(), Content_Type="application/json"))

    def processes(self) -> list[psutil.Process]:
        return supervisor.marked(f"{self.folder}|")

    def pid(self, piece: str) -> int:
        return supervisor.state(self.folder)["pieces"][piece]["pid"]


@pytest.fixture(scope="module")
def stages(project) -> set[str]:
    return set(yaml.safe_load((project / "dvc.yaml").read_text())["stages"])


@pytest.fixture(scope="module")
def team(project, make_clone):
    """A team at work for a clone with two tiny recipes."""
    # PostgreSQL runs as a user of its own where we are root: pytest's folders are closed to it.
    folder = Path(tempfile.mkdtemp(prefix="chainrule-team-"))
    try:
        for build in (postgres.postgres, s3.s3):
            build(settings.Settings(project, folder, settings.PORTS, dict.fromkeys(settings.SECRETS, "unused")))
    except ChainruleError as missing:
        folder.rmdir()
        pytest.skip(str(missing))
    clone = make_clone()
    params = yaml.safe_load((clone / "params.yaml").read_text())
    params["recipes"] = {name: copy.deepcopy(params["recipes"]["mine"]) for name in RECIPES}
    (clone / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    ports = {name: str(free_port()) for name in settings.PORTS}
    made = Team(clone, folder, ports)
    try:
        made.command("start")
        lines = [line.removeprefix("export ").partition("=") for line in made.command("env").splitlines()]
        yield Team(clone, folder, ports | {name: text for name, _, text in lines})
    finally:
        made.command("stop", check=False)
        supervisor.end_marked(f"{folder}|")
        shutil.rmtree(folder)


def words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def state_of(team: Team, run: str) -> str:
    try:
        return team.prefect(f"flow_runs/{run}")["state"]["type"]
    except OSError:
        return "the server does not answer"


def test_everything_answers_and_a_second_start_changes_nothing(team):
    before = supervisor.state(team.folder)
    said = team.command("start")
    assert said.count(" answers ") == 7
    assert supervisor.state(team.folder) == before


def test_every_deployment_of_prefect_yaml_is_made(team):
    team.run("prefect", "--no-prompt", "deploy", "--all")
    flows = {flow["id"]: flow["name"] for flow in team.prefect("flows/filter", {})}
    made = {f"{flows[one['flow_id']]}/{one['name']}": one for one in team.prefect("deployments/filter", {})}
    declared = yaml.safe_load((team.clone / "prefect.yaml").read_text())["deployments"]
    names = {f"{one['entrypoint'].rpartition(':')[2]}/{one['name']}" for one in declared}
    assert set(made) == names
    for name, one in made.items():
        if name.startswith("tune/"):  # as many at once as there are workers
            assert one["global_concurrency_limit"] is None
        else:
            assert one["global_concurrency_limit"]["limit"] == 1
        elsewhere = name.endswith(("docker", "kubernetes"))
        assert not [schedule for schedule in one["schedules"] if schedule["active"] and elsewhere]
        place = "/project" if elsewhere else str(team.clone)
        assert one["pull_steps"] == [{"prefect.deployments.steps.set_working_directory": {"directory": place}}]


def test_two_chains_outlive_both_servers_and_the_database(team, stages):
    runs = {}
    for recipe, name in RECIPES.items():
        deployment = team.prefect(f"deployments/name/{name}")["id"]
        asked = {"parameters": {"recipes": [recipe]}}
        runs[recipe] = team.prefect(f"deployments/{deployment}/create_flow_run", asked)["id"]
    until(lambda: all(state_of(team, run) == "RUNNING" for run in runs.values()), SECONDS)
    # Each at work: Prefect's engine gives a slot up whose first renewal meets no server.
    until(lambda: all((team.clone / "data" / "raw" / recipe).exists() for recipe in RECIPES), SECONDS)

    details = [team.prefect(f"flow_runs/{run}")["state"]["state_details"] for run in runs.values()]
    slots = [one["deployment_concurrency_lease_id"] for one in details]

    killed = {name: team.pid(name) for name in ("mlflow", "prefect", "postgres")}
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)
    until(lambda: all(supervisor.state(team.folder)["pieces"][name]["restarts"] == 1 for name in killed))

    # A flow run whose slot the new server did not know would be ended at its next renewal, minutes from now.
    until(lambda: not team.prefect_wrong())
    assert [state_of(team, run) for run in runs.values()] == ["RUNNING"] * len(runs)
    for slot in slots:
        team.prefect(f"v2/concurrency_limits/leases/{slot}/renew", {"lease_duration": 300})

    ended = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
    until(lambda: all(state_of(team, run) in ended for run in runs.values()), SECONDS)
    states = {recipe: team.prefect(f"flow_runs/{run}")["state"] for recipe, run in runs.items()}
    assert [(state["type"], state["message"]) for state in states.values() if state["type"] != "COMPLETED"] == []

    for recipe in RECIPES:
        # The stages' runs and, above them, the chain's; what came late is still on its way.
        until(lambda recipe=recipe: statuses(team, recipe) == ["FINISHED"] * (len(stages) + 1))
        runs = [tags(run) for run in runs_of(team, recipe)]
        assert {run["chainrule.stage"] for run in runs if "mlflow.parentRunId" in run} == stages
        assert len({run["chainrule.chain"] for run in runs if "chainrule.chain" in run}) == 1
        versions = team.mlflow("registered-models/get-latest-versions", name=recipe)["model_versions"]
        assert [version["version"] for version in versions] == ["1"]


def statuses(team: Team, recipe: str) -> list[str]:
    return [run["info"]["status"] for run in runs_of(team, recipe)]


def runs_of(team: Team, recipe: str) -> list[dict]:
    experiments = team.mlflow("experiments/search", max_results=100)["experiments"]
    mine = [one["experiment_id"] for one in experiments if one["name"] == recipe]
    return team.mlflow("runs/search", experiment_ids=mine, max_results=100).get("runs", []) if mine else []


def tags(run: dict) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["data"].get("tags", [])}


def test_artifacts_and_models_lie_in_the_bucket(team):
    stored = {path.name for path in (team.folder / "s3" / "chainrule-mlflow").rglob("*") if path.is_file()}
    assert {"model.onnx", "SHA256SUMS", "report.html"} <= stored


def test_what_is_pushed_comes_back(team):
    team.run("dvc", "remote", "add", "--local", "--default", "team", "s3://chainrule-dvc")
    before = {recipe: digests(team.clone / "models" / "onnx" / recipe) for recipe in RECIPES}
    team.run("dvc", "push")
    for folder in ("models", "data/raw", "data/clean", "data/split", "data/augmented", ".dvc/cache"):
        shutil.rmtree(team.clone / folder)
    team.run("dvc", "pull")
    assert {recipe: digests(team.clone / "models" / "onnx" / recipe) for recipe in RECIPES} == before
    assert all(before.values())


def test_the_model_server_serves_what_is_promoted(team):
    team.run("chainrule.cli", "promote", "digits", "--below-floor", "--reason", "first")
    port, token = team.variables["TEAM_SERVE_PORT"], team.variables["CHAINRULE_TOKEN"]

    def served() -> dict[str, str]:
        answer = json.loads(fetch(f"http://127.0.0.1:{port}/models", None, Authorization=f"Bearer {token}"))
        return {one["name"]: one["version"] for one in answer}

    until(lambda: served().get("digits") == "1")


def test_stop_in_the_middle_of_a_flow_leaves_nothing(team):
    deployment = team.prefect("deployments/name/chain/all")["id"]
    asked = {"parameters": {"recipes": ["mine"], "force": True}}
    team.prefect(f"deployments/{deployment}/create_flow_run", asked)
    until(lambda: [process for process in team.processes() if "chainrule.stages" in words(process)], SECONDS)
    everything = team.processes()
    assert "everything is ended" in team.command("stop")
    assert not [process for process in everything if process.is_running()]
    assert team.processes() == []
    assert not [process for process in psutil.process_iter() if str(team.folder) in words(process)]
    for name in settings.PORTS:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(team.variables[name]))) != 0, f"{name} is still open"
