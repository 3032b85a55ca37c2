"""Boxes as tensors of the Open Inference Protocol, binary data both ways, and what is refused of them."""

import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

import live_server
import tiny_bundles
from chainrule.fields import suppression
from live_server import Answer, Live

NAME = "cells"
INFER = f"/v2/models/{NAME}/infer"
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 1, 8, 8), np.uint8)
PLACES, WEIGHTS = tiny_bundles.boxes_weights()
BOXES = np.broadcast_to(PLACES, (len(PIXELS), 3, 4))
SCORES = (PIXELS.mean((2, 3)) / 255)[..., None].astype(np.float32) * WEIGHTS


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root = tmp_path_factory.mktemp(NAME)
    (root / "models/onnx").mkdir(parents=True)
    tiny_bundles.boxes_bundle(root / "models/onnx" / NAME)
    with live_server.running(root) as server:
        yield server


def ask(live: Live, content: bytes = PIXELS.tobytes(), **changes: Any) -> Answer:
    """Send images as binary data, and ask for binary data."""
    image = {"name": "image", "datatype": "UINT8", "shape": list(PIXELS.shape)}
    image |= {"parameters": {"binary_data_size": len(content)}} | changes.pop("image", {})
    head = json.dumps({"inputs": [image], "parameters": {"binary_data_output": True}, **changes}).encode()
    return live.ask("POST", INFER, head + content, Inference_Header_Content_Length=str(len(head)))


def read(answer: Answer) -> dict[str, np.ndarray]:
    """Return the tensors of an answer, each from the binary data that is its own."""
    assert answer.status == 200, answer.content
    size = int(answer.headers["Inference-Header-Content-Length"])
    found, at = {}, size
    for each in json.loads(answer.content[:size])["outputs"]:
        end = at + each["parameters"]["binary_data_size"]
        assert each["datatype"] == "FP32" and "data" not in each
        found[each["name"]] = np.frombuffer(answer.content[at:end], "<f4").reshape(each["shape"])
        at = end
    assert at == len(answer.content)
    return found


def test_metadata_says_the_shapes_of_boxes_and_scores(live: Live) -> None:
    told = live.ask("GET", f"/v2/models/{NAME}").json
    assert told["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, 1, 8, 8]}]
    shapes = {each["name"]: each["shape"] for each in told["outputs"]}
    assert shapes == {"boxes": [-1, 3, 4], "scores": [-1, 3, 2]}


def test_boxes_are_the_same_as_binary_data_and_as_json(live: Live) -> None:
    found = read(ask(live))
    np.testing.assert_array_equal(found["boxes"], BOXES)
    np.testing.assert_allclose(found["scores"], SCORES, rtol=1e-6)
    image = {"name": "image", "datatype": "UINT8", "shape": list(PIXELS.shape), "data": PIXELS.ravel().tolist()}
    answer = live.ask("POST", INFER, json.dumps({"inputs": [image]}).encode())
    for each in answer.json["outputs"]:
        np.testing.assert_array_equal(np.reshape(each["data"], each["shape"]).astype("<f4"), found[each["name"]])


def test_one_output_is_binary_and_the_other_json(live: Live) -> None:
    wanted = [{"name": "scores", "parameters": {"binary_data": True}}, {"name": "boxes"}]
    answer = ask(live, outputs=wanted, parameters={})
    size = int(answer.headers["Inference-Header-Content-Length"])
    scores, boxes = json.loads(answer.content[:size])["outputs"]
    assert (scores["name"], boxes["name"]) == ("scores", "boxes") and boxes["shape"] == [3, 3, 4]
    np.testing.assert_allclose(np.reshape(boxes["data"], (3, 3, 4)), BOXES, rtol=1e-6)
    np.testing.assert_allclose(np.frombuffer(answer.content[size:], "<f4").reshape(3, 3, 2), SCORES, rtol=1e-6)


def test_an_image_without_json_is_answered_in_binary_data_alone(live: Live) -> None:
    found = read(live.ask("POST", INFER, PIXELS[1].tobytes(), Inference_Header_Content_Length="0"))
    np.testing.assert_array_equal(found["boxes"], BOXES[:1])
    np.testing.assert_allclose(found["scores"], SCORES[1:2], rtol=1e-6)


def test_what_tensors_say_is_what_an_image_file_is_answered(live: Live) -> None:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS[2, 0]).save(buffer, "PNG")
    told = live.ask("POST", f"/models/{NAME}?threshold=0.05", buffer.getvalue(), Content_Type="image/png").json
    (own,) = suppression.said({name: each[2:] for name, each in read(ask(live)).items()}, {"overlap": 0.6})
    shown = own.scores >= 0.05
    assert [each["label"] for each in told["boxes"]] == [("cell", "dot")[label] for label in own.labels[shown]]
    places = [[each[side] for side in ("left", "top", "right", "bottom")] for each in told["boxes"]]
    np.testing.assert_allclose(places, own.boxes[shown] * 8, atol=0.006)  # hundredths of a pixel


@pytest.mark.parametrize(("query", "said"), [("treshold=0.5", "did you mean threshold?"), ("x=1&most=3", "'x'")])
def test_a_parameter_that_is_none_is_refused_with_what_was_meant(live: Live, query: str, said: str) -> None:
    refused = live.ask("POST", f"/models/{NAME}?{query}", json.dumps({}).encode(), Content_Type="application/json")
    assert refused.status == 400 and said in refused.json["error"] and "has no parameter" in refused.json["error"]


@pytest.mark.parametrize(
    ("content", "changes", "said"),
    [
        (PIXELS.tobytes()[:-1], {}, "takes 192 bytes, not 191"),
        (PIXELS.tobytes() + b"x", {"image": {"parameters": {"binary_data_size": 192}}}, "belong to no input"),
        (PIXELS.tobytes(), {"image": {"parameters": {"binary_data_size": 10**9}}}, "binary_data_size is 1000000000"),
        (PIXELS.tobytes(), {"image": {"shape": [3, 8, 8, 1]}}, "has the shape [batch, 1, 8, 8], not [3, 8, 8, 1]"),
        (PIXELS.tobytes(), {"image": {"shape": [10**12, 1, 8, 8]}}, "elements"),
        (PIXELS.tobytes(), {"image": {"datatype": "FP32"}}, "of type UINT8, not 'FP32'"),
        (PIXELS.tobytes(), {"image": {"data": [1]}}, "both data and binary_data_size"),
        (PIXELS.tobytes(), {"outputs": [{"name": "labels"}]}, "the outputs are boxes, scores"),
    ],
)
def test_tensors_that_do_not_fit_are_refused_in_a_line(
    live: Live, content: bytes, changes: dict[str, Any], said: str
) -> None:
    refused = ask(live, content, **json.loads(json.dumps(changes)))
    assert refused.status in (400, 413) and said in refused.json["error"] and "\n" not in refused.json["error"]
    assert read(ask(live))["boxes"].shape == (3, 3, 4)
