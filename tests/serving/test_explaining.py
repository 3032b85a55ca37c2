"""Answers that say why, from a live server: weights of words, tiles and columns by runs of the graph."""

import base64
import io
import json
import threading
import time

import numpy as np
import pytest
from PIL import Image

import live_server
import tiny_bundles
from chainrule.serving.limits import Limits
from chainrule.serving.runtime import Session

METHODS = ("occlusion", "shap", "lime")
PIXELS = np.random.default_rng(5).integers(0, 256, (8, 8), dtype=np.uint8)
TEXT = "the good plot"


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    root = live_server.project(tmp_path_factory.mktemp("why"))
    tiny_bundles.table_bundle(root / "models" / "onnx" / "titanic")
    tiny_bundles.pair_bundle(root / "models" / "onnx" / "pairs")
    with live_server.running(root) as server:
        yield server


def png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG")
    return buffer.getvalue()


def why(server, model: str, content: bytes, kind: str, method: str = "occlusion") -> dict:
    answer = server.ask("POST", f"/models/{model}?explain={method}", content, Content_Type=kind)
    assert answer.status == 200, answer.content
    return answer.json["explanation"]


def odds(logits: np.ndarray, place: int) -> np.ndarray:
    return logits[:, place] - np.logaddexp.reduce(np.delete(logits, place, axis=1), axis=1)


def said_of(words: str) -> float:
    rows = tiny_bundles.text_weights()[[tiny_bundles.WORDS.index(word) for word in words.split()]]
    logits = rows.astype(np.float64).mean(axis=0, keepdims=True)
    return odds(logits, 1)[0]


@pytest.mark.parametrize("method", METHODS)
def test_an_answer_without_a_question_is_as_it_was_and_one_with_it_says_why(live, method):
    asked = {"Content_Type": "text/plain"}
    plain = live.ask("POST", "/models/reviews", TEXT.encode(), **asked).json
    found = live.ask("POST", f"/models/reviews?explain={method}", TEXT.encode(), **asked).json
    assert "explanation" not in plain
    assert found["labels"] == plain["labels"]
    assert [part["text"] for part in found["explanation"]["parts"]] == TEXT.split()
    assert found["explanation"]["explained"] == plain["labels"][0]["label"]


def test_occlusion_of_a_text_is_what_leaving_a_word_out_loses(live):
    found = why(live, "reviews", TEXT.encode(), "text/plain")
    sign = 1 if found["explained"] == "positive" else -1
    whole = sign * said_of(TEXT)
    assert found["whole"] == pytest.approx(whole, abs=1e-4)
    for word, part in zip(TEXT.split(), found["parts"], strict=True):
        rest = " ".join(other for other in TEXT.split() if other != word)
        assert part["weight"] == pytest.approx(whole - sign * said_of(rest), abs=1e-4)
    gain = found["whole"] - found["none"]
    missed = abs(sum(part["weight"] for part in found["parts"]) - gain)
    assert found["deviation"] == pytest.approx(missed / abs(gain), abs=1e-4)


def test_shap_adds_up_in_every_modality(live):
    asked = [
        ("digits", png(), "image/png"),
        ("reviews", TEXT.encode(), "text/plain"),
        ("titanic", json.dumps(tiny_bundles.ROW).encode(), "application/json"),
        ("pairs", json.dumps({"first": "a good plot", "second": "the poor film"}).encode(), "application/json"),
    ]
    for model, content, kind in asked:
        found = why(live, model, content, kind, "shap")
        assert found["deviation"] < 1e-6
        total = sum(part["weight"] for part in found["parts"])
        assert total == pytest.approx(found["whole"] - found["none"], abs=1e-6)
        assert found["runs"] <= Limits().explain_runs + 2


def test_occlusion_of_an_image_is_the_tile_times_its_weights(live):
    found = why(live, "digits", png(), "image/png")
    weights = tiny_bundles.image_weights().astype(np.float64)
    place = int(found["explained"])
    own = odds(PIXELS.reshape(1, -1) / 255 @ weights, place)[0]
    assert len(found["parts"]) == 49
    for part in found["parts"][:10]:
        hidden = PIXELS.copy()
        hidden[part["top"] : part["bottom"], part["left"] : part["right"]] = round(PIXELS.mean())
        left = odds(hidden.reshape(1, -1) / 255 @ weights, place)[0]
        assert part["weight"] == pytest.approx(own - left, abs=1e-3)


def test_a_column_of_a_linear_graph_weighs_its_coefficient_times_its_value(live):
    found = why(live, "titanic", json.dumps(tiny_bundles.ROW).encode(), "application/json", "shap")
    numbers, _, _ = (each.astype(np.float64) for each in tiny_bundles.table_weights())
    sign = 1 if found["explained"] == "survived" else -1
    by_column = {part["column"]: part for part in found["parts"]}
    slope = sign * (numbers[:, 1] - numbers[:, 0]) * tiny_bundles.NEAR[:, 0]
    assert by_column["Age"]["weight"] == pytest.approx(slope[0] * 22, abs=1e-4)  # what is usual counts as 0 there
    assert by_column["Fare"]["weight"] == pytest.approx(slope[1] * 7.25, abs=1e-4)
    assert by_column["Age"]["value"] == 22
    assert found["deviation"] < 1e-6


