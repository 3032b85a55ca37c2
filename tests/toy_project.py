"""A project whose chain takes seconds: real git, DVC and MLflow, and stages that are a few lines of Python.

What such a chain makes is a bundle of tests/tiny_bundles.py, decided by the rows of the source and of the accepted
batches, by `finetune.learning_rate`, and by GAIN in its code.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

import shipped
import tiny_bundles
from chainrule.recipes import in_force
from chainrule.runs import tracking
from chainrule.runs.journal import journals
from tiny_clone import environment
from waiting import until

STAGES = """
import json, os, sys, time
from pathlib import Path
import yaml

GAIN = 1.0
stage, recipe = sys.argv[1:]
block = yaml.safe_load(Path("params.yaml").read_text())["recipes"][recipe]
finetuned = Path(f"models/finetuned/{recipe}.json")
if os.environ.get("TOY_FAILS") == stage:
    sys.exit(f"{stage}: fails as it was told")
if os.environ.get("TOY_HANGS") == stage:
    Path(os.environ["TOY_MARK"]).write_text(str(os.getpid()))
    time.sleep(300)
if stage == "accept":
    Path(f"data/accepted/{recipe}").mkdir(parents=True, exist_ok=True)
    Path(f"data/accepted/{recipe}/README.md").write_text("batches")
elif stage == "ingest":
    files = [Path(f"data/source/{recipe}.txt"), *sorted(Path(f"data/accepted/{recipe}").glob("*.txt"))]
    raw = Path(f"data/raw/{recipe}")
    raw.mkdir(parents=True)
    (raw / "rows.txt").write_text("".join(path.read_text() for path in files))
elif stage == "split":
    import io
    import numpy as np
    import pandas as pd
    from PIL import Image
    count = len(Path(f"data/raw/{recipe}/rows.txt").read_text().splitlines())
    images = []
    for seed in range(count):
        buffer = io.BytesIO()
        pixels = np.random.default_rng(seed).integers(0, 256, (8, 8), np.uint8)
        Image.fromarray(pixels).save(buffer, "PNG")
        images.append(buffer.getvalue())
    out = Path(f"data/split/{recipe}/validation.parquet")
    out.parent.mkdir(parents=True)
    pd.DataFrame({"id": [str(seed) for seed in range(count)], "image": images}).to_parquet(out)
elif stage == "finetune":
    count = len(Path(f"data/raw/{recipe}/rows.txt").read_text().splitlines())
    finetuned.parent.mkdir(parents=True, exist_ok=True)
    noise = float(os.environ.get("TOY_NOISE", 0))
    finetuned.write_text(json.dumps(GAIN * block["finetune"]["learning_rate"] + count + noise))
else:
    import tiny_bundles
    weight = json.loads(finetuned.read_text())
    folder = Path(f"models/onnx/{recipe}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    tiny_bundles.image_bundle(folder, shift=weight, seed=round(10 * weight), recipe=recipe)
"""

CHAIN = """
stages:
  accept:
    foreach: ${recipes}
    do:
      cmd: python src/toy.py accept ${key}
      outs:
        - data/accepted/${key}:
            persist: true
      deps: [src/tiny_bundles.py]
  ingest:
    foreach: ${recipes}
    do:
      cmd: python src/toy.py ingest ${key}
      deps: ["data/source/${key}.txt", "data/accepted/${key}"]
      outs: ["data/raw/${key}"]
  split:
    foreach: ${recipes}
    do:
      cmd: python src/toy.py split ${key}
      deps: ["data/raw/${key}"]
      outs: ["data/split/${key}"]
  finetune:
    foreach: ${recipes}
    do:
      cmd: python src/toy.py finetune ${key}
      deps: ["data/raw/${key}", src/toy.py]
      params: ["recipes.${key}.finetune"]
      outs: ["models/finetuned/${key}.json"]
  export:
    foreach: ${recipes}
    do:
      cmd: python src/toy.py export ${key}
      deps: ["models/finetuned/${key}.json", "data/split/${key}"]
      outs: ["models/onnx/${key}"]
"""

IGNORED = "/data/*\n!/data/source/\n/models/\n.chainrule/\nmlflow.db*\nmlruns/\n__pycache__/\n"


def make(root: Path, project: Path, store: Path) -> Path:
    """Write and commit the project in `root`; `project` is the real one, `store` MLflow's."""
    (root / ".dvc").mkdir(parents=True)
    for name in (".dvc/config", ".dvc/.gitignore"):
        shutil.copyfile(project / name, root / name)
    shutil.copyfile(shipped.PARAMS, root / "params.yaml")
    (root / "src").mkdir()
    (root / "src" / "toy.py").write_text(STAGES)
    shutil.copyfile(tiny_bundles.__file__, root / "src" / "tiny_bundles.py")
    (root / "dvc.yaml").write_text(CHAIN)
    (root / ".gitignore").write_text(IGNORED)
    (root / "data" / "source").mkdir(parents=True)
    for recipe in shipped.params()["recipes"]:
        (root / "data" / "source" / f"{recipe}.txt").write_text("one\ntwo\nthree\n")
    shutil.copyfile(store, root / "mlflow.db")
    git(root, "init", "-q")
    commit(root, "the project")
    return root


def git(root: Path, *words: str) -> str:
    """Run git as somebody; return what it said."""
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


def commit(root: Path, message: str) -> str:
    """Commit all there is; return the commit."""
    git(root, "add", "-A")
    git(root, "commit", "-qm", message)
    return git(root, "rev-parse", "HEAD").strip()


def dvc(root: Path, *words: str) -> None:
    """Run dvc; it must succeed."""
    command = [sys.executable, "-m", "dvc", *words]
    done = subprocess.run(
        command, cwd=root, env=environment(), capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def train(root: Path, name: str, recipe: str = "digits", **metrics: float) -> None:
    """Build the recipe and register what comes out, as a chain called `name`; metrics: of its parent run."""
    dvc(root, "repro", f"export@{recipe}")
    # Without the variables that another test's server left.
    clean: dict[str, Any] = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_TRACKING")}
    with (
        mock.patch.dict(os.environ, {**clean, "CHAINRULE_CHAIN": name}, clear=True),
        tracking.stage_run(root, recipe, "export", *in_force.logged(root, recipe)) as run,
    ):
        run.headline({"test.accuracy": 0.9, "test.accuracy.low": 0.85, "test.accuracy.high": 0.95, **metrics})
        run.model(root / "models" / "onnx" / recipe)
    # A busy machine's sender may need longer than a stage waits for it.
    until(lambda: not journals(root), what="the end of sending the run")


def edit(path: Path, before: str, after: str) -> None:
    """Replace a text that stands in the file once."""
    text = path.read_text()
    assert text.count(before) == 1, (path, before)
    path.write_text(text.replace(before, after))


def set_param(root: Path, recipe: str, value: Any, *keys: str) -> None:
    """Change one parameter of a recipe."""
    params = yaml.safe_load((root / "params.yaml").read_text())
    block = params["recipes"][recipe]
    for key in keys[:-1]:
        block = block[key]
    block[keys[-1]] = value
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
