"""What a stage's work is given, and how its outputs take their places.

A stage is a function of its declared inputs. It writes each output into a temporary sibling; the siblings take the
real names together at the end, so that a stage that was killed leaves nothing half-written.

All of this can change what a stage writes, so this module is an input of every stage. What only watches or waits
around the work (checks, locks, cores, progress, the run in MLflow) is `chainrule.stages.runner`'s, which is loaded by
name and gives the job its watchers: without it a job does the same work unwatched.
"""

import importlib
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Protocol

from chainrule.recipes.file import AnySection, section
from chainrule.system.files import remove

STATE = ".chainrule"
PARTIAL = ".partial"
Count = Callable[[int, int, Callable[[], str]], None]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
KERNELS = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
FEW_KERNELS = "64"
"""How many compiled products oneDNN keeps, each with memory of its own: by default 1,024, which texts of many lengths
fill, and one step needs few. Which are kept changes no number."""


class Run(Protocol):
    """The MLflow run of a stage, as the stage sees it (`chainrule.runs.tracking`)."""

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Points of curves."""

    def headline(self, values: Mapping[str, float]) -> None:
        """Numbers to compare chains by."""

    def artifact(self, path: Path, folder: str = "") -> None:
        """A file or directory to keep with the run."""

    def dataset(self, name: str, rows: int, context: str, source: str, digest: str | None = None) -> None:
        """A dataset that the stage read."""

    def model(self, bundle: Path, model: str = "model.onnx", trained: Path | None = None) -> None:
        """A bundle to register, and the fine-tuned model that it was made from."""


class Untracked(Run):
    """A run of which nothing is kept."""


def unseen(items: Collection[Any], label: str, unit: str = "rows") -> Iterable[Any]:
    """Go through the items without a word."""
    return items


def uncounted(unit: str) -> Count:
    """Return what is told how far the work is, and shows nothing."""

    def count(done: int, total: int, note: Callable[[], str]) -> None:
        """Show nothing."""

    return count


def unrecorded(root: Path) -> dict[str, Any]:
    """Return what dvc.lock records where it is not looked at."""
    return {}


@dataclass
class Job:
    """What a stage's work is given: its recipe, its inputs' and outputs' places, and its watchers.

    run: the stage's run in MLflow. track: yields the items it is given, showing how many are done. counter: returns
    what is called with (how many are done, of how many, a function that returns words beside them). read_lock: returns
    what the project's dvc.lock records. aside: where outputs are written that nobody publishes, by one of several
    processes that do the same work. silent: whether nothing is said. rehearse: what is called, and does not return,
    where a training would begin; with the objective, its inputs, the course and the strategy.
    """

    stage: str
    recipe: str
    root: Path
    block: dict[str, Any]
    run: Run = field(default_factory=Untracked)
    cores: int = 1
    outputs: dict[Path, Path] = field(default_factory=dict)
    spent: list[Path] = field(default_factory=list)  # removed once the outputs are published
    track: Callable[..., Iterable[Any]] = unseen
    counter: Callable[[str], Count] = uncounted
    read_lock: Callable[[Path], dict[str, Any]] = unrecorded
    aside: Path | None = None
    silent: bool = False
    rehearse: Callable[..., NoReturn] | None = None

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
        partial = (self.aside or final.parent / PARTIAL) / final.name
        remove(partial)  # what a killed run of this stage left
        partial.parent.mkdir(parents=True, exist_ok=True)
        self.outputs[final] = partial
        return partial

    def say(self, text: str) -> None:
        """Print one line under the stage's name."""
        if not self.silent:
            print(f"{self.name}: {text}", flush=True)

    def warn(self, text: str) -> None:
        """Print one line that a reader must not miss: what is allowed and hardly ever meant."""
        self.say(f"WARNING: {text}")


def main(stage: str, work: Callable[[Job], None], trains: bool = False) -> None:
    """Run a stage from the command line (`python -m chainrule.stages.<stage> <recipe>`) and exit.

    trains: the work keeps every core busy and therefore waits until the cores it wants are free.
    """
    importlib.import_module("chainrule.stages.runner").main(stage, work, trains)


def carry_out(job: Job, work: Callable[[Job], None], trains: bool = False) -> None:
    """Do the work and publish what it wrote, all of it or nothing."""
    if trains:
        use_cores(job.cores)
        if job.block["modality"] == "text":
            os.environ.setdefault(KERNELS, FEW_KERNELS)
    work(job)
    publish(job)


def use_cores(cores: int) -> None:
    """Let the numeric libraries use so many cores, before they are imported; it decides the last bits of weights."""
    os.environ |= dict.fromkeys(THREADS, str(cores))


def publish(job: Job) -> None:
    """Let outputs take their places, and remove what is spent."""
    for final, partial in job.outputs.items():
        remove(final)
        os.replace(partial, final)
    for path in job.spent:
        remove(path)