def test_a_pair_says_which_text_a_word_is_of(live):
    content = json.dumps({"first": "a good plot", "second": "bad film"}).encode()
    found = why(live, "pairs", content, "application/json")
    assert [part["field"] for part in found["parts"]] == ["first"] * 3 + ["second"] * 2


def test_the_protocol_takes_the_same_parameter(live):
    def infer(data: list[str], parameters: dict) -> live_server.Answer:
        entry = {"name": "text", "datatype": "BYTES", "shape": [len(data)], "data": data}
        body = json.dumps({"inputs": [entry], "parameters": parameters}).encode()
        return live.ask("POST", "/v2/models/reviews/infer", body)

    found = json.loads(infer([TEXT], {"explain": "shap"}).json["parameters"]["explanation"])
    assert found["parts"] == why(live, "reviews", TEXT.encode(), "text/plain", "shap")["parts"]
    assert "parameters" not in infer([TEXT], {}).json
    refused = infer([TEXT, TEXT], {"explain": "shap"})
    assert (refused.status, refused.json["error"]) == (400, "explain takes one item in a request, not 2")


def test_the_protocol_explains_the_tensor_of_an_image_and_asks_for_a_text_as_it_is(live):
    image = {"name": "image", "datatype": "UINT8", "shape": [1, 1, 8, 8], "data": PIXELS.ravel().tolist()}
    body = json.dumps({"inputs": [image], "parameters": {"explain": "occlusion"}}).encode()
    found = json.loads(live.ask("POST", "/v2/models/digits/infer", body).json["parameters"]["explanation"])
    assert found["parts"] == why(live, "digits", png(), "image/png")["parts"]
    ids = [
        {"name": name, "datatype": "INT64", "shape": [1, 2], "data": [1, 1]} for name in ("input_ids", "attention_mask")
    ]
    refused = live.ask(
        "POST", "/v2/models/reviews/infer", json.dumps({"inputs": ids, "parameters": {"explain": "occlusion"}}).encode()
    )
    assert refused.status == 400
    assert "needs text as it is" in refused.json["error"]


@pytest.mark.parametrize("asked", ["gradients", "", "Occlusion"])
def test_a_method_that_is_not_known_is_refused_with_those_that_are(live, asked):
    refused = live.ask("POST", f"/models/reviews?explain={asked}", TEXT.encode(), Content_Type="text/plain")
    assert refused.status == 400
    assert refused.json["error"] == f"explain must be occlusion or shap or lime, not {asked!r}"


def test_an_image_in_json_is_explained_too(live):
    content = json.dumps({"image": base64.b64encode(png()).decode()}).encode()
    assert why(live, "digits", content, "application/json") == why(live, "digits", png(), "image/png")


def test_beyond_the_runs_parts_are_taken_together_and_that_is_said(tmp_path):
    with live_server.running(live_server.project(tmp_path), limits=Limits(explain_runs=16)) as server:
        found = why(server, "digits", png(), "image/png")
        assert len(found["parts"]) == 16
        assert found["notes"] == ["4 × 4 tiles, coarser than 7 × 7"]
        words = why(server, "reviews", " ".join(["good", "bad"] * 10).encode(), "text/plain", "shap")
        assert len(words["parts"]) == 4
        assert words["notes"] == ["20 words in 4 runs of neighbours"]
        assert words["runs"] <= 18


def slow(monkeypatch, seconds: float) -> None:
    run = Session.run

    def slower(session, inputs):
        time.sleep(seconds * len(next(iter(inputs.values()))))
        return run(session, inputs)

    monkeypatch.setattr(Session, "run", slower)


def test_of_a_slow_model_fewer_parts_are_told_apart(tmp_path, monkeypatch):
    slow(monkeypatch, 0.012)
    with live_server.running(live_server.project(tmp_path), limits=Limits(explain_seconds=0.4)) as server:
        began = time.perf_counter()
        found = why(server, "digits", png(), "image/png")
        assert time.perf_counter() - began < 2.5
        assert len(found["parts"]) < 49
        assert "slow" in found["notes"][0]


def test_an_explanation_that_takes_too_long_is_given_up(tmp_path, monkeypatch):
    slow(monkeypatch, 0.03)
    with live_server.running(live_server.project(tmp_path), limits=Limits(explain_seconds=0.01)) as server:
        late = server.ask("POST", "/models/digits?explain=occlusion", png(), Content_Type="image/png")
        assert (late.status, late.headers["Retry-After"]) == (503, "2")
        assert server.ask("POST", "/models/digits", png(), Content_Type="image/png").status == 200


def test_others_are_answered_while_explanations_run_and_too_many_of_these_are_refused(tmp_path, monkeypatch):
    slow(monkeypatch, 0.002)
    with live_server.running(live_server.project(tmp_path)) as server:
        states, times = [], []

        def explain() -> None:
            asked = {"Content_Type": "image/png"}
            states.append(server.ask("POST", "/models/digits?explain=lime", png(), **asked).status)

        threads = [threading.Thread(target=explain) for _ in range(12)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        for _ in range(5):
            began = time.perf_counter()
            assert server.ask("POST", "/models/digits", png(), Content_Type="image/png").status == 200
            times.append(time.perf_counter() - began)
        for thread in threads:
            thread.join(30)
        assert sorted(times)[2] < 0.3  # a run of an explanation takes 0.03 s, all that are under way 4 s
        assert sorted(set(states)) == [200, 503]
        assert states.count(503) == 4
