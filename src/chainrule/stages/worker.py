"""One of several processes that do a stage's work together, as torchrun starts it.

The one of rank 0 writes the outputs beside their places and says to its starter where; the others write where it is
thrown away. On a further machine of a launch torchrun is started by hand, without `--told`.
"""

import argparse
import importlib
import os
import sys
import tempfile
from pathlib import Path

from chainrule.recipes.file import recipe_block
from chainrule.runs import tracking
from chainrule.stages import runner
from chainrule.stages.job import THREADS, Job
from chainrule.stages.launching import DONE, FAILED, LAUNCHES
from chainrule.system import processes
from chainrule.system.errors import ChainruleError, ParamsError
from chainrule.system.files import write_json


def main() -> None:
    """Do the work of a stage as one of several processes and exit: 0 done, else as the stage would."""
    parser = argparse.ArgumentParser(prog="torchrun … -m chainrule.stages.worker", description=main.__doc__)
    parser.add_argument("stage", choices=tuple(LAUNCHES))
    parser.add_argument("recipe")
    parser.add_argument("--told", type=Path, help="folder in which the first process says how it ended")
    parser.add_argument("--journal", type=Path, help="folder of the stage's run, which the first process goes on with")
    given = parser.parse_args()
    first = os.environ["RANK"] == "0"
    processes.die_with_starters()
    try:
        with tempfile.TemporaryDirectory(prefix="chainrule-aside-") as aside:
            job = _job(Path.cwd(), given, None if first else Path(aside))
            _refuse_too_many(job)
            getattr(importlib.import_module(f"chainrule.stages.{given.stage}"), given.stage)(job)
    except ChainruleError as error:
        if first and given.told:
            write_json(given.told / FAILED, {"kind": type(error).__name__, "message": str(error)})
        else:
            print(f"{given.stage}@{given.recipe}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    if first and given.told:
        outputs = {str(final): str(partial) for final, partial in job.outputs.items()}
        write_json(given.told / DONE, {"outputs": outputs, "spent": [str(path) for path in job.spent]})


def _job(root: Path, given: argparse.Namespace, aside: Path | None) -> Job:
    """Return the job of this process: only the first, which has nothing aside, is seen at work."""
    block, name = recipe_block(root, given.recipe), f"{given.stage}@{given.recipe}"
    cores = int(os.environ.get(THREADS[0], 0)) or processes.wanted_cores()
    if aside is not None:
        return Job(given.stage, given.recipe, root, block, cores=cores, aside=aside, silent=True)

    run = tracking.Run(given.journal, root)
    return Job(given.stage, given.recipe, root, block, run, cores, **runner.watchers(name))


def _refuse_too_many(job: Job) -> None:
    """Raise ParamsError for more processes on this machine than there are GPUs, or cores where there are none."""
    import torch

    wanted, key = int(os.environ["LOCAL_WORLD_SIZE"]), ".".join(("recipes", job.recipe, *LAUNCHES[job.stage]))
    if not torch.cuda.is_available():
        os.environ["ACCELERATE_USE_CPU"] = "true"  # else each process would train for itself
        there, what = processes.available_cores(), "cores"
    else:
        there, what = torch.cuda.device_count(), "GPUs"
    if wanted > there:
        raise ParamsError(
            f"{key}.processes: found {wanted}; this machine has {there} {what}, and each process needs one"
        )


if __name__ == "__main__":
    main()
