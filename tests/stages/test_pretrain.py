"""The stage `pretrain` on rows of a moment: weights and a page from every objective of texts, and from none."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from safetensors.torch import load_file

from chainrule.evaluation import pretraining
from chainrule.recipes.file import complete
from chainrule.stages import job
from chainrule.stages.fetch import fetch
from chainrule.stages.pretrain import pretrain
from chainrule.training.inputs import text

RECIPE = "mine"
SENTENCES = [
    f"the {animal} {verb}. then it {verb} again" for animal in ("cat", "dog") for verb in ("sat", "ran", "sang")
]
SIZES: dict[str, Any] = {"layers": 1, "width": 16, "heads": 2, "max_length": 24, "dropout": 0.0}


def block(objective: str, net: dict[str, Any], **tokenizer: Any) -> dict[str, Any]:
    training = {"epochs": 1, "batch_size": 4}
    return {
        "task": "text_classification",
        "modality": "text",
        "target": "label",
        "seed": 1,
        "source": {"kind": "delimited", "path": "none.csv"},
        "incoming": {"kind": "delimited"},
        "base": {"from": "nothing"},
        "net": net,
        "pretrain": {
            "objective": {"name": objective},
            "tokenizer": {"vocabulary": 120, **tokenizer},
            **({} if objective == "none" else {"training": training}),
        },
        "finetune": {"strategy": {"name": "full"}},
        **{name: {} for name in ("clean", "split", "augment", "evaluate", "export")},
    }


def run(root: Path, recipe: dict[str, Any]) -> str:
    """Run the stage and what it stands on; return its page."""
    split = root / "data" / "split" / RECIPE
    split.mkdir(parents=True, exist_ok=True)
    for name, rows in (("train", SENTENCES * 2), ("validation", SENTENCES), ("unlabelled", SENTENCES[:2])):
        pd.DataFrame({"id": map(str, range(len(rows))), "text": rows}).to_parquet(split / f"{name}.parquet")
    (root / "params.yaml").write_text(yaml.safe_dump({"recipes": {RECIPE: recipe}}))
    for stage, work in (("fetch", fetch), ("pretrain", pretrain)):
        job.carry_out(job.Job(stage, RECIPE, root, complete(recipe)), work)
    return pretraining.draw(root, RECIPE).read_text(encoding="utf-8")


@pytest.mark.parametrize("objective", ["none", "masked_and_next", "skip_gram", "causal"])
def test_an_objective_leaves_weights_and_a_page_of_the_same_bytes(tmp_path: Path, objective: str) -> None:
    net = {"name": "gpt", **SIZES} if objective == "causal" else {"name": "encoder", "feed_forward": 16, **SIZES}
    page = run(tmp_path, block(objective, net))
    folder = tmp_path / "models" / "pretrained" / RECIPE
    assert (folder / "model.safetensors").is_file() == (objective != "none")
    assert "random numbers" in page and objective in page
    assert ("data:image/png" in page) == (objective != "none")
    if objective != "none":
        first = load_file(folder / "model.safetensors")
        assert run(tmp_path, block(objective, net)) == page
        again = load_file(folder / "model.safetensors")
        assert all((again[name] == weight).all() for name, weight in first.items())


def test_characters_are_tokens_where_the_recipe_says_so(tmp_path: Path) -> None:
    page = run(tmp_path, block("causal", {"name": "gpt", **SIZES}, kind="characters"))
    facts = text.load_facts(tmp_path / "models" / "pretrained" / RECIPE)
    assert facts["vocabulary"] == 5 + len(set("".join(SENTENCES)))
    assert re.search(r"the (cat|dog) ?▸", page)  # the start and seven characters
