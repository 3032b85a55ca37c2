"""`chainrule rates`: what it writes beside a recipe's report, and what it says where something is missing."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

import shipped
from chainrule.recipes.file import recipe_block
from chainrule.stages import rates
from chainrule.stages.fetch import fetch
from chainrule.stages.job import Job, carry_out
from chainrule.stages.pretrain import pretrain
from chainrule.system.errors import ChainruleError, DataError
from chainrule.system.files import read_json


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copy(shipped.PARAMS, tmp_path)
    return tmp_path


def test_names_what_is_missing_and_what_makes_it(root: Path) -> None:
    (root / "data" / "split" / "digits").mkdir(parents=True)
    with pytest.raises(DataError) as raised:
        rates.rates(root, "finetune", "digits", 1)
    assert str(raised.value) == (
        "models/base/digits and models/pretrained/digits and data/augmented/digits are not here: "
        "`dvc repro fetch@digits pretrain@digits augment@digits` makes them"
    )


def test_a_recipe_without_pretraining_has_no_rates_of_it(root: Path) -> None:
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["recipes"]["digits"]["pretrain"] = {"objective": {"name": "none"}, "training": None}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(ChainruleError, match="digits has no pretraining: its objective is none"):
        rates.rates(root, "pretrain", "digits", 1)


def test_an_unknown_recipe_is_one_line(root: Path) -> None:
    command = [sys.executable, "-m", "chainrule.cli", "rates", "digit", "--root", str(root)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    assert "digit" in ended.stderr


def write_images(path: Path, rows: int) -> None:
    """Write rows of noise with a bright left (label 0) or right half (label 1)."""
    drawn = np.random.default_rng(rows)
    found = []
    for row in range(rows):
        pixels = drawn.integers(0, 120, (8, 8), np.uint8)
        pixels[:, 4 * (row % 2) : 4 * (row % 2) + 4] += 100
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        found.append({"image": buffer.getvalue(), "label": str(row % 2)})
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(found, columns=["image", "label"]).to_parquet(path)


@pytest.fixture
def ready(root: Path) -> Path:
    """A recipe of a few small images, up to the pretraining that it has none of."""
    params = yaml.safe_load((root / "params.yaml").read_text())
    digits = params["recipes"]["digits"]
    digits["net"] = {"name": "cnn", "width": 4, "depth": 1, "dropout": 0.0}
    digits["pretrain"] = {"objective": {"name": "none"}, "training": None}
    digits["finetune"] |= {"batch_size": 8, "precision": "fp32", "distort": {"shift": 0}}
    (root / "params.yaml").write_text(yaml.safe_dump({"recipes": {"digits": digits}}))
    for part, rows in (("train", 32), ("validation", 8), ("unlabelled", 0)):
        write_images(root / f"data/split/digits/{part}.parquet", rows)
    write_images(root / "data/augmented/digits/train.parquet", 32)
    for stage, work in (("fetch", fetch), ("pretrain", pretrain)):
        carry_out(Job(stage, "digits", root, recipe_block(root, "digits")), work)
    return root


def test_writes_the_curve_of_the_recipes_own_training_and_nothing_of_the_stage(
    ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path for path in ready.rglob("*") if path.is_file()}
    rates.rates(ready, "finetune", "digits", 1)
    report = ready / "reports" / "digits"
    made = {path for path in ready.rglob("*") if path.is_file()} - before
    assert made == {report / "learning_rate.json", report / "learning_rate.png"}
    found = read_json(report / "learning_rate.json")
    assert {name: found[name] for name in ("key", "in_force", "optimizer", "batch_size")} == {
        "key": "finetune.learning_rate", "in_force": 0.003, "optimizer": "adamw", "batch_size": 8,
    }  # fmt: skip
    assert len(found["rates"]) == len(found["losses"]) == len(found["smoothed"])
    assert Image.open(report / "learning_rate.png").size[0] > 400
    said = capsys.readouterr().out
    assert f"the loss falls fastest at {found['suggested']:g}: set recipes.digits.finetune.learning_rate" in said
    assert "it is 0.003 now" in said
