import os
import subprocess
import sys
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, numpy_helper

import exporting_cases
from chainrule.exporting import parity, variants
from chainrule.exporting.graph import to_onnx
from chainrule.nets import cnn
from chainrule.serving import offline
from chainrule.training.bodies import audio
from chainrule.training.targets import label
from exporting_cases import image_feeds, image_rows, text_feeds, text_rows


@pytest.fixture
def image_graph() -> onnx.ModelProto:
    return exporting_cases.image_graph()


@pytest.fixture
def text_graph() -> onnx.ModelProto:
    return exporting_cases.text_graph()


def kinds(content: bytes) -> set[str]:
    return {node.op_type for node in onnx.load_from_string(content).graph.node}


def ends(graph: onnx.ModelProto) -> list[Any]:
    return [*graph.graph.input, *graph.graph.output]


def test_a_net_is_convolutional_where_convolutions_hold_most_weights(
    image_graph: onnx.ModelProto, text_graph: onnx.ModelProto
) -> None:
    assert variants.is_convolutional(image_graph)
    assert not variants.is_convolutional(text_graph)


def test_a_conv_net_becomes_int8_by_calibration(image_graph: onnx.ModelProto) -> None:
    content = variants.int8(image_graph, image_feeds())
    graph = onnx.load_from_string(content)
    onnx.checker.check_model(graph, full_check=True)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
    quantised = [array for array in weights.values() if array.dtype == np.int8 and array.ndim == 4]
    assert len(quantised) == sum(node.op_type == "Conv" for node in image_graph.graph.node)
    # Seven bits: 255 * 64 * 2 is the most that a CPU without VNNI adds up in 16 bits.
    assert all(np.abs(array.astype(int)).max() <= 64 for array in quantised)
    assert not [array for array in weights.values() if array.dtype == np.float32 and array.size > 100]


def test_an_encoder_becomes_int8_in_its_products_with_weights_and_its_embeddings(text_graph: onnx.ModelProto) -> None:
    content = variants.int8(text_graph, text_feeds())
    graph = onnx.load_from_string(content).graph
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    assert len(content) < len(text_graph.SerializeToString()) * 0.75
    made = {name: node for node in graph.node for name in node.output}
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    products = [node for node in graph.node if node.op_type == "MatMul"]
    # Four of attention and two of feed-forward; the products of activations and the head stay in floats.
    eight_bits = [
        node for node in products if all(made.get(name, node).op_type == "DequantizeLinear" for name in node.input)
    ]
    assert len(eight_bits) == 6
    assert all(np.abs(weights[made[node.input[1]].input[0]].astype(int)).max() <= 64 for node in eight_bits)
    table = next(weights[node.input[0]] for node in graph.node if node.op_type == "Gather" and node.input[0] in weights)
    assert (table.dtype.itemsize, table.shape) == (1, (60, 32))
    # What is added to a product's result was not rounded on the way.
    rounded = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    assert not [node for node in graph.node if node.op_type == "Add" and set(node.input) & rounded - embedded(graph)]


def embedded(graph: onnx.GraphProto) -> set[str]:
    """Rows looked up in a table, in floats again."""
    looked_up = {node.output[0] for node in graph.node if node.op_type == "Gather"}
    return {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear" and node.input[0] in looked_up}


def test_no_scale_is_found_while_a_variant_runs(image_graph: onnx.ModelProto, text_graph: onnx.ModelProto) -> None:
    for content in (variants.int8(image_graph, image_feeds()), variants.int8(text_graph, text_feeds())):
        assert not [kind for kind in kinds(content) if kind.startswith("Dynamic")]


@pytest.mark.parametrize("which", ["image_graph", "text_graph"])
def test_fp16_holds_weights_of_half_the_size_and_takes_and_gives_what_fp32_does(
    which: str, request: pytest.FixtureRequest
) -> None:
    graph: onnx.ModelProto = request.getfixturevalue(which)
    half = onnx.load_from_string(variants.fp16(graph))
    onnx.checker.check_model(half, full_check=True)
    weights = [tensor for tensor in half.graph.initializer if len(tensor.dims) > 1]
    assert TensorProto.FLOAT16 in {tensor.data_type for tensor in weights}
    assert TensorProto.FLOAT not in {tensor.data_type for tensor in weights}
    assert ends(half) == ends(graph)


@pytest.mark.parametrize("which", ["image_graph", "text_graph"])
def test_every_variant_takes_what_fp32_takes_and_answers_nearly_alike(
    which: str, request: pytest.FixtureRequest
) -> None:
    graph: onnx.ModelProto = request.getfixturevalue(which)
    before = graph.SerializeToString(deterministic=True)
    rows: Any = image_rows() if which == "image_graph" else text_rows()
    names = [value.name for value in graph.graph.input]
    feeds = [parity.feed(rows, index, names) for index in rows.order(8, None)]
    made = {"fp32": before, "int8": variants.int8(graph, feeds), "fp16": variants.fp16(graph)}
    assert graph.SerializeToString(deterministic=True) == before  # the graph given stays as it is
    sessions = {name: offline.session(content, "graph", 1) for name, content in made.items()}
    logits = {name: np.concatenate([s.run(None, feed)[0] for feed in feeds]) for name, s in sessions.items()}
    spread = logits["fp32"].std()
    assert np.abs(logits["int8"] - logits["fp32"]).max() < 0.5 * spread
    assert np.abs(logits["fp16"] - logits["fp32"]).max() < 0.05 * spread
    for name in ("int8", "fp16"):
        found = onnx.load_from_string(made[name])
        assert ends(found) == ends(graph)
        assert all(tensor.data_location != TensorProto.EXTERNAL for tensor in found.graph.initializer)
        assert not found.metadata_props


@pytest.mark.integration
def test_another_process_makes_the_same_bytes(project: Any) -> None:
    hashes = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    environment = {**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": str(project / "tests")}
    command = [sys.executable, "-m", "exporting_cases"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == exporting_cases.digests()
    assert len(done.stdout.split()) == 4


def test_the_spectrum_of_a_sound_stays_as_it_is() -> None:
    facts = {"rate": 8000, "samples": 2000, "window": 200, "hop": 80, "size": 256, "bands": 20, "low": 20.0}
    facts |= {"high": 4000.0, "level": "sound", "colour": 0.0, "mean": -50.0, "std": 20.0}
    torch.manual_seed(0)
    model = audio.Model(cnn.build(1, width=8, depth=2, dropout=0.0), label, facts, {"classes": ["a", "b"]})
    made = to_onnx(model, audio.example(facts, 2, torch.Generator().manual_seed(0)), audio.dynamic_shapes(facts))
    # A loud sound and one 60 dB below it: of eight bits for both the soft one would have none.
    loud = audio.example(facts, 1, torch.Generator().manual_seed(1))["audio"].numpy() // 2
    sounds = {"audio": np.concatenate([loud, loud // 1000])}
    expected = onnxruntime.InferenceSession(made.SerializeToString()).run(None, sounds)[0]
    for content in (variants.int8(made, [sounds]), variants.fp16(made)):
        found = onnxruntime.InferenceSession(content).run(None, sounds)[0]
        assert np.abs(found - expected).max() < 0.06
        kept = {tensor.name: tensor.data_type for tensor in onnx.load_from_string(content).graph.initializer}
        assert kept["fixed.waves"] == kept["fixed.bands"] == onnx.TensorProto.FLOAT
