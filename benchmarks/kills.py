"""Random kills of everything that takes part in a flow: does the next run finish, and with the same figures?

Two recipes of 120 small images are built once, undisturbed. Then, --kills times: the stages of one or both recipes from
a random one on are made stale, a flow starts, and at a random moment one of its processes is killed: the flow itself,
the runner of its stages, the DVC of a stage, a stage, a child of a stage, the sender of its journal, the MLflow server,
the Prefect server (on every fifth turn the flow's own temporary one) or the worker that runs the flow. In three of four
turns a killed server is back while the first flow still runs. When the flow has ended and the servers are up, a second
flow runs to its end. SIGKILL for all; the flow also gets SIGTERM, SIGINT and SIGHUP by turns.

Targets: every following run completes; its metrics and the hashes of its outputs are those of the undisturbed build; no
process, held lock, journal that waits, open run in MLflow or open flow run in Prefect is left. Written after each kill.
"""

import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import flow_project
import psutil
import yaml
from flow_project import Server

from chainrule.runs import journal
from chainrule.system import locks

RECIPES = ["first", "second"]
VICTIMS = ("flow", "runner", "dvc", "stage", "child", "sender", "mlflow", "prefect", "worker")
SOFT = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LONGEST = 300.0
"""Seconds in which a flow must end."""
LEFT_SECONDS = 30.0
"""Seconds in which everything must be gone after a flow; the sender may use ten to tell MLflow the rest."""


@dataclass
class Setting:
    """What the kills happen in."""

    root: Path
    log: Path
    mlflow: Server
    mlflow_url: str
    prefect: Server
    prefect_url: str
    home: Path
    worker: Server

    def start_by_worker(self) -> subprocess.Popen[bytes]:
        """Start the worker and ask for a flow; what is returned waits for the flow run."""
        self.worker.up()
        with open(self.log, "ab") as log:
            command = [sys.executable, "-m", "prefect", "deployment", "run", "chain/all", "--watch"]
            return subprocess.Popen(command, env=self.worker.environment, cwd="/", stdout=log, stderr=log)

    def start(self, own_server: bool) -> subprocess.Popen[bytes]:
        """Start a flow, with the Prefect server or with a temporary one of its own."""
        variables = {"MLFLOW_TRACKING_URI": self.mlflow_url, "PREFECT_HOME": str(self.home / "alone")}
        if not own_server:
            variables["PREFECT_API_URL"] = self.prefect_url
        # Not the machine's: other flows on it would hold the cores.
        variables["TMPDIR"] = str(self.root.parent)
        return flow_project.start_flow(self.root, self.log, **variables)


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    at_start = common.machine()
    flow_project.leave_in_order()
    chance = random.Random(options.seed)
    rows: list[dict[str, Any]] = []
    with common.temporary_folder() as folder:
        root = flow_project.tiny_project(folder / "project", RECIPES)
        with (
            flow_project.prefect_server(folder) as (prefect, prefect_url),
            flow_project.mlflow_server(folder) as (mlflow, mlflow_url),
        ):
            worker = flow_project.worker(root, prefect_url, MLFLOW_TRACKING_URI=mlflow_url, TMPDIR=str(folder))
            at = Setting(
                root, folder / "flow.log", mlflow, mlflow_url, prefect, prefect_url, folder / "prefect", worker
            )
            began = time.perf_counter()
            if at.start(False).wait(LONGEST) != 0:
                common.stop(f"the undisturbed build failed:\n{at.log.read_text()[-3000:]}")
            undisturbed = time.perf_counter() - began
            wanted = results(root)
            stages = chain_of(root)
            print(f"undisturbed build of {len(wanted)} files and hashes: {undisturbed:.1f} s", flush=True)
            for number in range(options.kills):
                rows.append(turn(at, chance, number, stages, undisturbed, wanted))
                print(f"{number + 1:4d} {rows[-1]}", flush=True)
                kept = {"kills": options.kills, "seed": options.seed, "recipes": len(RECIPES)}
                common.write_result(options.results, "kills", at_start, kept, summary(rows, undisturbed))


