from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from chainrule.exporting import graph, parity
from chainrule.nets import cnn, encoder
from chainrule.serving import offline
from chainrule.system.errors import ChainruleError
from chainrule.tasks.image_classification import model as image_task
from chainrule.tasks.text_classification import model as text_task

IMAGES: dict[str, Any] = {"channels": 3, "height": 7, "width": 6, "mean": [0.4] * 3, "std": [0.2] * 3}
TARGET = {"classes": ["a", "b", "c"]}
TEXTS: dict[str, Any] = {"vocabulary": 60, "pad_id": 0, "max_length": 24}


class Case:
    """A small model with its task, its facts and what export makes of it."""

    def __init__(self, task: Any, model: torch.nn.Module, facts: dict[str, Any]) -> None:
        self.task, self.model, self.facts = task, model.eval(), facts
        self.graph = self.export()
        self.content = self.graph.SerializeToString(deterministic=True)
        self.session = offline.session(self.content, "graph", 1)

    def export(self) -> onnx.ModelProto:
        example = self.task.example(self.facts, 2, torch.Generator().manual_seed(0))
        return graph.to_onnx(self.model, example, self.task.dynamic_shapes(self.facts))


@pytest.fixture(scope="module")
def image_case() -> Case:
    torch.manual_seed(0)
    net = cnn.build(3, width=4, depth=2, dropout=0.5).to(memory_format=torch.channels_last)
    return Case(image_task, image_task.build(net, IMAGES, TARGET), IMAGES)


@pytest.fixture(scope="module")
def text_case() -> Case:
    torch.manual_seed(0)
    net = encoder.build(
        60, 0, arch="bert", layers=1, width=8, heads=2, feed_forward=8, max_length=24, dropout=0.1
    )  # fmt: skip
    return Case(text_task, text_task.build(net, TEXTS, TARGET), TEXTS)


@pytest.fixture(params=["image_case", "text_case"])
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.getfixturevalue(request.param)
    return found


def axes(values: Any) -> dict[str, list[str | int]]:
    return {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim] for value in values
    }


def test_an_image_model_takes_a_named_batch_of_bytes(image_case: Case) -> None:
    model = image_case.graph.graph
    assert axes(model.input) == {"image": ["batch", 3, 7, 6]}
    assert axes(model.output) == {"logits": ["batch", 3]}
    assert model.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert model.output[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_a_text_model_takes_a_named_batch_of_named_length(text_case: Case) -> None:
    model = text_case.graph.graph
    assert axes(model.input) == {"input_ids": ["batch", "sequence"], "attention_mask": ["batch", "sequence"]}
    assert axes(model.output) == {"logits": ["batch", 3]}


def test_the_graph_is_valid_onnx_and_whole(case: Case) -> None:
    onnx.checker.check_model(case.graph, full_check=True)
    assert all(tensor.data_location != onnx.TensorProto.EXTERNAL for tensor in case.graph.graph.initializer)


def test_exported_twice_the_bytes_are_the_same(case: Case) -> None:
    assert case.export().SerializeToString(deterministic=True) == case.content


def test_nothing_of_this_machine_is_in_the_bytes(case: Case, project: Path) -> None:
    for word in (str(project), str(Path(torch.__file__).parent), str(Path.home()) + "/", "site-packages", 'File "'):
        assert word.encode() not in case.content
    notes = [*case.graph.graph.node, *(node for function in case.graph.functions for node in function.node)]
    assert not any(node.doc_string or node.metadata_props for node in notes)
    assert not case.graph.metadata_props


def test_the_graph_answers_as_the_model_at_every_shape_of_the_task(case: Case) -> None:
    found = parity.at_shapes(case.model, case.session, case.task, case.facts)
    assert [{key: value for key, value in shape.items() if key != "max_difference"} for shape in found] == (
        case.task.parity_shapes(case.facts)
    )
    assert all(shape["max_difference"] < 1e-5 for shape in found)


def test_the_graph_is_that_of_a_model_in_evaluation_mode(image_case: Case) -> None:
    image_case.model.train()
    try:
        assert image_case.export().SerializeToString(deterministic=True) == image_case.content
        assert not image_case.model.training
    finally:
        image_case.model.eval()


def test_padding_changes_no_answer_of_the_graph(text_case: Case) -> None:
    narrow = text_task.example(TEXTS, 2, torch.Generator().manual_seed(1), length=9)
    wide = {name: torch.nn.functional.pad(part, (0, 7)) for name, part in narrow.items()}
    (one,) = text_case.session.run(None, {name: part.numpy() for name, part in narrow.items()})
    (other,) = text_case.session.run(None, {name: part.numpy() for name, part in wide.items()})
    assert one == pytest.approx(other, abs=1e-5)


def test_a_text_example_is_no_longer_than_the_net_takes() -> None:
    for part in text_task.example({**TEXTS, "max_length": 6}, 2, torch.Generator().manual_seed(0)).values():
        assert part.shape == (2, 6)


class Pairs(torch.nn.Module):
    """Takes two rows and no other number of them, though nothing about its inputs says so."""

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": image.float().reshape(2, 4)}


def test_a_model_that_takes_one_size_of_a_varying_axis_is_refused_in_a_line() -> None:
    example = {"image": torch.zeros(2, 4, dtype=torch.uint8)}
    with pytest.raises(ChainruleError, match=r"cannot be exported to ONNX with axes of any size: .* static shape of 2"):
        graph.to_onnx(Pairs(), example, {"image": {0: "batch"}})


def test_an_axis_that_came_out_fixed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the exporter leaves it, in silence, where it is asked for axes in another way than ours."""
    exporter = torch.onnx.export
    monkeypatch.setattr(torch.onnx, "export", lambda *words, dynamic_shapes, **more: exporter(*words, **more))
    example = {"image": torch.zeros(2, 4, dtype=torch.uint8)}
    with pytest.raises(ChainruleError, match="takes image with batch 2 only"):
        graph.to_onnx(Pairs(), example, {"image": {0: "batch"}})


def test_every_axis_that_varies_does_so_for_the_session(case: Case) -> None:
    axes_of = case.task.dynamic_shapes(case.facts)
    assert [value.name for value in case.session.get_inputs()] == list(axes_of)
    for value in case.session.get_inputs():
        assert {axis: value.shape[axis] for axis in axes_of[value.name]} == axes_of[value.name]
    (output,) = case.session.get_outputs()
    assert output.shape[0] == "batch"
