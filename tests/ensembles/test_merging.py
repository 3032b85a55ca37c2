"""The one graph of an ensemble against the mean of what its members say, for every kind of answer."""

from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import tiny_bundles
from chainrule.ensembles import label, labels, merging, number
from chainrule.evaluation.calibration import softmax
from chainrule.serving import offline
from chainrule.system.errors import DataError

PIXELS = np.random.default_rng(5).integers(0, 256, size=(9, 1, 8, 8), dtype=np.uint8)
WEIGHTS = np.array([0.6, 0.3, 0.1])


def number_graph(seed: int) -> onnx.ModelProto:
    """image uint8 [batch, 1, 8, 8] to value, low and high [batch]."""
    weights = np.random.default_rng(seed).normal(size=64).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["pixels"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], ["value"]),
        helper.make_node("Sub", ["value", "one"], ["low"]),
        helper.make_node("Add", ["value", "one"], ["high"]),
    ]
    constants = [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.float32(1), "one")]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch"]) for name in ("value", "low", "high")]
    taken = [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", 1, 8, 8])]
    graph = helper.make_graph(nodes, "tiny", taken, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def ran(graph: bytes, pixels: np.ndarray) -> dict[str, np.ndarray]:
    return offline.runner(offline.session(graph, "graph", 1), "graph")({"image": pixels})


def graphs(kind: ModuleType, **changes: Any) -> list[bytes]:
    made = [
        number_graph(seed) if kind is number else tiny_bundles.image_graph(4, seed=seed, **changes) for seed in range(3)
    ]
    return [each.SerializeToString() for each in made]


@pytest.mark.parametrize(
    ("kind", "known", "comparable"),
    [
        (label, {"temperature": 0.7}, lambda said: softmax(said["logits"], 1.0)),
        (labels, {}, lambda said: 1 / (1 + np.exp(-said["logits"]))),
        (number, {"half_width": 2.5}, lambda said: np.stack([said["value"], said["low"], said["high"]]) / 1e4),
    ],
    ids=["label", "labels", "number"],
)
def test_the_one_graph_says_what_the_mean_is(kind: ModuleType, known: dict[str, float], comparable: Any) -> None:
    given = graphs(kind)
    one = merging.merged(given, ["a", "b", "c"], kind, WEIGHTS, known)
    assert [each.name for each in one.graph.input] == ["image"]
    assert [each.name for each in one.graph.output] == list(kind.OUTPUTS)
    assert one.graph.output[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    content = one.SerializeToString(deterministic=True)
    assert merging.merged(given, ["a", "b", "c"], kind, WEIGHTS, known).SerializeToString(deterministic=True) == content
    for rows in (1, 9):
        expected = kind.answers([ran(each, PIXELS[:rows]) for each in given], WEIGHTS, known)
        found = ran(content, PIXELS[:rows])
        assert set(found) == set(expected)
        assert comparable(found) == pytest.approx(comparable(expected), abs=1e-5)


def test_members_that_are_sure_beyond_what_a_float_holds_give_finite_logits() -> None:
    for kind, known in ((label, {"temperature": 1.0}), (labels, {})):
        given = [tiny_bundles.image_graph(4, shift=shift).SerializeToString() for shift in (-300.0, 300.0, 0.0)]
        said = ran(merging.merged(given, ["a", "b", "c"], kind, WEIGHTS, known).SerializeToString(), PIXELS)
        expected = kind.answers([ran(each, PIXELS) for each in given], WEIGHTS, known)
        assert np.isfinite(said["logits"]).all()
        assert said["logits"] == pytest.approx(expected["logits"], rel=1e-4, abs=1e-3)


def test_graphs_of_unlike_versions_are_refused() -> None:
    given = graphs(label)[:1] + graphs(label, opset=19)[:1]
    with pytest.raises(DataError, match="a and b are of unlike versions of ONNX"):
        merging.merged(given, ["a", "b"], label, np.array([0.5, 0.5]), {"temperature": 1.0})