def summary(rows: list[dict[str, Any]], undisturbed: float) -> dict[str, Any]:
    """Return the figures of the kills so far."""
    figures: dict[str, Any] = {
        "undisturbed_seconds": round(undisturbed, 2),
        "kills": sum(row["victim"] is not None for row in rows),
        "by_victim": {name: sum(row["victim"] == name for row in rows) for name in VICTIMS},
    }
    bad = ("next_failed", "differing", "processes", "held_locks", "journals", "open_mlflow_runs", "open_flow_runs")
    figures["targets"] = {
        name: common.target(name, sum(bool(row[name]) for row in rows), "<=", 0, " kills") for name in bad
    }
    return figures | {"rows": rows}


def chain_of(root: Path) -> list[str]:
    """Return the names of the stages in the order in which dvc.yaml has them."""
    return list(yaml.safe_load((root / "dvc.yaml").read_text())["stages"])


def results(root: Path) -> dict[str, Any]:
    """Return what two builds must have in common: every output's hash in dvc.lock, and the metrics."""
    lock = yaml.safe_load((root / "dvc.lock").read_text())["stages"]
    found: dict[str, Any] = {}
    for address, stage in lock.items():
        for item in stage.get("outs", []):
            found[f"{address} {item['path']}"] = item.get("md5")
    for path in root.glob("reports/*/metrics.json"):
        found[str(path.relative_to(root))] = common.read_json(path)
    return found


def turn(
    at: Setting, chance: random.Random, number: int, stages: list[str], undisturbed: float, wanted: dict[str, Any]
) -> dict[str, Any]:
    """Make stages stale, kill something of the flow that builds them, run the next flow, and look what is left."""
    at.mlflow.up()
    at.prefect.up()
    share = make_stale(at.root, chance, stages)
    victim = chance.choice(VICTIMS)
    own_server = number % 5 == 4 and victim != "worker"
    number_of_signal = chance.choice(SOFT) if victim == "flow" else signal.SIGKILL
    # From the start of the flow to about its end.
    slow_start = 5.0 if own_server or victim == "worker" else 0.0
    moment = chance.uniform(0.0, 1.5 + slow_start + share * undisturbed)
    began = time.perf_counter()
    flow = at.start_by_worker() if victim == "worker" else at.start(own_server)
    killed = strike(at, flow, victim, number_of_signal, moment, own_server)
    struck = time.perf_counter() - began
    back = chance.random() < 0.75  # a service manager would start a server again while the flow goes on
    if back:
        at.mlflow.up()
        at.prefect.up()
    row: dict[str, Any] = {
        "victim": victim if killed else None,
        "process": killed,
        "signal": number_of_signal.name,
        "second": round(struck, 2),
        "stale_share": round(share, 2),
        "own_server": own_server,
        "servers_back_at_once": back,
        "first_code": None if victim == "worker" and killed else ended(flow),
    }
    row["left_by_first"] = left(at.root)
    if victim == "worker":
        flow.kill()  # nobody tells it that the flow run has ended with its worker
        flow.wait()
        at.worker.kill()
    at.mlflow.up()
    at.prefect.up()
    began = time.perf_counter()
    code = ended(at.start(False))
    found = results(at.root) if code == 0 else {}
    return row | {
        "next_code": code,
        "next_failed": code != 0,
        "next_seconds": round(time.perf_counter() - began, 2),
        "differing": [name for name in wanted | found if wanted.get(name) != found.get(name)] if code == 0 else [],
        "processes": row["left_by_first"] + left(at.root),
        "held_locks": [path.name for path in (at.root / ".chainrule/locks").glob("*") if locks.is_held(path)],
        "journals": [path.name for path in journal.journals(at.root)],
        "open_mlflow_runs": open_mlflow_runs(at.mlflow_url),
        "open_flow_runs": open_flow_runs(at.prefect_url),
        "said": "" if code == 0 else at.log.read_text()[-1500:],
    }


