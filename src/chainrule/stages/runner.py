"""Runs a stage: checks, waits its turn, lends cores, watches the work, and says in one line what went wrong.

Nothing here can change what a stage writes: `chainrule.stages.job` does the work and publishes it. So this module and
all that it stands on are no input of any stage; they are loaded by name, and tests/test_dvc_yaml.py holds that.
"""

import argparse
import importlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from chainrule.recipes.file import recipe_block
from chainrule.runs import tracking
from chainrule.stages import declared, launching
from chainrule.stages.job import STATE, Count, Job, carry_out
from chainrule.system import dvc_lock, files, locks, processes, progress, quick
from chainrule.system.errors import ChainruleError, DataError

MADE = ("data/", "models/", "reports/")
"""Where stages write."""
PAGES = {"pretrain": "chainrule.evaluation.pretraining"}
"""What draws what a stage told, at once; the page that DVC keeps is `evaluate`'s, for how it looks decides nothing."""


def main(stage: str, work: Callable[[Job], None], trains: bool = False) -> None:
    """Run a stage from the command line and exit.

    Exit codes: 0 done, 1 a data error, 2 mistakes in params.yaml, 130 interrupted.
    """
    parser = argparse.ArgumentParser(prog=f"python -m chainrule.stages.{stage}", description=work.__doc__)
    parser.add_argument("recipe", help="name of a block under `recipes:` in params.yaml")
    recipe = parser.parse_args().recipe
    progress.write_anything()
    quick.spare()
    try:
        run(Path.cwd(), stage, recipe, work, trains)
    except ChainruleError as error:
        print(f"{stage}@{recipe}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print(f"{stage}@{recipe}: interrupted", file=sys.stderr)
        sys.exit(130)


def run(root: Path, stage: str, recipe: str, work: Callable[[Job], None], trains: bool = False) -> None:
    """Run one stage of one recipe below `root`; ChainruleError for everything that is the user's to mend.

    trains: the work keeps every core busy and therefore waits until the cores it wants are free.
    """
    from chainrule.recipes import check, in_force  # `--help` needs none of their tables

    check.check(root)
    processes.die_with_starters()
    block, name = recipe_block(root, recipe), f"{stage}@{recipe}"
    _refuse_missing(root, stage, recipe, block)
    outputs: dict[Path, Path] = {}
    with ExitStack() as around:
        around.enter_context(_room(root, {}))
        lock = root / STATE / "locks" / f"{name}.lock"
        around.enter_context(locks.held(lock, f"{name}: waits for another run of this stage to end"))
        # Outside the cores: while the run's last events are sent, the next stage may already compute.
        stage_run = around.enter_context(tracking.stage_run(root, recipe, stage, *in_force.logged(root, recipe)))
        cores = around.enter_context(processes.lent_cores(name, root / STATE / "cores")) if trains else 1
        if trains:
            stage_run.headline({f"{stage}.cores": cores})  # their number decides the last bits of the weights
        # Within the run, so that there is room to record how it ended.
        around.enter_context(_room(root, outputs))

        job = Job(stage, recipe, root, block, stage_run, cores, outputs, **watchers(name))
        if launch := launching.asked(block, stage):
            launching.carry_out(job, launch, stage_run.folder)
        else:
            carry_out(job, work, trains)
        if stage in PAGES:
            stage_run.artifact(importlib.import_module(PAGES[stage]).draw(root, recipe))


def _refuse_missing(root: Path, stage: str, recipe: str, block: Mapping[str, Any]) -> None:
    """Say what no earlier stage has made yet; the source's own reader says best what it lacks."""
    found = declared.inputs(root, stage, recipe, block)
    made = [dep for dep in found[0] if dep.startswith(MADE) and dep != block["source"].get("path")] if found else []
    for dep in made:
        if not (root / dep).exists():
            raise ChainruleError(f"{dep} is not there; `dvc repro {stage}@{recipe}` makes it, and then runs this stage")


def watchers(name: str) -> dict[str, Any]:
    """Return what shows a job of this name at its work."""

    def track(items: Collection[Any], label: str, unit: str = "rows") -> Iterator[Any]:
        return progress.track(items, f"{name}: {label}", unit)

    def counter(unit: str) -> Count:
        return progress.counter(name, unit)

    return {"track": track, "counter": counter, "read_lock": dvc_lock.read}


@contextmanager
def _room(root: Path, outputs: dict[Path, Path]) -> Iterator[None]:
    """Say in one line that a disk is full, and leave nothing on it of what the stage had begun to write."""
    try:
        yield
    except ChainruleError:
        raise
    except Exception as error:
        if not files.disk_is_full(error):
            raise
        full = _full_place(error, root)
        for partial in outputs.values():
            files.remove(partial)
        remedy = "free room there and run it again; nothing was published"
        raise DataError(f"the disk of {full} is full: {remedy}") from error


def _full_place(error: Exception, root: Path) -> Path:
    """Return what could not be written, or, where the error does not say, the folder with least room."""
    if isinstance(error, OSError) and error.filename:
        return Path(error.filename)
    return min((root, Path(tempfile.gettempdir())), key=lambda folder: shutil.disk_usage(folder).free)
