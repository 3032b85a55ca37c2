"""The parts of the page `trust` on how sure a model is, where the right numbers are known."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

import small_trainings
from chainrule.evaluation.parts import NotShownError
from chainrule.evaluation.scores import label
from chainrule.examination import uncertain
from chainrule.examination.looked import Looked
from chainrule.recipes.evaluate import Examine, Uncertainty
from chainrule.tasks.image_classification import figures
from chainrule.tasks.image_classification import model as task
from chainrule.training import prediction
from chainrule.training.inputs.image import Inputs

ROWS = 600
FACTS = small_trainings.FACTS
CARD = {"task": "image_classification", "modality": "image", "target": "label", "target_facts": {"classes": ["a", "b"]}}


class Pixels(nn.Module):
    """A net whose features are the pixels themselves."""

    out_features = 36

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.dropout(image.flatten(1))


def frame(inputs: Inputs, groups: int) -> pd.DataFrame:
    def png(pixels: torch.Tensor) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels.numpy()).save(buffer, "PNG")
        return buffer.getvalue()

    images = [png(inputs.take(torch.tensor([row]), None)["image"][0, 0]) for row in range(len(inputs))]
    labels = ["ab"[label] for label in inputs.target.tolist()]  # type: ignore[union-attr]
    return pd.DataFrame({"image": images, "label": labels, "group": np.arange(len(inputs)) % groups})


def looked(dropout: float = 0.3, rows: int = ROWS, groups: int = ROWS, weights: float = 0.5, **changes: Any) -> Looked:
    """A model that looks at which half of an image is brighter; chances of its answers to validation rows are drawn."""
    model: Any = task.build(Pixels(dropout), FACTS, CARD["target_facts"])  # type: ignore[arg-type]
    sides = torch.tensor([1.0, 1, 1, -1, -1, -1]).repeat(6)
    with torch.no_grad():
        model.head.weight.copy_(torch.stack([sides, -sides]) * weights)
        model.head.bias.zero_()
    random = np.random.default_rng(0)
    logits = random.normal(size=(rows, 2)) * 3
    first = 1 / (1 + np.exp(logits[:, 1] - logits[:, 0]))
    validation, train = small_trainings.images(rows, seed=1), small_trainings.images(300, seed=2)
    given: dict[str, Any] = {
        "recipe": "halves",
        "model": model.eval(),
        "card": CARD,
        "facts": FACTS,
        "train": frame(train, 300),
        "rows": frame(validation, groups),
        "inputs": validation,
        "outputs": {"logits": logits},
        "target": (random.random(rows) >= first).astype(int),
        "history": [],
        "measure": label,
        "figures": figures,
        "settings": Examine(passes=4),
        "asked": Uncertainty(),
        "seed": 0,
        "say": print,
    }
    return Looked(**{**given, **changes})


def test_the_line_keeps_to_the_risk_and_the_curve_is_drawn() -> None:
    found = uncertain.unsure(looked())
    assert found is not None
    assert found.numbers["risk"] <= 0.05 < found.numbers["wrong"]
    assert 0.1 < found.numbers["answered"] < 0.9
    assert "<svg" in found.body
    assert 'aria-label="Share of wrong answers' in found.body
    guess = looked(outputs={"logits": np.zeros((ROWS, 2))})
    assert "No number of the surest rows proves" in uncertain.unsure(guess).body  # type: ignore[union-attr]


def test_sets_hold_what_they_should_and_whole_groups_are_drawn() -> None:
    found = uncertain.sets(looked())
    assert found is not None
    for method in ("lac", "aps"):
        assert 0.88 < found.numbers[method]["coverage"] < 0.92
        assert 1 < found.numbers[method]["size"] < 2
    with pytest.raises(NotShownError, match="3 groups are too few"):
        uncertain.sets(looked(groups=3))


def test_noise_is_seen_by_the_distance_of_features() -> None:
    found = uncertain.foreign(looked(rows=100)).numbers
    assert found["pixels in another order"]["distance"]["auroc"] > 0.95
    assert found["pixels in another order"]["energy"]["auroc"] > 0.95  # no half is brighter: no logit is large
    # Features at length 1 forget how bright an image is, and light and dark exchanged turn them round.
    assert found["light and dark exchanged"]["distance"]["detected"] > 0.9
    with pytest.raises(NotShownError, match="20 training and validation rows"):
        uncertain.foreign(looked(rows=19))


def test_a_number_has_no_energy_and_no_sets() -> None:
    card = {**CARD, "target": "number", "target_facts": {"mean": 0.5, "std": 0.5}}
    model = small_trainings.task.build(Pixels(0.0), FACTS, CARD["target_facts"]).eval()  # type: ignore[arg-type]
    numbers = looked(rows=60, card=card, model=model)
    assert {by for each in uncertain.foreign(numbers).numbers.values() for by in each} == {"distance"}
    assert (uncertain.sets(numbers), uncertain.unsure(numbers), uncertain.dropout(numbers)) == (None, None, None)


def own(given: Looked) -> Looked:
    """The same with the model's own answers."""
    return given._replace(outputs=prediction.predict(given.model, given.inputs, 256))


def test_dropout_is_asked_where_there_is_any_and_rows_are_wrong() -> None:
    # Labels as the brighter half says but for a tenth, which no doubt can find: they are as clear as all others.
    labels = np.arange(ROWS) % 2
    labels[::10] = 1 - labels[::10]
    found = uncertain.dropout(own(looked(target=labels)))
    assert found is not None
    assert set(found.numbers) == {"probability of the likeliest label", "predictive entropy", "mutual information"}
    assert all(0.3 < area < 0.7 for area in found.numbers.values())
    assert "over 50 wrong and 50 right rows" in found.body
    with pytest.raises(NotShownError, match="has no dropout"):
        uncertain.dropout(own(looked(dropout=0.0)))
    with pytest.raises(NotShownError, match="0 of 600 rows are wrong; 5 of each are needed"):
        uncertain.dropout(own(looked(target=np.arange(ROWS) % 2)))
    assert uncertain.dropout(looked(settings=Examine(passes=0))) is None


def test_doubt_finds_what_is_wrong_where_the_two_halves_are_alike() -> None:
    """Rows whose halves hardly differ are answered at random, all others right."""
    given = looked(weights=0.05)
    pixels = torch.stack([given.inputs.take(torch.tensor([row]), None)["image"][0, 0] for row in range(ROWS)])
    pixels[::3, :, 3:] = pixels[::3, :, :3]  # both halves the same but for one pixel
    pixels[::3, 0, 0] ^= 1
    inputs = Inputs(pixels[..., None], torch.arange(ROWS) % 2, FACTS)
    found = uncertain.dropout(own(given._replace(inputs=inputs, target=np.arange(ROWS) % 2)))
    assert found is not None
    assert found.numbers["probability of the likeliest label"] > 0.8
    assert found.numbers["predictive entropy"] > 0.7