def make_stale(root: Path, chance: random.Random, stages: list[str]) -> float:
    """Forget what DVC and checkpoints know of one or both recipes from a random stage on; return the stale share."""
    path = root / "dvc.lock"
    lock = yaml.safe_load(path.read_text())
    gone = 0
    for recipe in chance.choice([[RECIPES[0]], [RECIPES[1]], RECIPES]):
        first = max(chance.randrange(len(stages)), chance.randrange(len(stages)))  # rather short chains
        for stage in stages[first:]:
            gone += lock["stages"].pop(f"{stage}@{recipe}", None) is not None
    path.write_text(yaml.safe_dump(lock, sort_keys=False))
    shutil.rmtree(root / ".dvc" / "cache" / "runs", ignore_errors=True)
    shutil.rmtree(root / ".chainrule" / "checkpoints", ignore_errors=True)
    return gone / (len(stages) * len(RECIPES))


def strike(
    at: Setting,
    flow: subprocess.Popen[bytes],
    victim: str,
    number: signal.Signals,
    moment: float,
    own_server: bool,
) -> str | None:
    """Wait for the moment, then for a process of the kind to be there, and kill it; None if the flow ended before."""
    deadline = time.monotonic() + moment
    while time.monotonic() < deadline and flow.poll() is None:
        time.sleep(0.01)
    while flow.poll() is None:
        if victim == "mlflow":
            at.mlflow.kill()
            return "mlflow server"
        if victim == "prefect" and not own_server:
            at.prefect.kill()
            return "prefect server"
        if victim == "worker" and flow_project.processes_below(at.root):
            at.worker.kill(group=False)
            return "prefect worker"
        found = [] if victim == "worker" else candidates(flow.pid, at.root, victim)
        if found:
            what = " ".join(found[0].cmdline()[1:5])
            try:
                found[0].send_signal(number)
            except psutil.NoSuchProcess:
                continue
            return what
        time.sleep(0.02)
    return None


def candidates(flow: int, root: Path, victim: str) -> list[psutil.Process]:
    """Return the processes of a flow that are of a kind."""
    if victim == "flow":
        return [psutil.Process(flow)]
    found = []
    for process in flow_project.processes_below(root):
        try:
            words, parent = process.cmdline(), process.parent()
            above = parent.cmdline() if parent is not None else []
        except psutil.Error:
            continue
        is_runner = "pipelines.dvc_runner" in words
        kind = {
            "runner": is_runner and "pipelines.dvc_runner" not in above,
            "dvc": is_runner and "pipelines.dvc_runner" in above,
            "stage": any(word.startswith("chainrule.stages.") for word in words),
            # What a stage starts lives for moments (git, compilers); without one the stage's own DVC must do.
            "child": any(word.startswith("chainrule.stages.") for word in above),
            "sender": "--follow" in words,
            "prefect": "pipelines.server" in words,
        }
        if kind[victim]:
            found.append(process)
    return found


def ended(flow: subprocess.Popen[bytes]) -> int | None:
    """Wait for a flow and return its exit code; None if it had to be killed because it hung."""
    try:
        return flow.wait(LONGEST)
    except subprocess.TimeoutExpired:
        flow.kill()
        flow.wait()
        return None


def left(root: Path) -> list[str]:
    """Return the processes that work in the project longer than they may after a flow."""
    deadline = time.monotonic() + LEFT_SECONDS
    while (found := flow_project.processes_below(root)) and time.monotonic() < deadline:
        time.sleep(0.05)
    names = []
    for process in found:
        try:
            names.append(" ".join(process.cmdline()[:6]))
        except psutil.NoSuchProcess:
            continue
    return names


def open_mlflow_runs(url: str) -> list[str]:
    """Return the runs that MLflow believes to be going on."""
    api = f"{url}/api/2.0/mlflow"
    experiments = flow_project.ask(f"{api}/experiments/search", {"max_results": 100}).get("experiments", [])
    query = {
        "experiment_ids": [item["experiment_id"] for item in experiments],
        "filter": "attributes.status = 'RUNNING'",
        "max_results": 100,
    }
    return [run["info"]["run_name"] for run in flow_project.ask(f"{api}/runs/search", query).get("runs", [])]


def open_flow_runs(url: str) -> list[str]:
    """Return the flow runs that Prefect believes to be going on."""
    states = {"any_": ["RUNNING", "CANCELLING", "PENDING"]}
    query = {"flow_runs": {"state": {"type": states}}}
    return [run["name"] for run in flow_project.ask(f"{url}/flow_runs/filter", query)]


if __name__ == "__main__":
    main()
