"""Monitoring as a Prefect flow: what the server saw, beside the validation rows that its champion was chosen on.

`python -m pipelines.monitor RECIPE` looks once; `--cron "0 * * * *"` stays and looks on a schedule. The server has to
observe: `chainrule serve --observe SHARE`.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chainrule import locks, processes
from chainrule.errors import ChainruleError, ParamsError
from pipelines import server

if __name__ == "__main__":
    server.set_defaults()

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.states import Completed, Failed

from chainrule import drift, tracking
from chainrule.drifting import monitoring
from chainrule.drifting.sample import MOST_ROWS
from chainrule.params import check
from chainrule.params.file import recipe_block
from pipelines import schedule
from pipelines.schedule import GRACE_MINUTES

DRIFT = "Drift"
"""The name of a completed run's state where something was flagged: an automation can wait for it."""


@flow(name="monitor", flow_run_name="monitor-{recipe}", persist_result=False)  # type: ignore[untyped-decorator, unused-ignore]
def monitor(recipe: str, rows: int = MOST_ROWS, again: bool = False, grace_minutes: float = GRACE_MINUTES) -> Any:
    """Compare what the server saw of a recipe since the last look with validation rows, and say whether it drifted.

    rows: the newest that are compared at most; again: rows of the last look count too; grace_minutes: a scheduled run
    that starts later is skipped. Works on the project in the current directory.
    """
    if os.environ.get("PREFECT__FLOW_RUN_ID"):
        processes.die_with_starters()  # a process of `serve` or of a worker
    if late := schedule.skipped(recipe, grace_minutes):
        return late
    root = Path.cwd()
    try:
        block = recipe_block(root, recipe)
        with locks.held(root / ".chainrule" / "locks" / f"monitor@{recipe}.lock", f"{recipe}: waits for a look"):
            found = monitoring.look(root, recipe, block, rows=rows, again=again)
            if found.report is not None:
                _record(root, recipe, block, found.report)
            monitoring.remember(root, found)
    except ChainruleError as error:
        return Failed(message=f"{recipe}: {error}")
    except OSError as error:
        remedy = "free room or mend the rights there; the rows count at the next look"
        return Failed(message=f"{recipe}: {error}; {remedy}")
    said = f"{recipe}: {found.words()}"
    get_run_logger().info("%s", said)
    _artifact(recipe, found)
    flagged = found.report is not None and found.report.flagged
    return Completed(name=DRIFT, message=said) if flagged else Completed(message=said)


def _record(root: Path, recipe: str, block: dict[str, Any], report: drift.Report) -> None:
    """Write page, figure and numbers below .chainrule/monitor, and show them in MLflow."""
    folder = root / monitoring.PLACE / recipe
    drift.write(report, folder, recipe, "validation rows", "what the server saw")
    with tracking.stage_run(root, recipe, "monitor", block) as run:
        run.metrics(drift.metrics(report))
        run.artifact(folder / "drift.html")
        run.artifact(folder / "drift.json")
        run.artifact(folder / "drift.png", "figures")


def _artifact(recipe: str, found: monitoring.Look) -> None:
    lines = [found.words(), ""]
    if found.report is not None and found.report.tests:
        lines += ["| test | about | seen | chance, corrected | |", "|---|---|---|---|---|"]
        lines += [
            f"| {test.name} | {test.about} | {test.said.replace('|', ' ')} | {test.corrected:.3f} | "
            f"{'**flagged**' if test.flagged else ''} |"
            for test in sorted(found.report.tests, key=lambda test: (test.corrected, test.name))
        ]
    create_markdown_artifact(
        "\n".join(lines), key=f"{recipe.replace('_', '-').lower()}-monitor", description=f"{recipe}: what was served"
    )


# ---- the command line


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    words = argparse.ArgumentParser(
        "python -m pipelines.monitor",
        description="Compare what the server saw since the last look with validation rows: inputs, answers, features.",
        epilog="Exit codes: 0 nothing flagged, or too few rows; 4 drift; 1 failed; 2 mistakes in params.yaml.",
    )
    words.add_argument("recipe", help="a recipe of params.yaml")
    words.add_argument(
        "--rows",
        type=int,
        default=MOST_ROWS,
        metavar="N",
        help="newest rows to compare, at most (default: %(default)s)",
    )
    words.add_argument("--again", action="store_true", help="count the rows of the last look too")
    words.add_argument("--cron", help='stay, and look on this schedule, such as "0 * * * *"')
    words.add_argument("--timezone", help="of the schedule, such as Europe/Berlin (default: UTC)")
    words.add_argument(
        "--grace", type=float, default=GRACE_MINUTES, metavar="MINUTES",
        help=f"skip a scheduled look that starts later than this (default: {GRACE_MINUTES})",
    )  # fmt: skip
    return words


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; a mistake of the user's is one line on stderr."""
    arguments = parser().parse_args(argv)
    settings = {
        "recipe": arguments.recipe,
        "rows": arguments.rows,
        "again": arguments.again,
        "grace_minutes": arguments.grace,
    }
    try:
        if arguments.rows < 1:
            raise ParamsError("--rows must be 1 or more")
        check.check(Path.cwd())
        recipe_block(Path.cwd(), arguments.recipe)
        server.at_hand(schedules=arguments.cron is not None)
        if arguments.cron is not None:
            schedule.serve(monitor, f"{arguments.recipe}-monitor", arguments.cron, arguments.timezone, settings)
            return 0
        state = monitor(**settings, return_state=True)
    except ChainruleError as error:
        print(f"monitor: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("monitor: interrupted", file=sys.stderr)
        return 130
    print(f"monitor: {state.message}", file=sys.stdout if state.is_completed() else sys.stderr)
    if not state.is_completed():
        return 1
    return 4 if state.name == DRIFT else 0


if __name__ == "__main__":
    sys.exit(main())
