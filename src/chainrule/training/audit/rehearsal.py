"""A recipe's objectives on a few small rows, built data or not: what a check of derivatives goes through."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.recipes.file import given_block, plug_in
from chainrule.system import plugins
from chainrule.system.errors import ChainruleError
from chainrule.system.files import read_rows
from chainrule.training import rows, start, weights
from chainrule.training.batches import views

ROWS, SIDE, TOKENS = 4, 64, 12
"""Rows of a trial, and the most that is taken of an image or a text."""
MADE_UP: dict[str, list[Any]] = {
    "label": ["a", "b"],
    "labels": ['["a"]', '["a", "b"]'],
    "number": [0.5, 2.0],
    "answer": ['[{"text": "chain", "start": 0}]', "[]"],
    "spans": ['[[0, 4, "a"]]', '[[0, 4, "b"]]'],
}
"""Values of a target that can be made up, by its kind; one after the other in the rows."""


class Trial(NamedTuple):
    """An objective, what it is called with, and what both are, in words."""

    said: str
    objective: nn.Module
    batches: list[dict[str, Tensor]]


def trials(root: Path, recipe: str, block: dict[str, Any]) -> Iterator[Trial]:
    """Yield the trial of fine-tuning, and that of pretraining if the recipe has an objective.

    The rows are the first of the recipe's training rows, with the facts of its pretraining; before these are built,
    made-up ones. ChainruleError, with the remedy, where the net cannot be known yet.
    """
    block, facts, table, origin = _known(root, recipe, block)
    if table is None:
        target, inputs = _made_up(block, facts)
    else:
        target = rows.fit_target(table, block)
        inputs = rows.to_inputs(table.head(ROWS), block, facts, target)
    task = plugins.load(f"tasks.{block['task']}", "model")
    net = weights.build_net(block, facts, block["seed"])
    model = task.build(net, facts, target)
    settings = block["finetune"]
    supervised = task.objective(
        model,
        target,
        inputs.target,
        label_smoothing=settings.get("label_smoothing", 0.0),
        loss=settings.get("loss"),
    )
    yield Trial(f"fine-tuning, {origin}", supervised, _small(supervised, inputs, block["modality"]))
    name, options = plug_in(block["pretrain"]["objective"], "name")
    net = weights.build_net(block, facts, block["seed"])
    objective = plugins.load("training.objectives", name).build(net, facts, **options)
    if objective is not None:
        yield Trial(f"pretraining by {name}, {origin}", objective, _small(objective, inputs, block["modality"]))


def _known(root: Path, recipe: str, block: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], Any, str]:
    """Return the block with the net that is built, the inputs' facts, the rows or None, and where they are from."""
    kind = plugins.load("training.inputs", block["modality"])
    pretrained, split = root / "models" / "pretrained" / recipe, root / "data" / "split" / recipe / "train.parquet"
    if (pretrained / weights.NET).is_file() and split.is_file():
        block = {**block, **weights.load_net(pretrained)}
        return block, kind.load_facts(pretrained), read_rows(split), f"rows of {split.relative_to(root)}"
    folder = root / "models" / "base" / recipe
    given = None
    if block["base"]["from"] != "nothing":
        if not (folder / start.CARD).is_file():
            raise ChainruleError(
                f"what {recipe} starts from says which net it is, and is not here: `dvc repro fetch@{recipe}` brings it"
            )
        base, written = start.read(folder), given_block(root, recipe)["net"]
        block, given = {**block, "net": start.resolved(block["net"], base, written)[0]}, base.inputs
    if block["modality"] not in _FIELDS or block["target"] not in MADE_UP:
        raise ChainruleError(
            f"no rows can be made up for {block['task']}: `dvc repro pretrain@{recipe}` makes those of the recipe"
        )
    facts = kind.fit_facts(_fields(block), block["pretrain"]["tokenizer"], given, block["clean"]["normalise"])
    return block, facts, None, "made-up rows"


def _made_up(block: dict[str, Any], facts: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return the facts of a made-up target, and rows with it."""
    field = plugins.load("fields", block["target"])
    values = [MADE_UP[block["target"]][row % 2] for row in range(ROWS)]
    target = field.fit(values)
    encoded = torch.from_numpy(field.encode(values, target))
    kind = plugins.load("training.inputs", block["modality"])
    return target, kind.of_fields(_fields(block), encoded, facts)


def _fields(block: dict[str, Any]) -> list[Any]:
    return [_FIELDS[block["modality"]](block) for _ in rows.named(block, "input")]


def _images(block: dict[str, Any]) -> Tensor:
    """Return noise, uint8 [ROWS, side, side, channels], of the size that the recipe gives its images."""
    normalise = block["clean"]["normalise"]
    side = normalise.get("size") or 32
    height, width = (side, side) if isinstance(side, int) else side
    shape = (ROWS, height, width, 1 if normalise.get("mode") == "L" else 3)
    return torch.from_numpy(np.random.default_rng(block["seed"]).integers(0, 256, shape, np.uint8))


def _sounds(block: dict[str, Any]) -> list[np.ndarray]:
    """Return noise, int16 [a fifth of a second] each, at the rate that the recipe gives its sounds."""
    length = max(1, round(0.2 * block["clean"]["normalise"]["rate"]))
    random = np.random.default_rng(block["seed"])
    return [random.integers(-8000, 8000, length).astype(np.int16) for _ in range(ROWS)]


def _texts(block: dict[str, Any]) -> list[str]:
    """Return texts of a few words each."""
    words = ["chain", "rule", "gradient", "loss", "weight", "layer", "depth", "factor"]
    chosen = np.random.default_rng(block["seed"]).choice(words, (ROWS, TOKENS))
    return [" ".join(row) for row in chosen]


def _tables(block: dict[str, Any]) -> Any:
    """Return rows of the columns that the recipe has, with a gap in each number."""
    random = np.random.default_rng(block["seed"])
    values: dict[str, Sequence[Any]] = {
        "number": [0.5, 2.0, None, -1.0],
        "category": ["a", "b", "a", "b"],
        "date": ["2011-01-20T05:00:00", "2012-07-01T17:30:00", "2012-12-24T00:00:00", "2011-04-02T12:00:00"],
        "boolean": [True, False, True, False],
        "text": ["chain rule", "gradient", "loss of weight", "layer"],
    }
    columns = [(name, values[kind]) for kind in values for name in block["clean"]["normalise"][kind]]
    orders = {name: random.permutation(ROWS) for name, _ in columns}
    made = [{name: cells[orders[name][row]] for name, cells in columns} for row in range(ROWS)]
    return plugins.load("training.inputs", "table").held(made, list)


_FIELDS = {"audio": _sounds, "image": _images, "table": _tables, "text": _texts}


def _small(objective: nn.Module, inputs: Any, modality: str) -> list[dict[str, Tensor]]:
    """Return the batches of a trial, cut to a size that takes a moment, or whole where the net takes no less."""
    batches = views(objective, inputs, torch.arange(len(inputs))[:ROWS], None, torch.device("cpu"))
    cut = [{name: _cut(tensor, modality) for name, tensor in batch.items()} for batch in batches]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            objective(*cut)
    except Exception:  # whatever a net raises on a shape
        return batches
    return cut


def _cut(tensor: Tensor, modality: str) -> Tensor:
    if modality == "image" and tensor.ndim == 4:
        return tensor[..., :SIDE, :SIDE]
    return tensor[:, :TOKENS] if modality == "text" and tensor.ndim == 2 and not tensor.is_floating_point() else tensor
