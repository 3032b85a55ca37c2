"""What a flow adds to its stages' own time, and two recipes through a flow against a serial `dvc repro`.

A stage's own time is that of its process, from the shell that DVC starts to its end; all else is what the flow adds:
Python and Prefect start, DVC says what is stale, locks, hashes and caches, the artifacts are made, Prefect hears of
everything. Flows of one stage and of a whole chain, in which no two stages run at once, give the part per flow and the
part per stage. By turns, --repeats times each, with a Prefect server that runs and without one.

Then two recipes are built by `dvc repro` and by the flow, by turns (--pairs), from nothing, on the same machine. By
default they have 120 small images each; --full takes the project's own recipes at full size (minutes).

Targets: at most 2 s per flow with a Prefect server, 7 s without, 0.7 s per stage; two recipes in at most 1.05 times the
time of `dvc repro`; the same outputs.
"""

import shutil
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import common
import flow_project
import yaml

TIMER = """#!/bin/bash
began=$EPOCHREALTIME
/bin/bash "$@"
code=$?
echo "$DVC_STAGE $began $EPOCHREALTIME" >> "$STAGE_TIMES"
exit $code
"""


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=2, help="builds of two recipes, each way")
    parser.add_argument("--full", action="store_true", help="the project's own recipes instead of tiny ones")
    options = parser.parse_args()
    at_start = common.machine()
    flow_project.leave_in_order()
    with common.temporary_folder() as folder:
        timer = folder / "timer"
        timer.write_text(TIMER)
        timer.chmod(0o755)
        tiny = flow_project.tiny_project(folder / "tiny", ["first", "second"])
        with flow_project.prefect_server(folder) as (_, url):
            served = {"PREFECT_API_URL": url, "PREFECT_HOME": str(folder / "prefect"), "SHELL": str(timer)}
            alone = {"PREFECT_HOME": str(folder / "prefect_alone"), "SHELL": str(timer)}
            figures: dict[str, Any] = overhead(tiny, served, alone, options.repeats)
            print(
                {name: figures[name] for name in ("per_flow_with_server", "per_flow_without", "per_stage")}, flush=True
            )
            pair = tiny
            if options.full:
                pair = flow_project.copy(folder / "full")
                flow_project.commit(pair)
            figures["two_recipes"] = against_repro(pair, served, options.pairs)
    figures["targets"] = {
        "per_flow_with_server": common.target("per flow, server up", figures["per_flow_with_server"], "<=", 2, " s"),
        "per_flow_without": common.target("per flow, no server", figures["per_flow_without"], "<=", 7, " s"),
        "per_stage": common.target("per stage", figures["per_stage"], "<=", 0.7, " s"),
        "two_recipes": common.target("flow against dvc repro", figures["two_recipes"]["ratio"], "<=", 1.05, "x"),
        "differing": common.target("outputs that differ", len(figures["two_recipes"]["differing"]), "<=", 0),
    }
    kept = {"repeats": options.repeats, "pairs": options.pairs, "full": options.full}
    common.write_result(options.results, "flows_full" if options.full else "flows", at_start, kept, figures)


def overhead(root: Path, served: dict[str, str], alone: dict[str, str], repeats: int) -> dict[str, Any]:
    """Return seconds added per flow, with a server and without, and per stage, and those of a flow with nothing to do.

    The first build is not counted.
    """
    run(root, served, "first")
    stages = list(yaml.safe_load((root / "dvc.yaml").read_text())["stages"])
    one: list[float] = []
    without: list[float] = []
    whole: list[float] = []
    nothing: list[float] = []
    for _ in range(repeats):
        forget(root, ["export@first"])
        one.append(added(run(root, served, "first")))
        whole.append(added(run(root, served, "first", "--force")))
        forget(root, ["export@first"])
        without.append(added(run(root, alone, "first")))
        nothing.append(added(run(root, served, "first")))
    per_stage = (statistics.median(whole) - statistics.median(one)) / (len(stages) - 1)
    return {
        "stages": len(stages),
        "added_to_one_stage": common.spread(one),
        "added_to_one_stage_without_server": common.spread(without),
        "added_to_whole_chain": common.spread(whole),
        "nothing_stale_seconds": common.spread(nothing),
        "per_stage": round(per_stage, 3),
        "per_flow_with_server": round(statistics.median(one) - per_stage, 3),
        "per_flow_without": round(statistics.median(without) - per_stage, 3),
    }


def run(root: Path, settings: dict[str, str], *words: str) -> tuple[float, float]:
    """Run a flow to its end; return (its seconds, those of the processes of its stages)."""
    times = root.parent / "stage_times"
    times.write_text("")
    log = root.parent / "flow.log"
    began = time.perf_counter()
    code = flow_project.start_flow(root, log, *words, STAGE_TIMES=str(times), **settings).wait()
    seconds = time.perf_counter() - began
    if code != 0:
        common.stop(f"the flow ended with exit code {code}:\n{log.read_text()[-3000:]}")
    return seconds, sum(end - start for _, start, end in stage_times(times))


def stage_times(path: Path) -> list[tuple[str, float, float]]:
    """Return (address, begin, end) of each stage that ran."""
    rows = [line.split() for line in path.read_text().splitlines()]
    return [(address, float(began), float(ended)) for address, began, ended in rows]


def added(measured: tuple[float, float]) -> float:
    """Return what is not the stages'."""
    return measured[0] - measured[1]


def forget(root: Path, addresses: list[str]) -> None:
    """Make stages stale: take them out of dvc.lock, and empty the run cache."""
    path = root / "dvc.lock"
    lock = yaml.safe_load(path.read_text())
    for address in addresses:
        del lock["stages"][address]
    path.write_text(yaml.safe_dump(lock, sort_keys=False))
    shutil.rmtree(root / ".dvc" / "cache" / "runs", ignore_errors=True)


def against_repro(root: Path, served: dict[str, str], repeats: int) -> dict[str, Any]:
    """Build everything from nothing by `dvc repro` and by the flow, by turns; return the seconds and their ratio."""
    serial: list[float] = []
    flows: list[float] = []
    stages: list[float] = []
    locks: list[Any] = []
    empty(root)
    run(root, served)  # warms what both find warm: files in the page cache, the stores of MLflow and Prefect
    for number in range(repeats):
        for kind in ("repro", "flow") if number % 2 == 0 else ("flow", "repro"):
            empty(root)
            if kind == "flow":
                seconds, own = run(root, served)
                flows.append(seconds)
                stages.append(own)
            else:
                serial.append(common.repro(root, echo=False).seconds)
            locks.append(yaml.safe_load((root / "dvc.lock").read_text()))
    first = locks[0]["stages"]
    differing = {name for lock in locks for name, stage in lock["stages"].items() if stage != first.get(name)}
    return {
        "repro_seconds": common.spread(serial),
        "flow_seconds": common.spread(flows),
        "stages_of_flow_seconds": common.spread(stages),
        "ratio": round(statistics.median([flow / repro for flow, repro in zip(flows, serial, strict=True)]), 4),
        "differing": sorted(differing),
    }


def empty(root: Path) -> None:
    """Remove everything that a build leaves but the stores of runs."""
    (root / "dvc.lock").unlink(missing_ok=True)
    for name in (".dvc/cache", ".dvc/tmp", ".chainrule/checkpoints", "models", "reports", "measured"):
        shutil.rmtree(root / name, ignore_errors=True)
    subprocess.run(["git", "clean", "-fdxq", "--", "data"], cwd=root, check=True)


if __name__ == "__main__":
    main()
