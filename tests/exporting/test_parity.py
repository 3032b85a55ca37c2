import copy
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from chainrule.evaluation.scores import label
from chainrule.exporting import graph, parity
from chainrule.nets import cnn
from chainrule.serving import offline
from chainrule.tasks.image_classification import model as task
from chainrule.training.inputs.image import Inputs

TARGET = {"classes": ["a", "b", "c"]}
FACTS: dict[str, Any] = {"channels": 1, "height": 6, "width": 6, "mean": [0.5], "std": [0.2]}


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    model: torch.nn.Module = task.build(cnn.build(1, width=4, depth=1, dropout=0.0), FACTS, TARGET).eval()
    return model


@pytest.fixture(scope="module")
def exported(model: torch.nn.Module) -> onnx.ModelProto:
    example = task.example(FACTS, 2, torch.Generator().manual_seed(0))
    return graph.to_onnx(model, example, task.dynamic_shapes(FACTS))


@pytest.fixture(scope="module")
def rows() -> Inputs:
    pixels = torch.randint(0, 256, (10, 6, 6, 1), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Inputs(pixels, None, FACTS)


def agree(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> np.ndarray:
    return label.agree(ours, theirs, TARGET)


def biased(exported: onnx.ModelProto, bias: list[float]) -> Any:
    """Return a session of the graph with another bias in its classifier."""
    changed = copy.deepcopy(exported)
    (initializer,) = [tensor for tensor in changed.graph.initializer if tensor.name.endswith("head.bias")]
    added = numpy_helper.to_array(initializer) + np.array(bias, np.float32)
    initializer.CopyFrom(numpy_helper.from_array(added, initializer.name))
    return offline.session(changed.SerializeToString(), "graph", 1)


def test_a_faithful_graph_agrees_everywhere(model: torch.nn.Module, exported: onnx.ModelProto, rows: Inputs) -> None:
    runtime = offline.session(exported.SerializeToString(), "graph", 1)
    shapes = parity.at_shapes(model, runtime, task, FACTS)
    assert [shape["batch"] for shape in shapes] == [1, 3, 8]
    assert max(shape["max_difference"] for shape in shapes) < 1e-5
    found = parity.on_rows(model, runtime, rows, agree, 4)
    assert (found["rows"], found["agreement"]) == (10, 1.0)
    assert found["max_difference"] < 1e-5


def test_the_comparison_of_all_rows_is_shown_batch_by_batch(
    model: torch.nn.Module, exported: onnx.ModelProto, rows: Inputs
) -> None:
    shown = []

    def track(items: Any, label: str, unit: str) -> Any:
        for item in items:
            shown.append(f"{label}, {unit}")
            yield item

    runtime = offline.session(exported.SerializeToString(), "graph", 1)
    parity.on_rows(model, runtime, rows, agree, 4, track=track)
    assert shown == ["asks the model, batches"] * 3 + ["asks the graph, batches"] * 3


def test_a_planted_difference_is_measured(model: torch.nn.Module, exported: onnx.ModelProto, rows: Inputs) -> None:
    runtime = biased(exported, [0.0, -0.01, 0.0])
    for shape in parity.at_shapes(model, runtime, task, FACTS):
        assert shape["max_difference"] == pytest.approx(0.01, rel=1e-3)
    assert parity.on_rows(model, runtime, rows, agree, 4)["max_difference"] == pytest.approx(0.01, rel=1e-3)


def test_another_prediction_is_no_agreement(model: torch.nn.Module, exported: onnx.ModelProto, rows: Inputs) -> None:
    with torch.no_grad():
        predicted = model(image=rows.take(torch.arange(10), None)["image"])["logits"].argmax(dim=1)
    runtime = biased(exported, [100.0, 0.0, 0.0])  # every row becomes class 0
    found = parity.on_rows(model, runtime, rows, agree, 4)
    assert found["agreement"] == float((predicted == 0).float().mean()) < 1


def test_the_largest_difference_of_all_batches_counts(model: torch.nn.Module, rows: Inputs) -> None:
    found = parity.on_rows(model, Fake(model, {2: 0.5, 7: 0.1}), rows, agree, 4)
    assert found["max_difference"] == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("place", [0, 5, 9])
def test_a_nan_is_no_agreement(place: int, model: torch.nn.Module, rows: Inputs) -> None:
    found = parity.on_rows(model, Fake(model, {place: float("nan")}), rows, agree, 4)
    assert not found["max_difference"] <= 1e9
    assert found["agreement"] == 0.9


def test_a_nan_on_both_sides_is_no_agreement(model: torch.nn.Module, exported: onnx.ModelProto, rows: Inputs) -> None:
    broken = copy.deepcopy(model)
    broken.head.bias.data.fill_(float("nan"))
    runtime = biased(exported, [float("nan")] * 3)
    assert all(not shape["max_difference"] <= 1e9 for shape in parity.at_shapes(broken, runtime, task, FACTS))
    found = parity.on_rows(broken, runtime, rows, agree, 4)
    assert not found["max_difference"] <= 1e9
    assert found["agreement"] == 0


class Fake:
    """Stands for a session: the model's own answers, spoilt in some rows, counted over all calls."""

    def __init__(self, model: torch.nn.Module, spoilt: dict[int, float]) -> None:
        self.model, self.spoilt, self.seen = model, spoilt, 0

    @torch.no_grad()
    def run(self, outputs: list[str], inputs: dict[str, np.ndarray]) -> tuple[np.ndarray]:
        logits = self.model(image=torch.from_numpy(inputs["image"]))["logits"].numpy()
        for row in range(len(logits)):
            logits[row] += self.spoilt.get(self.seen + row, 0.0)
        self.seen += len(logits)
        return (logits,)
