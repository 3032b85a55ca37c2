"""Integrated gradients against what is known: linear models, nets that look at one thing, and weights that are gone."""

import numpy as np
import pytest
import torch
from torch import nn

from chainrule.evaluation.explanation import gradients
from chainrule.evaluation.explanation.divided import Parts
from chainrule.evaluation.explanation.integrated_gradients import COMPLETE, attribute
from chainrule.evaluation.explanation.parts import image, table
from chainrule.evaluation.explanation.paths import image as image_path
from chainrule.evaluation.explanation.paths import table as table_path
from chainrule.evaluation.explanation.paths import text as text_path
from chainrule.evaluation.explanation.targets import label, labels, number
from chainrule.examination.weighing import rank_correlation, shuffled
from chainrule.nets import mlp
from chainrule.training.bodies import image as image_body
from chainrule.training.bodies import table as table_body
from chainrule.training.bodies import text as text_body
from chainrule.training.targets import label as label_target
from chainrule.training.targets import number as number_target

FACTS = {"classes": ["a", "b"]}
STEPS = 64


class Corner(nn.Module):
    """Looks at the four pixels at the top left alone."""

    out_features = 4

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.tanh(images[:, 0, :2, :2].flatten(1))


class FirstToken(nn.Module):
    """Looks at the second token alone."""

    out_features = 3

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(9, 3)

    @property
    def embeddings(self) -> torch.Tensor:
        return self.tokens.weight

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.tokens(input_ids)

    def pool(self, states: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return states[:, 1] ** 3


def test_a_linear_score_has_its_coefficients_times_the_way_as_attributions():
    weights = torch.tensor([2.0, -1.0, 0.5])

    def scored(places):
        return (places @ weights).double().numpy(), weights.expand_as(places)

    start, end = torch.tensor([1.0, 1.0, 1.0]), torch.tensor([2.0, 0.0, 5.0])
    found = attribute(scored, start, end, 4)
    np.testing.assert_allclose(found.attributions, (weights * (end - start)).numpy(), rtol=1e-6)
    assert found.deviation < 1e-6
    assert found.steps == 4


def test_steps_are_doubled_until_attributions_add_up():
    def scored(places):
        wave = torch.sin(20 * places)
        return wave.sum(dim=1).double().numpy(), 20 * torch.cos(20 * places)

    few = attribute(scored, torch.zeros(1), torch.full((1,), 1.03), 4)
    assert few.steps > 4
    assert few.deviation <= COMPLETE
    assert few.attributions.sum() == pytest.approx(np.sin(20 * 1.03), rel=COMPLETE)


def explain(model, target, inputs, parts, way, place=0):
    run, start, end = way.ends(model, inputs, parts)
    found = attribute(gradients.scored(run, target, place), start, end, STEPS)
    return way.placed(model, found.attributions), found


def test_a_net_that_looks_at_one_corner_is_said_to():
    torch.manual_seed(1)
    model = image_body.Model(Corner(), label_target, {"mean": [0.4], "std": [0.2]}, FACTS).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (1, 1, 6, 6), dtype=np.uint8)
    inputs = {"image": pixels}
    places, found = explain(model, label, inputs, image.divide(inputs, {}, {}, None, 9), image_path)
    assert found.deviation <= COMPLETE
    assert np.abs(places[:2, :2]).min() > 0
    assert not np.delete(places.ravel(), [0, 1, 6, 7]).any()


def test_a_net_that_looks_at_one_word_is_said_to():
    torch.manual_seed(1)
    model = text_body.Model(FirstToken(), label_target, {}, FACTS).eval()
    inputs = {"input_ids": np.array([[3, 4, 5, 6]]), "attention_mask": np.ones((1, 4), np.int64)}
    blank = {**inputs, "input_ids": np.array([[1, 1, 1, 1]])}
    parts = Parts([{}] * 4, np.arange(4), lambda masks: inputs, blank, "")
    places, found = explain(model, label, inputs, parts, text_path)
    assert found.deviation <= COMPLETE
    assert places[1] != 0
    assert not np.delete(places, 1).any()


def perceptron(target, facts):
    """A linear model of two numbers, of which the first may be missing, and a category of three."""
    rows = {"number": ["x", "y"], "date": [], "parts": {}, "category": ["c"], "places": {"c": {"p": 1, "q": 2}},
            "absent": {"c": 3}, "text": [], "words": {"most": 1, "buckets": 1}, "fill": [0.5, 2.0], "mean": [1.0, 0.0],
            "std": [2.0, 4.0], "gaps": [True, False]}  # fmt: skip
    net = mlp.build([[-1, 1]] * 2, 1, [4], 0, 1, embedding=None, layers=0, width=1, dropout=0.0)
    torch.manual_seed(2)
    return table_body.Model(net, target, rows, facts, table_body.mean).eval(), rows


@pytest.mark.parametrize("missing", [False, True])
def test_a_linear_model_of_a_row_has_its_weights_times_its_cells(missing):
    model, rows = perceptron(number_target, {"mean": 5.0, "std": 3.0, "half_width": 0.0})
    first = np.nan if missing else 4.5
    inputs = {"numbers": np.array([[first, 10.0]], np.float32), "categories": np.array([[2]])}
    parts = table.divide(inputs, {"row": {}}, rows, None, 10)
    places, found = explain(model, number, inputs, parts, table_path)
    scale = float(model.target_std)
    x, y, gap, p, q, _ = (scale * model.head.weight[0]).tolist()
    known = [gap if missing else x * (4.5 - 0.5) / 2, y * (10 - 2) / 4, q - p]
    np.testing.assert_allclose(places, known, rtol=1e-4)
    assert found.deviation < 1e-4


@pytest.mark.parametrize("target", [label, labels])
@pytest.mark.parametrize("place", [0, 2])
def test_gradients_of_scores_are_their_slopes(target, place):
    logits = np.random.default_rng(0).normal(size=(3, 4))
    told = target.gradient({"logits": logits}, place)
    for column in range(4):
        nudged = logits.copy()
        nudged[:, column] += 1e-6
        slope = (target.score({"logits": nudged}, place) - target.score({"logits": logits}, place)) / 1e-6
        np.testing.assert_allclose(told[:, column], slope, atol=1e-4)


def test_the_log_odds_of_two_labels_are_those_of_the_probability():
    logits = np.array([[1.0, 3.0]])
    chance = 1 / (1 + np.exp(-2.0))
    assert label.score({"logits": logits}, 1)[0] == pytest.approx(np.log(chance / (1 - chance)))
    assert label.likeliest({"logits": logits})[0] == 1


def test_shuffled_weights_give_another_map_and_an_edge_detector_would_not():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 16))
    net.out_features = 16
    model = image_body.Model(net, label_target, {"mean": [0.5], "std": [0.25]}, FACTS).eval()
    other = shuffled(model, seed=0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    likenesses = []
    for seed in range(6):
        pixels = np.random.default_rng(seed).integers(0, 256, (1, 1, 8, 8), dtype=np.uint8)
        inputs = {"image": pixels}
        parts = image.divide(inputs, {}, {}, None, 49)
        own, lost = (explain(each, label, inputs, parts, image_path)[0] for each in (model, other))
        likenesses.append(rank_correlation(own, lost))
    assert abs(np.mean(likenesses)) < 0.3
    assert rank_correlation(pixels, pixels) == pytest.approx(1)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.equal(*(each.net[1].weight.flatten().sort().values for each in (model, other)))
