"""The trial of a version: graphs that are not what they should be, servers that are not there or answer wrongly."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

import tiny_bundles
from chainrule.release import trial
from chainrule.serving import bundle
from chainrule.system.errors import ChainruleError

WITH_INT8 = {"fp32": {"file": "model.onnx"}, "int8": {"file": "model.int8.onnx"}}


def seal(folder: Path) -> Path:
    """Write the hashes again, after a test changed a file."""
    files = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    (folder / "SHA256SUMS").write_text(sums)
    return folder


def read(folder: Path) -> bundle.Bundle:
    return bundle.read(folder, "digits", "1")


def with_graph(folder: Path, nodes: list[Any]) -> bundle.Bundle:
    """The image bundle, its logits passed through more nodes: from `plain` to `logits`."""
    tiny_bundles.image_bundle(folder)
    graph = tiny_bundles.image_graph()
    graph.graph.node[-1].output[0] = "plain"
    graph.graph.node.extend(nodes)
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    return read(seal(folder))


def with_int8(folder: Path, seed: int) -> bundle.Bundle:
    tiny_bundles.image_bundle(folder, variants=WITH_INT8)
    graph = tiny_bundles.image_graph(seed=seed, shift=0.001)
    (folder / "model.int8.onnx").write_bytes(graph.SerializeToString())
    return read(seal(folder))


# ---- graphs


def test_whole_bundles_pass(tmp_path: Path) -> None:
    trial.check_graphs(read(tiny_bundles.image_bundle(tmp_path / "image")))
    trial.check_graphs(read(tiny_bundles.text_bundle(tmp_path / "text")))
    trial.check_graphs(read(tiny_bundles.pair_bundle(tmp_path / "pairs")))
    trial.check_graphs(with_int8(tmp_path / "int8", seed=0))


def test_a_variant_of_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChainruleError, match="int8 is not the same model as fp32"):
        trial.check_graphs(with_int8(tmp_path / "bundle", seed=1))


def test_rows_that_look_at_each_other_are_refused(tmp_path: Path) -> None:
    mean = helper.make_node("ReduceMean", ["plain"], ["mean"], keepdims=1, noop_with_empty_axes=0)
    nodes = [mean, helper.make_node("Mul", ["plain", "mean"], ["logits"])]
    with pytest.raises(ChainruleError, match="fp32 answers a row by the rows it is batched with"):
        trial.check_graphs(with_graph(tmp_path / "bundle", nodes))


def test_a_variant_that_looks_at_its_batch_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """It scales by the largest pixel of the batch, in plain operators: only asking it finds that out."""
    tiny_bundles.image_bundle(tmp_path / "bundle", variants=WITH_INT8)
    graph = tiny_bundles.image_graph()
    graph.graph.node[-1].output[0] = "plain"
    largest = helper.make_node("ReduceMax", ["plain"], ["largest"], keepdims=1, noop_with_empty_axes=0)
    share = helper.make_node("Div", ["plain", "largest"], ["share"])
    steps = helper.make_node("Round", ["share"], ["steps"])
    rounded = helper.make_node("Mul", ["steps", "largest"], ["rounded"])
    graph.graph.node.extend([largest, share, steps, rounded])
    graph.graph.node.append(helper.make_node("Mean", ["plain"] * 99 + ["rounded"], ["logits"]))  # nearly fp32
    (tmp_path / "bundle" / "model.int8.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(ChainruleError, match=r"int8 answers a row by .* `export\.variants\.int8: never`"):
        trial.check_graphs(read(seal(tmp_path / "bundle")))


def test_an_answer_that_depends_on_padding_is_refused(tmp_path: Path) -> None:
    folder = tiny_bundles.text_bundle(tmp_path / "bundle", padding={"input_ids": 3, "attention_mask": 1})
    with pytest.raises(ChainruleError, match="or by its padding"):
        trial.check_graphs(read(folder))


def test_an_answer_that_is_no_number_is_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("Sub", ["plain", "plain"], ["zero"]), helper.make_node("Log", ["zero"], ["logits"])]
    with pytest.raises(ChainruleError, match="no number"):
        trial.check_graphs(with_graph(tmp_path / "bundle", nodes))


def test_a_graph_that_does_not_load_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChainruleError, match=r"model\.onnx: ONNX Runtime does not load it"):
        trial.check_graphs(with_graph(tmp_path / "bundle", [helper.make_node("NoSuch", ["plain"], ["logits"])]))


def test_examples_are_the_same_each_time_and_of_the_vocabulary(tmp_path: Path) -> None:
    content = read(tiny_bundles.text_bundle(tmp_path / "bundle"))
    first, second = trial.examples(content, 4, 5), trial.examples(content, 4, 5)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert first["input_ids"].shape == first["attention_mask"].shape == (4, 5)
    assert first["input_ids"].max() < len(tiny_bundles.WORDS)
    assert (first["attention_mask"] == 1).all()


# ---- the record of export


@pytest.mark.parametrize(
    ("metrics", "params", "said"),
    [
        ({}, {"export.agreement": "0.999"}, "does not say"),
        ({"export.agreement": 1.0}, {}, "does not say"),
        ({"export.agreement": 0.99}, {"export.agreement": "0.999"}, r"99\.0000% of the rows, 99\.9000% asked"),
        ({"export.agreement": float("nan")}, {"export.agreement": "0.999"}, "agreed on"),
    ],
)
def test_a_run_that_does_not_vouch_for_its_graph_is_refused(
    tmp_path: Path, metrics: dict[str, float], params: dict[str, str], said: str
) -> None:
    content = read(tiny_bundles.image_bundle(tmp_path / "bundle"))
    with pytest.raises(ChainruleError, match=said):
        trial.check_recorded_parity(content, metrics, params)


def test_a_run_vouches_for_every_variant(tmp_path: Path) -> None:
    content = with_int8(tmp_path / "bundle", seed=0)
    metrics, params = {"export.agreement": 0.9995}, {"export.agreement": "0.999"}
    with pytest.raises(ChainruleError, match="does not say how good int8 is"):
        trial.check_recorded_parity(content, metrics, params)
    trial.check_recorded_parity(content, metrics | {"export.int8.accuracy": 0.98}, params)


# ---- servers


WRONG = """
import http.server, json, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, content):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())
    def do_GET(self):
        self.answer({})
    def do_POST(self):
        output = {"name": "logits", "datatype": "FP32", "shape": [2, 10], "data": [0.0] * 20}
        self.answer({"model_name": "digits", "model_version": VERSION, "outputs": [output]})

http.server.HTTPServer(("127.0.0.1", int(sys.argv[-1])), Handler).serve_forever()
"""


def test_a_server_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "SERVER", "import sys; sys.exit('no room')")
    with pytest.raises(ChainruleError, match="did not start: no room"):
        trial.check_server(tmp_path, read(tiny_bundles.image_bundle(tmp_path / "bundle")))


@pytest.mark.parametrize(
    ("version", "said"), [("1", "answers otherwise than its graphs"), ("7", "as digits version 7")]
)
def test_a_server_that_answers_wrongly_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, said: str
) -> None:
    monkeypatch.setattr(trial, "SERVER", WRONG.replace("VERSION", repr(version)))
    with pytest.raises(ChainruleError, match=said):
        trial.check_server(tmp_path, read(tiny_bundles.image_bundle(tmp_path / "bundle")))
