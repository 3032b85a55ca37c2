"""Nats per character of a small GPT on plain text: pretraining with the objective `causal` through the project's loop.

The text is tinyshakespeare (CHAINRULE_REAL_DATA/lm-text), of which the last tenth is held out as in nanoGPT, and the
net nanoGPT's for a CPU (4 layers, 4 heads, 128 wide, blocks of 64, 12 rows a batch, 2,000 updates), which it says reach
1.88 nats (https://github.com/karpathy/nanoGPT#quick-start). Rows are windows of the text: of the training part in
several passes, each at another offset, of the held-out part one after the other. A row's first character is told
from nothing but the mark of its start, where nanoGPT gives one character before it; here, too, all 64 characters of
a window count, and the mark of its end does not.

    uv run python benchmarks/characters.py
"""

import argparse
import json
import math
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml
from torch import nn

from chainrule.recipes.file import complete
from chainrule.stages import job
from chainrule.stages.fetch import fetch
from chainrule.stages.pretrain import pretrain
from chainrule.system.files import read_json
from chainrule.training import weights
from chainrule.training.inputs import text
from chainrule.training.objectives import causal

RECIPE = "shakespeare"
WINDOW, BATCH = 64, 12
HELD_OUT, CHOOSING = 0.1, 0.02
"""Shares of the text: the last, which no stage sees, and the one before it, on which the stage measures its loss."""


def windows(characters: str, start: int = 0) -> list[str]:
    """Return a text from `start` on in rows of as many characters; what is left at the end is no row."""
    return [characters[place : place + WINDOW] for place in range(start, len(characters) - WINDOW + 1, WINDOW)]


def write_rows(folder: Path, characters: str, updates: int) -> list[str]:
    """Write the splits as the stage `split` does; return the held-out rows, which no stage sees."""
    held, choosing = (int(len(characters) * (1 - share)) for share in (HELD_OUT, HELD_OUT + CHOOSING))
    # As many rows as the updates take, each pass over the text at an offset of its own.
    passes = math.ceil(updates * BATCH / (choosing // WINDOW))
    training = [row for each in range(passes) for row in windows(characters[:choosing], each * WINDOW // passes)]
    folder.mkdir(parents=True)
    for name, rows in (("train", training[: updates * BATCH]), ("validation", windows(characters[choosing:held]))):
        pd.DataFrame({"id": map(str, range(len(rows))), "text": rows}).to_parquet(folder / f"{name}.parquet")
    pd.DataFrame({"id": [], "text": []}, dtype="str").to_parquet(folder / "unlabelled.parquet")
    return windows(characters[held:])


def block(learning_rate: float) -> dict[str, Any]:
    """Return the recipe."""
    net = {"name": "gpt", "layers": 4, "heads": 4, "width": 128, "max_length": WINDOW + 2, "dropout": 0.0}
    training = {"epochs": 1, "batch_size": BATCH, "learning_rate": learning_rate, "schedule": "cosine",
                "warm_up": 0.05, "weight_decay": 0.1, "gradient_clip": 1.0, "distort": {"drop": 0.0}}  # fmt: skip
    pretraining = {"objective": {"name": "causal"}, "tokenizer": {"kind": "characters"}, "training": training}
    return {"task": "text_classification", "modality": "text", "target": "label", "seed": 1337,
            "source": {"kind": "delimited", "path": ""}, "incoming": {"kind": "delimited"},
            "base": {"from": "nothing"}, "net": net, "pretrain": pretraining,
            "finetune": {"strategy": {"name": "full"}},
            **{name: {} for name in ("clean", "split", "augment", "evaluate", "export")}}  # fmt: skip


def run(root: Path, recipe: dict[str, Any], cores: int) -> float:
    """Run the stages that pretrain; return the seconds of the training stage."""
    (root / "params.yaml").write_text(yaml.safe_dump({"recipes": {RECIPE: recipe}}))
    for stage, work in (("fetch", fetch), ("pretrain", pretrain)):
        started = time.monotonic()
        given = job.Job(stage, RECIPE, root, complete(recipe), cores=cores)
        job.carry_out(given, work, trains=True)
    return time.monotonic() - started


@torch.no_grad()
def nats(folder: Path, recipe: dict[str, Any], rows: list[str]) -> float:
    """Return the mean nats per character of held-out rows, all characters of a row."""
    facts = text.load_facts(folder)
    net = weights.build_net(complete(recipe), facts, seed=0)
    weights.load_weights(net, folder / weights.WEIGHTS)
    objective = causal.build(net, facts).eval()
    inputs = text.of_fields([rows], None, facts)
    total = count = 0.0
    for index in inputs.order(256, None):
        ids = inputs.take(index, None)["input_ids"][:, : WINDOW + 1]  # without the mark of the end
        logits = objective.logits(ids[:, :-1], torch.ones_like(ids[:, :-1]))
        total += float(nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="sum"))
        count += ids[:, 1:].numel()
    return total / count


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description="Nats per character of a small GPT on tinyshakespeare.")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--learning-rate", type=float, default=0.003)
    parser.add_argument("--updates", type=int, default=2000)
    arguments = parser.parse_args()
    source = Path(os.environ["CHAINRULE_REAL_DATA"]) / "lm-text" / "tinyshakespeare.txt"
    with tempfile.TemporaryDirectory() as folder:
        root, recipe = Path(folder), block(arguments.learning_rate)
        held = write_rows(root / "data" / "split" / RECIPE, source.read_text(encoding="utf-8"), arguments.updates)
        seconds = run(root, recipe, arguments.cores)
        found = nats(root / "models" / "pretrained" / RECIPE, recipe, held)
        report = read_json(root / "reports" / RECIPE / "pretrain.json")
    said = {"nats_per_character": round(found, 4), "held_out_characters": len(held) * WINDOW, "seconds": round(seconds)}
    print(
        json.dumps(
            said | {"updates": arguments.updates, "cores": arguments.cores, "parameters": report["parameters"]},
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
