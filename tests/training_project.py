"""A project in which recipes go from split rows to a fine-tuned model in a second each, by the real stages."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

import chain_project
from chainrule.system.files import write_rows

CNN = {"name": "cnn", "width": 4, "depth": 2, "dropout": 0.0}
BERT = {"name": "encoder", "layers": 1, "width": 16, "heads": 2, "feed_forward": 16, "max_length": 16, "dropout": 0.0}
WORDS = {"up": ("good", "fine", "kind"), "down": ("grey", "cold", "slow"), "level": ("flat", "even", "same")}


def block(modality: str, strategy: dict[str, Any], base: str = "nothing", **more: Any) -> dict[str, Any]:
    """Return a recipe that classifies images or texts; more: of its sections."""
    given = {
        "task": f"{modality}_classification",
        "modality": modality,
        "target": "label",
        "seed": 5,
        "base": {"from": base},
        "net": {"image": CNN, "text": BERT}[modality],
        "pretrain": {"objective": {"name": "none"}},
    }
    finetune = {"epochs": 2, "batch_size": 8, "learning_rate": 0.01, "precision": "fp32", **more.pop("finetune", {})}
    return {**given, "finetune": {"strategy": strategy, **finetune}, **more}


def write(root: Path, recipe: str, rows: pd.DataFrame, copies: int = 0) -> None:
    """Write rows as split rows, a quarter of them for validation, and the training rows' copies."""
    held_out = rows.index % 4 == 3
    splits = {"train": rows[~held_out], "validation": rows[held_out], "unlabelled": rows[:0]}
    for name, part in splits.items():
        write_rows(root / f"data/split/{recipe}/{name}.parquet", part.reset_index(drop=True))
    train = splits["train"]
    again = [train.assign(id=train["id"] + f"+{number + 1}", origin=train["id"]) for number in range(copies)]
    write_rows(root / f"data/augmented/{recipe}/train.parquet", pd.concat([train, *again], ignore_index=True))


def texts(count: int, classes: tuple[str, ...] = ("up", "down"), seed: int = 0) -> pd.DataFrame:
    """Return texts of words that tell their class."""
    random = np.random.default_rng(seed)
    labels = [classes[row // 4 % len(classes)] for row in range(count)]
    said = [" ".join(random.choice(WORDS[label], 5)) for label in labels]
    ids = [f"{seed}-{row:03}" for row in range(count)]
    return pd.DataFrame({"id": ids, "text": said, "label": labels, "origin": "made.csv"})


def images(count: int, classes: tuple[str, ...] = ("up", "down"), seed: int = 0, side: int = 8) -> pd.DataFrame:
    """Return images that are bright above, below or everywhere, by their class."""
    random = np.random.default_rng(seed)
    labels = [classes[row // 4 % len(classes)] for row in range(count)]
    encoded = []
    for label in labels:
        pixels = random.integers(0, 120, (side, side), np.uint8)
        pixels[{"up": slice(0, side // 2), "down": slice(side // 2, side), "level": slice(0, side)}[label]] += 100
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "png")
        encoded.append(file.getvalue())
    ids = [f"{seed}-{row:03}" for row in range(count)]
    return pd.DataFrame({"id": ids, "image": encoded, "label": labels, "origin": "made.zip"})


def run(root: Path, recipe: str, block: dict[str, Any], *stages: str) -> dict[str, Any]:
    """Run stages one after the other, by default all from the base to the model; return what fine-tuning reports."""
    chain_project.write(root, {recipe: block})
    chain_project.run(root, recipe, *(stages or ("fetch", "pretrain", "finetune")))
    report: dict[str, Any] = json.loads((root / f"reports/{recipe}/finetune.json").read_text())
    return report
