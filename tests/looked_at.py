"""Small models with known answers, as the pages of a model look at them."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import nn

from chainrule.examination.looked import Looked
from chainrule.nets import mlp
from chainrule.nets.catalogue import DEFAULTS
from chainrule.recipes.defaults import table
from chainrule.recipes.evaluate import Examine, Uncertainty
from chainrule.system import plugins
from chainrule.training import prediction, rows


def png(pixels: np.ndarray) -> bytes:
    """Return uint8 [H, W] or [H, W, 3] as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class Given(nn.Module):
    """A net whose features are the pixels themselves."""

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.out_features = pixels

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)


def of_images(
    net: nn.Module,
    images: np.ndarray,
    target: Sequence[Any],
    *,
    task: str = "image_classification",
    head: torch.Tensor | None = None,
    settings: Mapping[str, Any] | None = None,
    name: str = "cnn",
) -> Looked:
    """Look at a net on images uint8 [N, H, W, C]; head: its weight, [outputs, features]; name: the net's."""
    kind = {"image_classification": "label", "multi_label": "labels", "image_regression": "number"}[task]
    _, height, width, channels = images.shape
    facts = {"channels": channels, "height": height, "width": width, "mean": [0.0] * channels, "std": [1.0] * channels}
    column = rows.named({"task": task, "modality": "image"}, "target")[0]
    some = pd.DataFrame(
        {
            "id": [f"row {number}" for number in range(len(images))],
            "group": [str(number) for number in range(len(images))],
            "image": [png(image if channels == 3 else image[:, :, 0]) for image in images],
            column: list(target),
        }
    )
    return _looked(task, "image", kind, name, net, facts, some, head, settings)


def of_texts(
    net: nn.Module,
    facts: dict[str, Any],
    texts: Sequence[str],
    target: Sequence[str],
    settings: Mapping[str, Any] | None = None,
    name: str = "encoder",
) -> Looked:
    """Look at a net on texts with one label each; facts: of its inputs, the tokenizer among them; name: the net's."""
    some = pd.DataFrame({"id": [f"row {n}" for n in range(len(texts))], "text": list(texts), "label": list(target)})
    some = some.assign(group=some["id"])
    return _looked("text_classification", "text", "label", name, net, facts, some, None, settings)


def of_table(cells: Sequence[Mapping[str, float]], target: Sequence[str]) -> Looked:
    """Look at a fresh net on rows of numbers, with one label each."""
    names = {"number": list(cells[0]), **{kind: [] for kind in ("category", "date", "boolean", "text")}}
    normalise = {**table.DEFAULTS["clean"]["normalise"], **names}
    card = {"task": "table_classification", "modality": "table", "target": "label", "clean": {"normalise": normalise}}
    some = pd.DataFrame({"row": [json.dumps(row) for row in cells], "label": list(target)})
    some["id"] = some["group"] = [f"row {number}" for number in range(len(cells))]
    facts = rows.fit_facts(some, card, table.DEFAULTS["pretrain"]["tokenizer"])
    net = mlp.build(**plugins.load("training.inputs", "table").net_arguments(facts), **DEFAULTS["mlp"])
    return _looked("table_classification", "table", "label", "mlp", net, facts, some, None, None)


def _looked(
    task: str,
    modality: str,
    kind: str,
    name: str,
    net: nn.Module,
    facts: dict[str, Any],
    some: pd.DataFrame,
    head: torch.Tensor | None,
    settings: Mapping[str, Any] | None,
) -> Looked:
    card: dict[str, Any] = {"task": task, "modality": modality, "target": kind, "net": {"name": name}}
    card["target_facts"] = rows.fit_target(some, card)
    if kind == "labels":
        card["target_facts"]["thresholds"] = [0.5] * len(card["target_facts"]["classes"])
    torch.manual_seed(0)
    model = plugins.load(f"tasks.{task}", "model").build(net, facts, card["target_facts"]).eval()
    if head is not None:
        with torch.no_grad():
            model.head.weight.copy_(head)
            model.head.bias.zero_()
    inputs = rows.to_inputs(some, card, facts, card["target_facts"])
    return Looked(
        recipe="tiny",
        model=model,
        card=card,
        facts=facts,
        train=some,
        rows=some,
        inputs=inputs,
        outputs=prediction.predict(model, inputs, 64),
        target=rows.encoded_target(some, card, card["target_facts"]),
        history=[],
        measure=plugins.load(f"tasks.{task}", "metrics").measure,
        figures=plugins.load(f"tasks.{task}", "figures"),
        settings=Examine(**(settings or {})),
        asked=Uncertainty(),
        seed=7,
        say=lambda line: None,
    )
