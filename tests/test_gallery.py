"""The gallery: a short recipe of examples/ for every task, and a tiny cut of its real data through the whole chain."""

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import chain_project
from chainrule.serving import loading
from chainrule.serving.store import Wanted
from chainrule.tasks.catalogue import TASKS

EXAMPLES = Path(__file__).parents[1] / "examples"
DATA, MODELS = os.environ.get("CHAINRULE_REAL_DATA"), os.environ.get("CHAINRULE_REAL_MODELS")
SHOWN = {
    "audio_classification": "spoken_digits",
    "detection": "bccd",
    "image_classification": "mnist",
    "image_text_classification": "easy_vqa",
    "item_ranking": "filmtrust_lists",
    "multi_label": "goemotions",
    "question_answering": "xquad_zh",
    "recommendation": "filmtrust",
    "segmentation": "isbi_membrane",
    "table_classification": "titanic",
    "table_regression": "wine_quality",
    "text_classification": "hotels",
    "text_generation": "tang",
    "text_pair_classification": "sick",
    "token_classification": "wikigold",
    "translation": "multi30k",
    "word_vectors": "wiki_words",
}
"""The example of each task that is run here: one of a base, the others from random numbers."""
NO_SET = {"image_regression"}
"""Of which no public set small enough was found."""
ROWS = 20
MORE = {
    "mnist": 120,
    "goemotions": 1500,
    "spoken_digits": 60,
    "easy_vqa": 160,
    "filmtrust": 3000,
    "filmtrust_lists": 3000,
}
"""Rows of what has rare classes, of which each needs a few, six speakers, or users, who need several rows each."""
FIRST = ("accept", "ingest")
REST = ("clean", "split", "augment", "fetch", "pretrain", "finetune", "evaluate", "export")


def test_every_task_is_in_the_gallery() -> None:
    assert set(SHOWN) | NO_SET == set(TASKS)
    assert {task: block(name)["task"] for task, name in SHOWN.items()} == {task: task for task in SHOWN}


@pytest.mark.parametrize("name", SHOWN.values())
def test_a_cut_of_its_data_goes_from_raw_rows_to_a_bundle(name: str, tmp_path: Path) -> None:
    if DATA is None or MODELS is None:
        pytest.skip("CHAINRULE_REAL_DATA and CHAINRULE_REAL_MODELS name no folders of real data sets and bases")
    recipe = quick(block(name))
    recipe["source"]["path"] = str(Path(DATA) / recipe["source"]["path"])
    if recipe["base"]["from"] != "nothing":
        origin = tmp_path / "models" / recipe["base"]["from"]
        origin.mkdir(parents=True)
        (origin / recipe["base"]["name"]).symlink_to(Path(MODELS) / recipe["base"]["name"])
    chain_project.write(tmp_path, {name: recipe})
    chain_project.run(tmp_path, name, *FIRST)
    cut(tmp_path / "data" / "raw" / name / "rows.parquet", MORE.get(name, ROWS))
    chain_project.run(tmp_path, name, *REST)
    metrics = json.loads((tmp_path / "reports" / name / "metrics.json").read_text())
    assert metrics["test"] and metrics["floor"]
    wanted = Wanted(name, "1", tmp_path / "models" / "onnx" / name, None)
    bundle, _ = loading.load(wanted, loading.Options("cpu", None, 1))  # answers made-up requests, or it is refused
    assert bundle.signature["task"] == recipe["task"]


def block(name: str) -> dict[str, Any]:
    """Return the recipe of an example."""
    recipes: dict[str, dict[str, Any]] = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"))[
        "recipes"
    ]
    return recipes[name]


def quick(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return the recipe with one epoch, and no variants of the bundle."""
    recipe["finetune"] |= {"epochs": 1}
    if "training" in recipe["pretrain"]:
        recipe["pretrain"]["training"] |= {"epochs": 1}
    recipe["augment"] = {}
    recipe["split"] |= {"tolerance": 1.0}
    recipe["evaluate"] |= {"resamples": 100}
    # One epoch hardly tells rows of many labels apart: rounding may carry one of a thousand over a label's line.
    recipe["export"] |= {"variants": {"int8": "never", "fp16": "never"}, "agreement": 0.999}
    return recipe


def cut(path: Path, most: int) -> None:
    """Keep so many raw rows of each part, evenly."""
    rows = pd.read_parquet(path)
    parts = rows["part"] if "part" in rows else pd.Series("", index=rows.index)
    kept = [own.index[:: max(1, len(own) // most)][:most] for _, own in rows.groupby(parts.fillna(""))]
    rows.loc[sorted(index for own in kept for index in own)].to_parquet(path)
