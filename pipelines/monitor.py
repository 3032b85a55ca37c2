"""Monitoring as a Prefect flow: what the server saw, beside the validation rows that its champion was chosen on.

`python -m pipelines.monitor RECIPE` looks once; `--cron "0 * * * *"` stays and looks on a schedule. The server has to
observe: `chainrule serve --observe SHARE`.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chainrule.system import locks, quick
from chainrule.system.errors import ChainruleError
from pipelines import server

if __name__ == "__main__":
    quick.start()
    server.set_defaults()

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.states import Completed, Failed, State

from chainrule.drift import monitoring, testing
from chainrule.drift import page as drift_page
from chainrule.drift.sample import MOST_ROWS
from chainrule.recipes import in_force
from chainrule.recipes.file import recipe_block
from chainrule.runs import tracking
from pipelines import artifacts, flow_runs, report, timetable
from pipelines.timetable import GRACE_MINUTES

PAGE = "drift.html"
DRIFT = "Drift"
"""The name of a completed run's state where something was flagged: an automation can wait for it."""


@flow(name="monitor", flow_run_name="monitor-{recipe}", persist_result=False)  # type: ignore[untyped-decorator, unused-ignore]
def monitor(recipe: str, rows: int = MOST_ROWS, again: bool = False, grace_minutes: float = GRACE_MINUTES) -> Any:
    """Compare what the server saw of a recipe since the last look with validation rows, and say whether it drifted.

    rows: the newest that are compared at most; again: rows of the last look count too; grace_minutes: a scheduled run
    that starts later is skipped. Works on the project in the current directory.
    """
    with flow_runs.looked_after():
        return timetable.skipped(recipe, grace_minutes) or _monitor(recipe, rows, again)


def _monitor(recipe: str, rows: int, again: bool) -> State:
    root = Path.cwd()
    try:
        block = recipe_block(root, recipe)
        with locks.held(root / ".chainrule" / "locks" / f"monitor@{recipe}.lock", f"{recipe}: waits for a look"):
            found = monitoring.look(root, recipe, block, rows=rows, again=again)
            if found.report is not None:
                _record(root, recipe, found.report)
            monitoring.remember(root, found)
    except ChainruleError as error:
        return Failed(message=f"{recipe}: {error}")
    except OSError as error:
        remedy = "free room or mend the rights there; the rows count at the next look"
        return Failed(message=f"{recipe}: {error}; {remedy}")
    said = f"{recipe}: {found.words()}"
    if found.report is not None:
        said = f"{said}; page: {root / monitoring.PLACE / recipe / PAGE}"
    get_run_logger().info("%s", said)
    _artifact(root, recipe, found)
    flagged = found.report is not None and found.report.flagged
    return Completed(name=DRIFT, message=said) if flagged else Completed(message=said)


def _record(root: Path, recipe: str, found: testing.Report) -> None:
    """Write page, figure and numbers below .chainrule/monitor, and show them in MLflow."""
    folder = root / monitoring.PLACE / recipe
    drift_page.write(found, folder, recipe, "validation rows", "what the server saw")
    with tracking.stage_run(root, recipe, "monitor", *in_force.logged(root, recipe)) as run:
        run.metrics(drift_page.metrics(found))
        run.artifact(folder / PAGE)
        run.artifact(folder / "drift.json")
        run.artifact(folder / "drift.png", "figures")


def _artifact(root: Path, recipe: str, found: monitoring.Look) -> None:
    flagged = found.report is not None and found.report.flagged
    lines = [f"> **{found.words()}**" if flagged else found.words(), ""]
    if found.report is not None:
        lines += [f"The page: {artifacts.file_link(root / monitoring.PLACE / recipe / PAGE)}", ""]
        link = report.find_link(root, recipe, tracking.chain_identity()[0])
        lines += [f"[{recipe} in MLflow]({link})", ""] if link is not None else []
        rows = [
            ("**flagged**" if test.flagged else "", test.name, test.about, test.said, f"{test.corrected:.3f}")
            for test in sorted(found.report.tests, key=lambda test: (test.corrected, test.name))
        ]
        lines += artifacts.table(["", "test", "about", "seen", "p-value, corrected"], rows, numbers=1)
    create_markdown_artifact(
        "\n".join(lines), key=artifacts.key(recipe, "monitor"), description=f"{recipe}: what was served"
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
    timetable.add_options(words, "look")
    return words


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; a mistake of the user's is one line on stderr."""
    words = parser()
    options = words.parse_args(argv)
    if options.rows < 1:
        words.error("--rows must be 1 or more")
    parameters = {"rows": options.rows, "again": options.again}
    return timetable.main(monitor, options, f"{options.recipe}-monitor", parameters, {DRIFT: 4})


if __name__ == "__main__":
    sys.exit(main())
