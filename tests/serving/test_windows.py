"""A bundle whose texts are folded into windows: what is tried of it, and taken, is no more than a text may have."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import live_server
import tiny_bundles
from chainrule.serving.runtime import Session

MOST = 3
NAMES = ("input_ids", "attention_mask")


def folded(folder: Path) -> Path:
    """Write a bundle of texts in at most MOST windows: a logit is the mean of the words' own, whatever is masked."""
    nodes = [
        helper.make_node("Gather", ["embeddings", "input_ids"], ["states"]),
        helper.make_node("ReduceMean", ["states", "axes"], ["means"], keepdims=0),
        helper.make_node("Cast", ["attention_mask"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["real", "axes"], ["one"], keepdims=0),
        helper.make_node("Unsqueeze", ["one", "last"], ["ones"]),
        helper.make_node("Mul", ["means", "ones"], ["logits"]),
    ]
    weights = {"embeddings": tiny_bundles.text_weights(), "axes": np.array([1, 2]), "last": np.array([1])}
    shape = ["batch", "windows", "sequence"]
    graph = helper.make_graph(
        nodes,
        "folded",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in NAMES],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", tiny_bundles.OPSET)], ir_version=10)
    onnx.checker.check_model(model)
    rules = {
        "normalise": tiny_bundles.NORMALISE,
        "tokenizer": "tokenizer.json",
        "max_length": tiny_bundles.MAX_LENGTH,
        "pad_id": 0,
        "windows": {"overlap": 4, "most": MOST},
    }
    inputs = [{"name": name, "type": "INT64", "shape": shape} for name in NAMES]
    tiny_bundles.text_bundle(folder, preprocessing={"text": rules}, inputs=inputs)
    return tiny_bundles.with_graph(folder, model)


def test_a_load_tries_and_a_request_takes_as_many_windows_as_a_text_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models/onnx").mkdir(parents=True)
    folded(tmp_path / "models/onnx/reviews")
    seen: set[tuple[int, ...]] = set()
    run = Session.run

    def watched(self: Session, inputs: Any) -> Any:
        seen.add(inputs["input_ids"].shape)
        return run(self, inputs)

    monkeypatch.setattr(Session, "run", watched)
    with live_server.running(tmp_path) as server:
        tried = max(shape[1] for shape in seen)
        answers = [
            server.ask("POST", "/v2/models/reviews/infer", json.dumps({"inputs": inputs}).encode())
            for windows in (MOST, MOST + 1)
            for inputs in [
                [
                    {"name": name, "datatype": "INT64", "shape": [1, windows, 2], "data": [1] * 2 * windows}
                    for name in NAMES
                ]
            ]
        ]
    assert tried == MOST and {shape[2] for shape in seen} <= {1, 2, tiny_bundles.MAX_LENGTH}
    assert [answer.status for answer in answers] == [200, 400]
    assert f"at most {MOST}" in answers[1].json["error"]
