"""Histograms of weights and outputs, and what is said of them: moved, frozen, dead, saturated."""

import numpy as np
import pytest
import torch
from torch import nn

from chainrule.evaluation.parts import NotShownError
from chainrule.examination import activations, ridges, trace, weights
from chainrule.examination.blocks import seen
from chainrule.examination.outline import outline


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2)).eval()


def test_how_far_weights_have_moved() -> None:
    model = net()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    with torch.no_grad():
        model[0].weight *= 1.5
        model[4].weight.zero_()
    found = weights.blocks(model, outline(seen(model, {"input": torch.zeros(1, 4)})), before)
    shares = {each.name: each.share for each in found}
    assert shares == {"0": pytest.approx(0.5), "2": 0.0, "4": pytest.approx(1.0)}
    assert found[0].after.shape == (32,)  # without the bias
    said = " ".join(weights.in_words(found))
    assert "Moved most: 4 by 100.0% of its length; least: 2 by 0.0%." in said
    assert "As they were before: 2." in said
    assert "More than half zeros: 4." in said


def test_weights_that_were_not_there_before_have_no_past() -> None:
    model = net()
    before = {"0.weight": torch.zeros(3, 3)}
    found = weights.blocks(model, outline(seen(model, {"input": torch.zeros(1, 4)})), before)
    assert [each.before for each in found] == [None, None, None]
    assert weights.in_words(found) == []
    with torch.no_grad():
        model[2].weight[0, 0] = float("nan")
    found = weights.blocks(model, outline(seen(model, {"input": torch.zeros(1, 4)})), {})
    assert weights.in_words(found) == ["With numbers that are not finite: 2."]


def test_dead_units_and_saturation_are_counted() -> None:
    model = net()
    with torch.no_grad():
        model[0].bias[:3] = -100.0  # three units that nothing wakes
        model[0].bias[3:] = 5.0
        model[2].bias += 50.0  # tanh at its end
    rows = {"input": torch.rand(16, 4)}
    found = activations.watched(model, rows, {"0", "1", "3"})
    relu, tanh = found.activations
    assert (relu.module, relu.function, relu.units, relu.dead) == ("1", "relu", 8, 3)
    assert relu.low == 3 / 8
    assert (tanh.function, tanh.high, tanh.low) == ("tanh", 1.0, 0.0)
    said = " ".join(activations.in_words(found.activations))
    assert "1 (3 of 8)" in said
    assert "Saturated, so that hardly a gradient passes: 3 (tanh, 100%)" in said
    assert np.allclose(found.outputs["0"], model[0](rows["input"]).detach().flatten().numpy())


class Functional(nn.Module):
    """Activations that are no modules, behind layers whose units lie along different axes."""

    def __init__(self) -> None:
        super().__init__()
        self.maps, self.words = nn.Conv1d(2, 5, 1), nn.Linear(5, 7)
        nn.init.zeros_(self.maps.weight[0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.maps(x))
        return torch.sigmoid(nn.functional.gelu(self.words(hidden.mT)))


def test_activations_that_are_functions_are_seen_too() -> None:
    torch.manual_seed(0)
    model = Functional().eval()
    found = activations.watched(model, {"x": torch.randn(6, 2, 9)}, set())
    assert [(each.function, each.units) for each in found.activations] == [("relu", 5), ("gelu", 7), ("sigmoid", 7)]
    assert found.activations[0].dead >= 1


def test_watching_leaves_the_model_as_it_was() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU()).eval()
    before = {name: value.numpy().tobytes() for name, value in model.state_dict().items()}
    rows = {"input": torch.rand(4, 1, 6, 6)}
    one = model(**rows)
    activations.watched(model, rows, {"0"})
    assert torch.equal(model(**rows), one)
    assert {name: value.numpy().tobytes() for name, value in model.state_dict().items()} == before


def test_a_net_without_activations_and_one_that_fails() -> None:
    assert "No activation was seen" in activations.in_words([])[0]
    with pytest.raises(NotShownError, match="cannot be followed along rows"):
        activations.watched(nn.Linear(3, 2), {"input": torch.zeros(2, 5)}, set())


def test_large_maps_take_fewer_rows() -> None:
    small = seen(net(), {"input": torch.zeros(1, 4)})
    assert activations.rows(small) == 128
    assert activations.rows(small._replace(work=10**9)) == 10
    assert activations.rows(small._replace(shape=(2**22,))) == 8


def test_histograms_count_every_number() -> None:
    values = np.concatenate([np.linspace(-1, 1, 5000), [50.0]])
    each = ridges.ridge("block", values, values[:100], "said")
    assert each.counts.sum() == len(values)
    assert each.before is not None
    assert each.before.sum() == 100
    assert -1.01 < each.low < -0.9
    assert 0.9 < each.high < 1.1  # one number far off does not flatten the rest
    for odd in (np.full(10, 3.0), np.array([])):
        drawn = ridges.picture([ridges.ridge("<odd>", odd, None, "")], "said", "beside")
        assert "&lt;odd&gt;" in drawn
        assert "nan" not in drawn


def record(norms: list[list[float | None]]) -> dict[str, object]:
    layers = [{"name": name} for name in ("first", "second", "frozen")]
    return {"layers": layers, "updates": [10 * place for place in range(len(norms))], "weight": norms}


def test_the_growth_of_weights_along_a_training() -> None:
    grown = trace.growth(record([[2.0, 4.0, None], [3.0, 4.0, None], [4.0, 2.0, None]]))
    assert grown == {"first": [1.0, 1.5, 2.0], "second": [1.0, 1.0, 0.5]}
    said = " ".join(trace.in_words({"updates": [0, 10, 20]}, grown))
    assert said == (
        "3 updates looked at, the last of them number 20. Weights grew most in first (2-fold), least in second "
        "(0.5-fold)."
    )
    drawn = trace.picture("Fine-tuning", [0, 10, 20], grown)
    assert drawn.count("<polyline") == 4
    assert "nan" not in drawn
    assert "</svg>" in trace.picture("Fine-tuning", [0], {"only": [1.0]})
