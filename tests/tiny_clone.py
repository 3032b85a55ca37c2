"""Recipes small enough to run the real chain in a minute, and the environment to run it in."""

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

DOCS = Path(__file__).parents[1] / "docs" / "params.md"
TINY_TRAINING = {"epochs": 2, "batch_size": 128}


def tiny(params: dict[str, Any]) -> dict[str, Any]:
    """Return the project's recipes with little data and small nets, and a third one that is a block of params alone."""
    digits, reviews = params["recipes"]["digits"], params["recipes"]["reviews"]
    digits["augment"]["copies"] = 1
    digits["net"] |= {"width": 8, "depth": 1}
    reviews["source"] |= {"labelled": 1000, "unlabelled": 500}
    reviews["split"]["tolerance"] = 1.0
    reviews["net"] |= {"layers": 1, "width": 32, "heads": 2, "feed_forward": 64}
    for block in (digits, reviews):
        block["pretrain"].setdefault("training", {}).update(TINY_TRAINING)
        block["finetune"] |= TINY_TRAINING
        block["evaluate"]["resamples"] = 100
    mine = photographs()
    mine["net"] |= {"width": 8, "depth": 1}
    mine["finetune"] |= TINY_TRAINING
    mine["evaluate"]["resamples"] = 100
    params["recipes"]["mine"] = mine
    return params


def photographs() -> dict[str, Any]:
    """Return the recipe that the documentation shows for folders of photographs, as it is there."""
    shown = re.search(
        r"^```yaml\n(recipes:\n  mine:\n.*?)^```", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert shown, f"{DOCS} shows no recipe"
    recipe: dict[str, Any] = yaml.safe_load(shown[1])["recipes"]["mine"]
    return recipe


def write_images(folder: Path) -> None:
    """Write two classes of noisy photographs of many sizes, one broken file and one exact duplicate."""
    random = np.random.default_rng(0)
    for label, base in (("dark", 30), ("light", 200)):
        (folder / label).mkdir(parents=True)
        for number in range(60):
            height, width = random.integers(40, 120, 2)
            pixels = np.clip(random.normal(base, 25, (height, width, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number:03d}.jpg")
    (folder / "dark" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    shutil.copy(folder / "light" / "000.jpg", folder / "light" / "copy.jpg")


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a user of the clone: this interpreter first on the path, MLflow's default store."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_TRACKING", "CHAINRULE_"))
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**inherited, "PATH": path, "NO_COLOR": "1", **variables}
