"""What every stage process does around its work: check, lock, work into temporary siblings, rename, record.

A stage is a function of its declared inputs. It writes each output into a temporary sibling; the siblings take the
real names together at the end, so that a stage that was killed leaves nothing half-written.
"""

import argparse
import gc
import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chainrule.recipes.file import AnySection, recipe_block, section
from chainrule.runs import tracking
from chainrule.system import files, locks, processes, progress
from chainrule.system.errors import ChainruleError, DataError

STATE = ".chainrule"
PARTIAL = ".partial"


@dataclass
class Job:
    """What a stage's work is given: its recipe, its inputs' and outputs' places, and its MLflow run."""

    stage: str
    recipe: str
    root: Path
    block: dict[str, Any]
    run: tracking.Run
    cores: int = 1
    outputs: dict[Path, Path] = field(default_factory=dict)
    spent: list[Path] = field(default_factory=list)  # removed once the outputs are published

    @property
    def name(self) -> str:
        """Return the DVC address of the stage, such as `finetune@digits`."""
        return f"{self.stage}@{self.recipe}"

    @property
    def seed(self) -> int:
        """Return the recipe's seed."""
        return int(self.block["seed"])

    def section(self, name: str, model: type[AnySection]) -> AnySection:
        """Return one typed section of the recipe."""
        return section(self.block, name, model)

    def dep(self, template: str) -> Path:
        """Return the path of an input; `{recipe}` is filled in."""
        return self.root / template.format(recipe=self.recipe)

    def out(self, template: str) -> Path:
        """Return where to write an output: beside its real place, which it takes when the stage ends well."""
        final = self.root / template.format(recipe=self.recipe)
        partial = final.parent / PARTIAL / final.name
        _remove(partial)  # what a killed run of this stage left
        partial.parent.mkdir(parents=True, exist_ok=True)
        self.outputs[final] = partial
        return partial

    def track(self, items: Collection[Any], label: str, unit: str = "rows") -> Iterator[Any]:
        """Yield the items, showing progress under the stage's name."""
        return progress.track(items, f"{self.name}: {label}", unit)

    def say(self, text: str) -> None:
        """Print one line under the stage's name."""
        print(f"{self.name}: {text}", flush=True)

    def warn(self, text: str) -> None:
        """Print one line that a reader must not miss: what is allowed and hardly ever meant."""
        self.say(f"WARNING: {text}")


def main(stage: str, work: Callable[[Job], None], trains: bool = False) -> None:
    """Run a stage from the command line (`python -m chainrule.stages.<stage> <recipe>`) and exit.

    Exit codes: 0 done, 1 a data error, 2 mistakes in params.yaml, 130 interrupted. `trains`: the work keeps every
    core busy and therefore waits until the cores it wants are free.
    """
    parser = argparse.ArgumentParser(prog=f"python -m chainrule.stages.{stage}", description=work.__doc__)
    parser.add_argument("recipe", help="name of a block under `recipes:` in params.yaml")
    recipe = parser.parse_args().recipe
    progress.write_anything()
    # Importing torch and transformers makes millions of objects that stay: collecting among them costs over a second.
    gc.set_threshold(1_000_000, 50, 50)
    try:
        run(Path.cwd(), stage, recipe, work, trains)
    except ChainruleError as error:
        print(f"{stage}@{recipe}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print(f"{stage}@{recipe}: interrupted", file=sys.stderr)
        sys.exit(130)


def run(root: Path, stage: str, recipe: str, work: Callable[[Job], None], trains: bool = False) -> None:
    """Run one stage of one recipe below `root`; ChainruleError for everything that is the user's to mend."""
    # By name, not by import: a check that can only refuse is not an input of the stage, so that a new kind of net
    # in its tables leaves every model that exists as it is.
    importlib.import_module("chainrule.recipes.check").check(root)
    processes.die_with_starters()
    block = recipe_block(root, recipe)
    lock = root / STATE / "locks" / f"{stage}@{recipe}.lock"
    outputs: dict[Path, Path] = {}
    with ExitStack() as around:
        around.enter_context(_room(root, {}))
        around.enter_context(locks.held(lock, f"{stage}@{recipe}: waits for another run of this stage to end"))
        # Outside the cores: while the run's last events are sent, the next stage may already compute.
        stage_run = around.enter_context(tracking.stage_run(root, recipe, stage, block))
        cores = around.enter_context(processes.lent_cores(f"{stage}@{recipe}", root / STATE / "cores")) if trains else 1
        if trains:
            stage_run.headline({f"{stage}.cores": cores})  # their number decides the last bits of the weights
        # Within the run, so that there is room to record how it ended.
        around.enter_context(_room(root, outputs))
        job = Job(stage, recipe, root, block, stage_run, cores, outputs)
        work(job)
        _publish(job.outputs)
        for path in job.spent:
            _remove(path)


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
            _remove(partial)
        remedy = "free room there and run it again; nothing was published"
        raise DataError(f"the disk of {full} is full: {remedy}") from error


def _full_place(error: Exception, root: Path) -> Path:
    """Return what could not be written, or, where the error does not say, the folder with least room."""
    if isinstance(error, OSError) and error.filename:
        return Path(error.filename)
    return min((root, Path(tempfile.gettempdir())), key=lambda folder: shutil.disk_usage(folder).free)


def _publish(outputs: dict[Path, Path]) -> None:
    for final, partial in outputs.items():
        _remove(final)
        os.replace(partial, final)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
