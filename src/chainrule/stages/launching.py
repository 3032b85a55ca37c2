"""A stage's work by several processes at once, on one machine or several: torchrun starts them and ends them.

Every process does the same work on its share of each batch; the first one writes and tells, what the others write is
thrown away. On further machines the same is started by hand, see docs/scale-out.md.

Like the runner, which loads this module by name, it is no input of a stage: it decides nothing of what is written.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule.recipes.file import at
from chainrule.recipes.training import Launch
from chainrule.stages.job import THREADS, Job, publish
from chainrule.system.errors import ChainruleError, DataError, ParamsError
from chainrule.system.files import read_json

WORKER = "chainrule.stages.worker"
LAUNCHES = {"pretrain": ("pretrain", "training", "launch"), "finetune": ("finetune", "launch")}
"""Where the stages that can be several processes say so."""
DONE, FAILED = "done.json", "failed.json"
ERRORS = {error.__name__: error for error in (ChainruleError, DataError, ParamsError)}
LINES = 40
"""How much of what torchrun says is shown where no process said why it ended."""


def asked(block: Mapping[str, Any], stage: str) -> Launch | None:
    """Return the settings of a launch of several processes that a recipe asks for; None for one process."""
    found = at(block, LAUNCHES[stage]) if stage in LAUNCHES else None
    launch = Launch.model_validate(found or {})
    return launch if launch.processes * launch.hosts > 1 else None


def carry_out(job: Job, launch: Launch, journal: Path | None) -> None:
    """Do a stage's work by several processes and publish what the first of them wrote.

    journal: where the first process goes on with the stage's run; None where nothing is tracked. Raises what a process
    raised that is the user's to mend, and ChainruleError for any other end.
    """
    hosts = f" on each of {launch.hosts} hosts" if launch.hosts > 1 else ""
    job.say(f"{launch.processes} processes{hosts}")
    with tempfile.TemporaryDirectory(prefix="chainrule-launch-") as folder:
        told = Path(folder)
        words = [*_torchrun(launch), "-m", WORKER, job.stage, job.recipe, "--told", folder]
        words += ["--journal", str(journal)] if journal else []
        each = str(max(1, job.cores // launch.processes))
        with (told / "torchrun.log").open("w+") as log:
            environment = {**os.environ, **dict.fromkeys(THREADS, each)}
            ended = subprocess.run(words, cwd=job.root, env=environment, stderr=log, check=False)
            log.seek(0)
            _raise_failure(told, ended.returncode, log.read())
        done = read_json(told / DONE)
    job.outputs |= {Path(final): Path(partial) for final, partial in done["outputs"].items()}
    job.spent += map(Path, done["spent"])
    publish(job)


def _torchrun(launch: Launch) -> list[str]:
    words = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={launch.processes}"]
    if launch.hosts == 1:
        return [*words, "--standalone"]
    host, _, port = str(launch.address).rpartition(":")
    there = [f"--nnodes={launch.hosts}", "--node-rank=0", f"--master-addr={host}", f"--master-port={port}"]
    return [*words, *there]


def _raise_failure(told: Path, code: int, log: str) -> None:
    if (told / FAILED).is_file():
        failed = read_json(told / FAILED)
        raise ERRORS.get(failed["kind"], ChainruleError)(failed["message"])
    if code or not (told / DONE).is_file():
        print(*log.splitlines()[-LINES:], sep="\n", file=sys.stderr)
        raise ChainruleError(f"the processes ended with code {code}; what was said last stands above")
