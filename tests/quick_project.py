"""A project whose stages take a moment: real recipes in params.yaml, real DVC, real runs, and work of a few lines.

As a module it is the work itself: `python quick.py STAGE RECIPE` does what `control/STAGE@RECIPE` says, a word to a
line: `wait` until the file `go` is there, `child` with a process of its own, `fail MESSAGE`, `crash`, `once crash`,
`params`, `bar`.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

from chainrule.stages import job
from chainrule.system.errors import DataError

CHAIN = ("first", "second", "finetune")
DVC_YAML = """
stages:
  first:
    foreach: ${recipes}
    do:
      cmd: python quick.py first ${key}
      deps:
        - source/${key}
      params:
        - recipes.${key}.seed
      outs:
        - data/first/${key}
  second:
    foreach: ${recipes}
    do:
      cmd: python quick.py second ${key}
      deps:
        - data/first/${key}
      outs:
        - data/second/${key}
  finetune:
    foreach: ${recipes}
    do:
      cmd: python quick.py finetune ${key}
      deps:
        - data/second/${key}
      params:
        - recipes.${key}.finetune
      outs:
        - models/finetuned/${key}
"""


def make(project: Path, folder: Path) -> Path:
    """Write the project: params.yaml as it ships, `project`'s packages, the stages above."""
    import shipped  # not by the stages, which find it nowhere

    folder.mkdir(parents=True)
    shutil.copytree(project / "pipelines", folder / "pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(__file__, folder / "quick.py")
    params = shipped.params()
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    (folder / "dvc.yaml").write_text(DVC_YAML)
    for recipe in params["recipes"]:
        (folder / "source").mkdir(exist_ok=True)
        (folder / "source" / recipe).write_text("1")
    (folder / "control").mkdir()
    for command in (
        ["git", "init", "-q"],
        [sys.executable, "-m", "dvc", "init", "-q"],
        [sys.executable, "-m", "dvc", "config", "core.check_update", "false"],
        ["git", "add", "-A"],
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "quick"],
    ):
        subprocess.run(command, cwd=folder, check=True)
    return folder


def work(it: job.Job) -> None:
    """Do what the control file says, and write an output that depends on the input alone."""
    out = it.out(f"data/{it.stage}/{{recipe}}" if it.stage != "finetune" else "models/finetuned/{recipe}")
    control = Path("control") / it.name
    with open(Path("control") / "begun", "a") as begun:
        begun.write(f"{it.name} {os.getpid()} {os.environ.get('CUDA_VISIBLE_DEVICES')} {it.cores}\n")
    for order in control.read_text().splitlines() if control.exists() else []:
        word, _, rest = order.partition(" ")
        if word == "once":
            control.unlink()
            word, _, rest = rest.partition(" ")
        if word == "child":
            child = subprocess.Popen(["sleep", "300"])
            it.say(f"child {child.pid}")
        elif word == "wait":
            while not Path("control/go").exists():
                time.sleep(0.02)
        elif word == "fail":
            raise DataError(rest)
        elif word == "crash":
            raise RuntimeError("nobody foresaw this")
        elif word == "kill":
            os.kill(os.getpid(), 9)
        elif word == "bar":
            sys.stderr.write("".join(f"\r{share}%" for share in range(100)) + "\n")
    inputs = {"first": "source", "second": "data/first", "finetune": "data/second"}[it.stage]
    # `second` writes the same whatever it reads, so that `finetune` is not affected.
    out.write_text("same" if it.stage == "second" else (Path(inputs) / it.recipe).read_text())
    it.run.headline({"test.accuracy": 0.5})
    with open(Path("control") / "ended", "a") as ended:
        ended.write(f"{it.name} {time.time()}\n")


if __name__ == "__main__":
    stage = sys.argv.pop(1)
    job.main(stage, work, trains=stage == "finetune")
