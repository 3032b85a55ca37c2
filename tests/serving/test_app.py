import asyncio
import gzip
import http.client
import io
import json
import re
import select
import socket
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image

import live_server
import tiny_bundles
from chainrule.serving import app, batching, body, routes
from chainrule.serving.app import infer_target
from chainrule.serving.errors import Refusal
from chainrule.serving.exchange import Exchange
from chainrule.serving.limits import Limits
from chainrule.serving.parts import image as image_parts
from chainrule.serving.parts import text as text_parts
from chainrule.serving.runtime import Session
from chainrule.tasks.catalogue import TASKS
from chainrule.tasks.image_classification import service as images
from chainrule.tasks.text_classification import service as texts

httpclient = pytest.importorskip("tritonclient.http")
exceptions = pytest.importorskip("tritonclient.utils")

TOKEN = "a token of enough characters"
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}
PIXELS = np.arange(128, dtype=np.uint8).reshape(2, 1, 8, 8)


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    limits = Limits(body_bytes=400_000, body_seconds=0.5, pixels=1_000_000, characters=1_000)
    with live_server.running(live_server.project(tmp_path_factory.mktemp("open")), limits=limits) as server:
        yield server


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    with live_server.running(live_server.project(tmp_path_factory.mktemp("locked")), token=TOKEN) as server:
        yield server


@pytest.fixture
def client(live):
    with httpclient.InferenceServerClient(live.url) as found:
        yield found


def logits(pixels: np.ndarray) -> np.ndarray:
    return (pixels.reshape(len(pixels), -1) / np.float32(255)) @ tiny_bundles.image_weights()


def request(pixels: np.ndarray = PIXELS, **more) -> bytes:
    said = {"name": "image", "shape": list(pixels.shape), "datatype": "UINT8", "data": pixels.ravel().tolist()}
    return json.dumps({"inputs": [said], **more}).encode()


def png(side: int = 8, level: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (side, side), level).save(buffer, "PNG")
    return buffer.getvalue()


# ---- tritonclient, unchanged


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_tritonclient_infers(client, binary_in, binary_out):
    given = httpclient.InferInput("image", [2, 1, 8, 8], "UINT8")
    given.set_data_from_numpy(PIXELS, binary_data=binary_in)
    wanted = httpclient.InferRequestedOutput("logits", binary_data=binary_out)
    result = client.infer("digits", [given], outputs=[wanted], request_id="mine", model_version="0")
    np.testing.assert_allclose(result.as_numpy("logits"), logits(PIXELS), rtol=1e-5)
    said = result.get_response()
    assert (said["id"], said["model_name"], said["model_version"]) == ("mine", "digits", "0")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_tritonclient_infers_compressed_with_all_outputs(client, encoding):
    ids = np.array([[2, 3, 4], [8, 6, 1]], np.int64)
    given = []
    for name, array in (("input_ids", ids), ("attention_mask", np.ones_like(ids))):
        given.append(httpclient.InferInput(name, [2, 3], "INT64"))
        given[-1].set_data_from_numpy(array)
    result = client.infer(
        "reviews",
        given,
        request_compression_algorithm=encoding,
        response_compression_algorithm=encoding,
        timeout=1_000_000,
        parameters={"mine": 1},
    )
    np.testing.assert_allclose(result.as_numpy("logits"), tiny_bundles.text_weights()[ids].mean(axis=1), rtol=1e-5)


def test_tritonclient_asks_for_metadata(client):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("digits") and client.is_model_ready("digits", "0")
    assert not client.is_model_ready("digits", "7") and not client.is_model_ready("nothing")
    server = client.get_server_metadata()
    assert server["name"] == "chainrule"
    assert set(server["extensions"]) == {"binary_tensor_data", "generate", "model_repository", "statistics"}
    found = client.get_model_metadata("reviews", "0")
    assert found["versions"] == ["0"] and found["platform"] == "onnxruntime_onnx"
    assert found["inputs"][0] == {"name": "input_ids", "datatype": "INT64", "shape": [-1, -1]}
    assert found["outputs"] == [{"name": "logits", "datatype": "FP32", "shape": [-1, 2]}]
    assert found["properties"]["provider"] == "CPUExecutionProvider" and found["properties"]["device"] == "cpu"


def test_tritonclient_asks_for_statistics(client, live):
    before = client.get_inference_statistics("digits")["model_stats"][0]
    given = httpclient.InferInput("image", [2, 1, 8, 8], "UINT8").set_data_from_numpy(PIXELS)
    client.infer("digits", [given])
    after = client.get_inference_statistics("digits", "0")["model_stats"][0]
    assert after["inference_count"] == before["inference_count"] + 2
    assert after["execution_count"] == before["execution_count"] + 1
    assert after["inference_stats"]["success"]["count"] == before["inference_stats"]["success"]["count"] + 1
    assert after["inference_stats"]["compute_infer"]["ns"] > before["inference_stats"]["compute_infer"]["ns"]
    assert {entry["batch_size"] for entry in after["batch_stats"]} >= {2}
    assert {entry["name"] for entry in client.get_inference_statistics()["model_stats"]} == {"digits", "reviews"}


def test_tritonclient_sees_errors_in_words(client):
    given = httpclient.InferInput("image", [2, 1, 8, 8], "UINT8").set_data_from_numpy(PIXELS)
    for name, version, words in (("nothing", "", "nothing"), ("digits", "7", "7")):
        with pytest.raises(exceptions.InferenceServerException, match=words) as caught:
            client.infer(name, [given], model_version=version)
        assert caught.value.status() == "404"


def test_tritonclient_moves_models_with_a_token(locked):
    with httpclient.InferenceServerClient(locked.url) as client:
        index = client.get_model_repository_index(headers=WITH_TOKEN)
        assert [(entry["name"], entry["version"], entry["state"]) for entry in index] == [
            ("digits", "0", "READY"),
            ("reviews", "0", "READY"),
        ]
        client.unload_model("reviews", headers=WITH_TOKEN)
        assert not client.is_model_ready("reviews", headers=WITH_TOKEN)
        with pytest.raises(exceptions.InferenceServerException):
            client.unload_model("reviews", headers=WITH_TOKEN)
        client.load_model("reviews", headers=WITH_TOKEN)
        client.load_model("reviews", headers=WITH_TOKEN)
        assert client.is_model_ready("reviews", headers=WITH_TOKEN)
        for name, config in (("nothing", None), ("..", None), ("digits", "{}")):
            with pytest.raises(exceptions.InferenceServerException):
                client.load_model(name, headers=WITH_TOKEN, config=config)


# ---- KServe's documentation, as plain requests


def test_examples_of_kserve_as_curl_sends_them(live):
    # curl -v -H "Content-Type: application/json" -d @./input.json http://.../v2/models/<name>/infer, data nested
    nested = json.dumps(
        {"inputs": [{"name": "image", "shape": [2, 1, 8, 8], "datatype": "UINT8", "data": PIXELS.tolist()}]}
    ).encode()
    answer = live.ask("POST", "/v2/models/digits/infer", nested, Content_Type="application/json")
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json"
    assert answer.json["model_name"] == "digits" and "id" not in answer.json
    (output,) = answer.json["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("logits", "FP32", [2, 10])
    np.testing.assert_allclose(output["data"], logits(PIXELS).ravel(), rtol=1e-5)
    # curl -d alone says that the body is a form
    form = live.ask("POST", "/v2/models/digits/infer", nested, Content_Type="application/x-www-form-urlencoded")
    assert form.content == answer.content
    # binary_data_output, with a Content-Type of JSON
    asked = request(parameters={"binary_data_output": True})
    answer = live.ask("POST", "/v2/models/digits/versions/0/infer", asked, Content_Type="application/json")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    length = int(answer.headers["Inference-Header-Content-Length"])
    assert json.loads(answer.content[:length])["outputs"][0]["parameters"] == {"binary_data_size": 80}
    np.testing.assert_allclose(np.frombuffer(answer.content[length:], "<f4"), logits(PIXELS).ravel(), rtol=1e-5)
    for path in ("/v2", "/v2/", "/v2/health/live", "/v2/health/ready", "/v2/models/digits/ready"):
        assert live.ask("GET", path).status == 200
    assert live.ask("GET", "/v2/models/digits/ready").json == {"name": "digits", "ready": True}
    assert live.ask("GET", "/v2/health/live").json == {"live": True}


def test_examples_of_kserve_with_a_host_of_its_own(tmp_path):
    with live_server.running(live_server.project(tmp_path), names=("sklearn-v2-iris.default.example.com",)) as server:
        for host, status in (("sklearn-v2-iris.default.example.com", 200), ("other.example.com", 403)):
            answer = server.ask("POST", "/v2/models/digits/infer", request(), Host=host)
            assert answer.status == status


def test_a_client_may_wait_for_100_continue(live):
    content = request()
    head = f"POST /v2/models/digits/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n"
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
        client.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
        assert client.recv(1024).startswith(b"HTTP/1.1 100")
        client.sendall(content)
        assert client.recv(1024).startswith(b"HTTP/1.1 200")


# ---- the rest of the protocol


def test_every_answer_says_who_answered(live):
    answer = live.ask("POST", "/v2/models/digits/infer", request(), X_Request_ID="abc-1")
    assert answer.headers["X-Request-ID"] == "abc-1"
    assert answer.headers["X-Chainrule-Version"] == "0"
    assert answer.headers["X-Chainrule-Provider"] == "CPUExecutionProvider"
    assert answer.headers["X-Chainrule-Device"] == "cpu"
    first, second = (live.ask("GET", "/nothing").headers["X-Request-ID"] for _ in range(2))
    assert first and second and first != second
    assert live.ask("GET", "/v2", X_Request_ID="no good one").headers["X-Request-ID"] != "no good one"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/v2/models/nothing", 404),
        ("GET", "/v2/models/digits/versions/1", 404),
        ("GET", "/v2/models/digits/stats/more", 404),
        ("GET", "/v2/models/digits/infer", 405),
        ("POST", "/v2/models/nothing/infer", 404),
        ("POST", "/v2/models/digits/versions/0/1/infer", 404),
        ("POST", "/v2/models//infer", 404),
        ("POST", "/v2/models/digits/versions//infer", 404),
        ("GET", "/models/nothing/card", 404),
        ("GET", "/..%2f..%2fetc/passwd", 404),
        ("GET", "/v2/models/..%2f..%2fetc%2fpasswd", 404),
        ("POST", "/v2", 405),
        ("DELETE", "/models", 405),
        ("POST", "/v2/repository/models/digits/load", 403),
        ("POST", "/v2/repository/models/digits/unload", 403),
    ],
)
def test_errors_are_json_and_say_what_is_wrong(live, method, path, status):
    answer = live.ask(method, path, b"{}" if method == "POST" else None)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    assert isinstance(answer.json["error"], str) and answer.json["error"]
    assert (answer.headers["Allow"] is not None) == (status == 405)


def test_the_index_can_be_of_ready_models_only(live):
    for content in (b"", b"{}", b'{"ready": true}'):
        answer = live.ask("POST", "/v2/repository/index", content)
        assert [entry["name"] for entry in answer.json] == ["digits", "reviews"]
    assert live.ask("POST", "/v2/repository/index", b"[]").status == 400


def test_metrics_count_requests_failures_and_steps(live):
    def value(line: str) -> float:
        lines = live.ask("GET", "/metrics").content.decode().splitlines()
        return sum(float(each.rpartition(" ")[2]) for each in lines if each.startswith(line + " "))

    names = [
        'chainrule_requests_total{model="digits",route="infer",status="200"}',
        'chainrule_failures_total{model="digits",reason="shape"}',
        'chainrule_inference_seconds_count{model="digits",step="compute",version="0"}',
        'chainrule_batch_items_count{model="digits",version="0"}',
    ]
    before = [value(name) for name in names]
    assert live.ask("POST", "/v2/models/digits/infer", request()).status == 200
    assert live.ask("POST", "/v2/models/digits/infer", request(PIXELS.reshape(1, 2, 8, 8))).status == 400
    assert [value(name) for name in names] == [count + 1 for count in before]
    about = (
        'chainrule_model_info{device="cpu",model="digits",provider="CPUExecutionProvider",variant="fp32",version="0"}'
    )
    assert value(about) == 1
    assert value('chainrule_queue_items{model="digits"}') == 0


def test_requests_are_logged_as_json(live):
    live.ask("POST", "/v2/models/digits/infer", request(), X_Request_ID="look-for-me")
    live_server.until(lambda: b"look-for-me" in live.log.getvalue())
    lines = [json.loads(line) for line in live.log.getvalue().splitlines()]
    (found,) = [line for line in lines if line.get("id") == "look-for-me"]
    assert (found["status"], found["model"], found["version"], found["batch"]) == (200, "digits", "0", 2)


def test_plain_requests_are_counted_by_step_and_logged_with_their_version(live):
    def count() -> float:
        lines = live.ask("GET", "/metrics").content.decode().splitlines()
        name = 'chainrule_inference_seconds_count{model="reviews",step="total",version="0"} '
        return sum(float(each.rpartition(" ")[2]) for each in lines if each.startswith(name))

    before = count()
    assert live.ask("POST", "/models/reviews", b"good", Content_Type="text/plain", X_Request_ID="plain").status == 200
    assert count() == before + 1
    found = logged(live, "plain")
    assert (found["model"], found["version"], found["status"]) == ("reviews", "0", 200)


def test_refusals_are_logged_with_their_reason(live):
    asked = [
        ("POST", "/v2/models/digits/infer", b"[]", "json"),
        ("POST", "/models/digits", b"x", "content_type"),
        ("POST", "/v2/repository/index", b"[]", "json"),
        ("POST", "/v2/repository/models/digits/load", b"", "token"),
        ("GET", "/v2/models/nothing", None, "unknown_model"),
    ]
    answers = [
        live.ask(method, path, content, X_Request_ID=f"refused-{number}")
        for number, (method, path, content, _) in enumerate(asked)
    ]
    for number, (answer, (*_, reason)) in enumerate(zip(answers, asked, strict=True)):
        found = logged(live, f"refused-{number}")
        assert (found["status"], found["reason"], found["error"]) == (answer.status, reason, answer.json["error"])


def logged(live: live_server.Live, name: str) -> dict:
    """The line of the log about a request."""
    wanted = b'"id":"%s"' % name.encode()
    live_server.until(lambda: wanted in live.log.getvalue())
    (found,) = [line for line in live.log.getvalue().splitlines() if wanted in line]
    return json.loads(found)


def test_no_answer_may_be_taken_for_another_type(live):
    for method, path, content in (
        ("POST", "/v2/models/digits/infer", request()),
        ("POST", "/v2/models/digits/infer", b"no JSON"),
        ("GET", "/v2", None),
        ("GET", "/v2/models/nothing", None),
    ):
        answer = live.ask(method, path, content)
        assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"], path


def test_the_description_has_what_there_is_and_no_more(live):
    described = live.ask("GET", "/openapi.json")
    for path, verbs in described.json["paths"].items():
        for about in verbs.values():
            places = {each["name"]: each["in"] for each in about.get("parameters", []) if each["in"] != "header"}
            asked = (
                dict.fromkeys(("explain", "unsure_below", "most", "threshold"), "query")
                if path == "/models/{model}"
                else {}
            )
            assert places == dict.fromkeys(re.findall(r"{(\w+)}", path), "path") | asked, path
            assert "422" not in about["responses"], path
    assert b"$ref" not in described.content
    assert live.ask("GET", "/v2/models/digits?version=7").status == 200


def test_the_api_is_described_offline(live):
    paths = live.ask("GET", "/openapi.json").json["paths"]
    assert {"/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer", "/models/{model}"} <= set(paths)
    assert "post" in paths["/v2/models/{model}/infer"]
    answers = paths["/models/{model}"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]["oneOf"]
    assert [schema["title"] for schema in answers] == list(TASKS)
    told = live.ask("POST", "/models/reviews", b"good", Content_Type="text/plain").json
    (schema,) = (schema for schema in answers if schema["title"] == "text_classification")
    assert [name for name in schema["properties"] if name in told] == schema["required"] == list(told)
    page = live.ask("GET", "/docs")
    assert all(task.encode() in page.content for task in TASKS) and b"the likeliest first" in page.content
    assert page.headers["Content-Type"].startswith("text/html") and b"/v2/models/{model}/infer" in page.content
    assert b"http://" not in page.content and b"https://" not in page.content and b"<script" not in page.content


def test_the_page_and_what_it_asks_for(live):
    page = live.ask("GET", "/")
    assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert live.ask("GET", "/page.js").headers["Content-Type"].startswith("text/javascript")
    models = live.ask("GET", "/models").json
    assert [model["name"] for model in models] == ["digits", "reviews"]
    assert (
        models[0]["target"]["classes"] == list("0123456789")
        and models[0]["variant"] == "fp32"
        and models[0]["device"] == "cpu"
    )
    assert models[1]["fields"][0] == {"name": "text", "kind": "text", "role": "input"}
    scores = {"rows": 100, "accuracy": tiny_bundles.ACCURACY}
    assert models[0]["versions"] == [
        {"version": "0", "champion": False, "scores": scores, "variants": {"fp32": {"file": "model.onnx"}}}
    ]
    card = live.ask("GET", "/models/digits/card")
    assert card.headers["Content-Type"].startswith("text/markdown") and card.content.startswith(b"# digits")


# ---- the plain route


def test_an_image_in_and_labels_out(live):
    answer = live.ask("POST", "/models/digits", png(level=128), Content_Type="image/png")
    expected = logits(np.full((1, 1, 8, 8), 128, np.uint8))[0]
    assert answer.status == 200 and (answer.json["model"], answer.json["version"]) == ("digits", "0")
    assert answer.json["labels"][0]["label"] == str(expected.argmax())
    assert sum(entry["probability"] for entry in answer.json["labels"]) == pytest.approx(1)
    assert answer.json["milliseconds"] > 0


def test_a_text_in_and_labels_out(live):
    plain = live.ask("POST", "/models/reviews", b"a good film", Content_Type="text/plain; charset=utf-8")
    said = live.ask("POST", "/models/reviews", b'{"text": "a good film"}', Content_Type="application/json")
    assert plain.status == said.status == 200
    assert plain.json["labels"] == said.json["labels"]
    assert {entry["label"] for entry in plain.json["labels"]} == set(tiny_bundles.FEELINGS)


@pytest.mark.parametrize(
    ("model", "content", "kind", "status"),
    [
        ("digits", b"", "image/png", 400),
        ("digits", b"no image", "image/png", 400),
        ("digits", png()[:40], "image/png", 400),
        ("digits", png(2000), "image/png", 413),
        ("digits", b"<svg/>", "image/svg+xml", 400),
        ("digits", b"a text", "text/plain", 400),
        ("digits", png(), "application/pdf", 415),
        ("digits", png(), "", 415),
        ("digits", png(), "application/json", 400),
        ("reviews", png(), "image/png", 400),
        ("reviews", b"", "text/plain", 400),
        ("reviews", b"\xff\xfe", "text/plain", 400),
        ("reviews", b"x" * 1001, "text/plain", 413),
        ("reviews", b"[]", "application/json", 400),
        ("reviews", b'{"text": 1}', "application/json", 400),
        ("reviews", b"{", "application/json", 400),
        ("nothing", b"a text", "text/plain", 404),
    ],
)
def test_what_is_no_image_or_text_for_the_model_is_refused(live, model, content, kind, status):
    answer = live.ask("POST", f"/models/{model}", content, Content_Type=kind)
    assert answer.status == status, answer.content
    assert answer.json["error"]


def test_a_body_without_json_is_one_item_and_is_answered_in_binary(live):
    answer = live.ask("POST", "/v2/models/digits/infer", PIXELS[:1].tobytes(), Inference_Header_Content_Length="0")
    length = int(answer.headers["Inference-Header-Content-Length"])
    assert json.loads(answer.content[:length])["outputs"][0]["shape"] == [1, 10]
    found = np.frombuffer(answer.content[length:], np.float32)
    np.testing.assert_allclose(found, logits(PIXELS[:1])[0], rtol=1e-5, atol=1e-5)
    for content in (b"", PIXELS.tobytes(), PIXELS.tobytes()[:63]):
        refused = live.ask("POST", "/v2/models/digits/infer", content, Inference_Header_Content_Length="0")
        assert refused.status == 400
    refused = live.ask("POST", "/v2/models/reviews/infer", bytes(8), Inference_Header_Content_Length="0")
    assert refused.status == 400 and "one input" in refused.json["error"]


# ---- hostile clients


@pytest.mark.parametrize("value", ["", "-1", "abc", "1.5", "1e3", "9" * 30, "100000", "３"])
def test_a_wrong_header_length_is_refused(live, value):
    answer = live.ask("POST", "/v2/models/digits/infer", request(), Inference_Header_Content_Length=value.encode())
    assert answer.status == 400 and answer.json["error"]


def test_a_token_id_beyond_the_vocabulary_is_the_callers_mistake(live):
    for bad in (10**9, -(10**9), 2**63 - 1):
        ids = {"name": "input_ids", "shape": [1, 1], "datatype": "INT64", "data": [bad]}
        mask = {"name": "attention_mask", "shape": [1, 1], "datatype": "INT64", "data": [1]}
        assert live.ask("POST", "/v2/models/reviews/infer", json.dumps({"inputs": [ids, mask]}).encode()).status == 400


def test_a_body_that_is_too_large_is_refused(live):
    for path in ("/v2/models/digits/infer", "/models/digits", "/v2/repository/index"):
        assert live.ask("POST", path, bytes(400_001), Content_Type="image/png").status == 413
    chunked = b"POST /v2/models/digits/infer HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = live.send(chunked + (b"10000\r\n" + bytes(0x10000) + b"\r\n") * 7 + b"0\r\n\r\nGET / HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")


def test_compressed_bodies_have_the_same_bounds(live):
    good = live.ask("POST", "/v2/models/digits/infer", gzip.compress(request()), Content_Encoding="gzip")
    assert good.status == 200
    bomb = gzip.compress(bytes(100_000_000))
    assert live.ask("POST", "/v2/models/digits/infer", bomb, Content_Encoding="gzip").status == 413
    assert live.ask("POST", "/v2/models/digits/infer", zlib.compress(bomb), Content_Encoding="deflate").status == 400
    for content in (b"", b"abc", gzip.compress(request())[:-9], gzip.compress(request()) + b"more"):
        assert live.ask("POST", "/v2/models/digits/infer", content, Content_Encoding="gzip").status == 400
    for encoding in ("br", "gzip, gzip", "zstd"):
        assert live.ask("POST", "/v2/models/digits/infer", request(), Content_Encoding=encoding).status == 415


def test_a_client_that_sends_its_body_too_slowly_is_refused(live):
    head = b"POST /v2/models/digits/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"
    start = time.monotonic()
    answer = live.send(head)
    assert answer.startswith(b"HTTP/1.1 408") and time.monotonic() - start < 5


def test_a_client_that_leaves_is_forgotten(live):
    content = request()
    head = f"POST /v2/models/digits/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n"
    for part in (content[:10], content):
        with socket.create_connection(("127.0.0.1", live.port)) as client:
            client.sendall(head.encode() + part)
    assert live.ask("POST", "/v2/models/digits/infer", content).status == 200


def test_a_request_that_is_no_http_is_refused_in_json(live):
    for content in (
        b"\x16\x03\x01\x00\xa5\x01\x00\x00",
        b"GET\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    ):
        answer = live.send(content)
        assert answer.startswith(b"HTTP/1.1 400") and b'{"error":' in answer


def test_an_endless_head_is_refused(live):
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        client.sendall(b"X" * 70_000)
        assert client.recv(1000).startswith(b"HTTP/1.1 431")
        client.sendall(b"X" * 1_000_000)  # still taken, though nobody reads it
        assert client.recv(1000) == b""


def test_a_refusal_reaches_a_client_that_is_still_sending(live):
    """Who closes while bytes lie unread resets the connection, and with it the answer on its way."""
    head = b"POST /v2/models/none/infer HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
        client.sendall(head + b"Content-Length: 8000000\r\n\r\n")
        for _ in range(80):
            client.sendall(b"X" * 100_000)
        assert client.recv(1000).startswith(b"HTTP/1.1 413")


def test_many_clients_at_once_get_their_own_answers(live):
    wrong = []

    def one(number: int) -> None:
        with httpclient.InferenceServerClient(live.url) as client:
            for turn in range(10):
                pixels = np.full((1 + number % 3, 1, 8, 8), (number * 10 + turn) % 256, np.uint8)
                given = httpclient.InferInput("image", list(pixels.shape), "UINT8").set_data_from_numpy(pixels)
                found = client.infer("digits", [given]).as_numpy("logits")
                if not np.allclose(found, logits(pixels), rtol=1e-5, atol=1e-5):
                    wrong.append(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_fault_of_the_server_is_json_and_counted(tmp_path, monkeypatch, caplog):
    with live_server.running(live_server.project(tmp_path)) as live:
        monkeypatch.setattr("chainrule.serving.about.described", lambda model: 1 / 0)
        answer = live.ask("GET", "/models")
        assert answer.status == 500 and "log" in answer.json["error"] and "division" not in answer.json["error"]
        assert b'status="500"' in live.ask("GET", "/metrics").content
    assert "ZeroDivisionError" in caplog.text


def test_bodies_that_are_too_large_together_are_refused(tmp_path):
    def half() -> socket.socket:
        client = socket.create_connection(("127.0.0.1", live.port), timeout=10)
        client.sendall(b"POST /v2/models/digits/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n")
        client.sendall(b" " * 80_000)
        return client

    limits = Limits(bodies_bytes=200_000, body_seconds=30)
    with live_server.running(live_server.project(tmp_path), limits=limits) as live:
        held = [half() for _ in range(3)]
        (refused,), _, _ = select.select(held, [], [], 10)  # whichever came last; the others still wait for the rest
        answer = refused.recv(65536)
        assert answer.startswith(b"HTTP/1.1 503") and b"retry-after: 1" in answer
        assert live.ask("POST", "/v2/models/digits/infer", request()).status == 200  # small ones find room
        assert b'reason="bodies_full"' in live.ask("GET", "/metrics").content
        for client in held:
            client.close()
        content = gzip.compress(request() + b" " * 180_000)
        live_server.until(
            lambda: live.ask("POST", "/v2/models/digits/infer", content, Content_Encoding="gzip").status == 200
        )
        for _ in range(5):  # an answer gives back what its request held
            assert live.ask("POST", "/v2/models/digits/infer", content, Content_Encoding="gzip").status == 200


def test_a_large_body_is_decoded_aside(tmp_path, monkeypatch):
    seen = []
    real = routes.protocol.decode

    def decode(*arguments):
        seen.append(threading.current_thread().name)
        return real(*arguments)

    monkeypatch.setattr(routes.protocol, "decode", decode)
    with live_server.running(live_server.project(tmp_path)) as live:
        for padding in (0, 2_000_000):
            answer = live.ask("POST", "/v2/models/digits/infer", request() + b" " * padding)
            assert answer.status == 200
    assert not seen[0].startswith("decode") and seen[1].startswith("decode")


def test_a_client_that_leaves_takes_its_waiting_request_with_it(tmp_path, monkeypatch):
    free, running = threading.Event(), threading.Event()
    items = []
    real = Session.run

    def run(session, inputs):
        if running.is_set() or (free.is_set() and not items):  # warm-up is over
            items.append(len(next(iter(inputs.values()))))
        if free.is_set() or session.outputs != ("logits",) or not started.is_set():
            return real(session, inputs)
        running.set()
        free.wait(20)
        return real(session, inputs)

    started = threading.Event()
    monkeypatch.setattr(Session, "run", run)
    with live_server.running(live_server.project(tmp_path)) as live:
        started.set()

        def queued() -> int:
            page = live.ask("GET", "/metrics").content.decode().splitlines()
            (line,) = [each for each in page if each.startswith('chainrule_queue_items{model="digits"}')]
            return int(float(line.rpartition(" ")[2]))

        def send(head: str, content: bytes) -> socket.socket:
            client = socket.create_connection(("127.0.0.1", live.port), timeout=10)
            client.sendall(f"{head}Host: localhost\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
            return client

        infer = "POST /v2/models/digits/infer HTTP/1.1\r\n"
        first = send(infer, request())
        live_server.until(running.is_set)
        others = [
            send(infer, request()),
            send("POST /models/digits HTTP/1.1\r\nContent-Type: image/png\r\n", png()),
        ]
        live_server.until(lambda: queued() == 3)
        for client in others:
            client.close()
        live_server.until(lambda: queued() == 0)
        free.set()
        assert first.recv(65536).startswith(b"HTTP/1.1 200")
        first.close()
        live_server.until(lambda: live.log.getvalue().count(b'"status":499') == 2)
        assert live.ask("POST", "/v2/models/digits/infer", request()).status == 200


def raw(path: str, content: bytes = b"", method: str = "POST", **headers: str) -> bytes:
    said = {"Host": "localhost", "X-Request-ID": "mine", "Content-Length": str(len(content))}
    said |= {name.replace("_", "-"): text for name, text in headers.items()}
    lines = "".join(f"{name}: {text}\r\n" for name, text in said.items() if text)
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + content


INFER = "/v2/models/digits/infer"
BINARY = json.dumps(
    {
        "inputs": [
            {"name": "image", "shape": [1, 1, 8, 8], "datatype": "UINT8", "parameters": {"binary_data_size": 64}}
        ],
        "parameters": {"binary_data_output": True},
    }
).encode()
ASKED = {
    "json": raw(INFER, request()),
    "binary": raw(INFER, BINARY + bytes(64), Inference_Header_Content_Length=str(len(BINARY))),
    "bytes alone": raw(INFER, bytes(64), Inference_Header_Content_Length="0"),
    "a version": raw("/v2/models/digits/versions/0/infer", request()),
    "compressed": raw(INFER, gzip.compress(request()), Content_Encoding="gzip"),
    "with a wait": raw(INFER, request(), Expect="100-continue"),
    "closing": raw(INFER, request(), Connection="close"),
    "no request id": raw(INFER, request(), X_Request_ID="a b"),
    "text": raw("/models/reviews", b"a good film", Content_Type="text/plain"),
    "probe": raw("/v2/health/live", method="GET"),
    "unknown model": raw("/v2/models/nothing/infer", request()),
    "unknown version": raw("/v2/models/digits/versions/7/infer", request()),
    "no JSON": raw(INFER, b"{"),
    "wrong shape": raw(INFER, request(PIXELS[:, :, :7])),
    "wrong header": raw(INFER, request(), Inference_Header_Content_Length="-1"),
    "too large": raw(INFER, request() + b" " * 400_000),
    "unknown encoding": raw(INFER, request(), Content_Encoding="br"),
    "another host": raw(INFER, request(), Host="example.com"),
    "another host, head": raw(INFER, b"", "HEAD", Host="example.com"),
    "another origin": raw(INFER, request(), Origin="http://example.com"),
    "not a route": raw("/v3", method="GET"),
    "a wrong method": raw(INFER, method="GET"),
}


@pytest.mark.parametrize("what", ASKED)
def test_an_answer_does_not_depend_on_how_it_was_computed_and_written(live, monkeypatch, what):
    def said() -> bytes:
        with socket.create_connection(("127.0.0.1", live.port), timeout=10) as client:
            client.sendall(ASKED[what])
            found = b""
            while not (whole := re.search(rb"(?s)\r\ncontent-length: (\d+).*?\r\n\r\n(.*)", found)) or (
                len(whole[2]) < int(whole[1]) and not what.endswith("head")
            ):
                piece = client.recv(65536)
                assert piece
                found += piece
        length = int(whole[1])
        assert len(whole[2]) == (0 if what.endswith("head") else length)
        # A time has more digits or fewer, and so the answer more bytes or fewer.
        time = re.search(rb'"milliseconds":([^}]*)', found)
        rest = length - (len(time[1]) if time else 0)
        found = found.replace(b"\r\ncontent-length: %d\r\n" % length, b"\r\ncontent-length: %d\r\n" % rest)
        return re.sub(rb'("milliseconds":|date: |x-request-id: (?!mine))[^\r}]*', rb"\1", found)

    async def two_messages(request, status, head, content):
        request.status = status
        headers = [tuple(line.split(b": ", 1)) for line in head.split(b"\r\n")[:-1]]
        headers += [(b"x-request-id", request.id), (b"content-length", b"%d" % len(content))]
        await request.send({"type": "http.response.start", "status": status, "headers": headers})
        await request.send({"type": "http.response.body", "body": content[:3], "more_body": True})
        await request.send({"type": "http.response.body", "body": content[3:]})

    seen = [said()]
    monkeypatch.setattr(app._Request, "answer", two_messages)
    for alone in (False, True):
        monkeypatch.setattr(Exchange, "is_alone", lambda self, alone=alone: alone)
        seen.append(said())
    assert seen[0].startswith(b"HTTP/1.1 ") and seen[0] == seen[1] == seen[2]


def test_an_input_that_is_not_prepared_in_time_is_refused(tmp_path, monkeypatch):
    free = threading.Event()
    monkeypatch.setattr(routes, "_prepared", lambda *_: free.wait(20))
    with live_server.running(live_server.project(tmp_path), limits=Limits(deadline_seconds=0.2)) as live:
        answer = live.ask("POST", "/models/digits", png(), Content_Type="image/png")
        free.set()
        assert answer.status == 503 and answer.headers["Retry-After"] == "1" and "0.2 s" in answer.json["error"]


def test_runs_are_the_loops_for_one_client_and_the_workers_for_many(tmp_path, monkeypatch):
    threads = []
    real = Session.run

    def run(session, inputs):
        threads.append(threading.current_thread().name)
        return real(session, inputs)

    monkeypatch.setattr(Session, "run", run)
    monkeypatch.setattr(batching, "SHORT", 60.0)
    with live_server.running(live_server.project(tmp_path)) as live:

        def connect() -> http.client.HTTPConnection:
            return http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)

        def asked_by(client: http.client.HTTPConnection) -> str:
            client.request("POST", INFER, request())
            assert client.getresponse().read().startswith(b'{"model_name":"digits"')
            return threads[-1]

        one, other = connect(), connect()
        live_server.until(lambda: not asked_by(one).startswith("run-"))
        for client in (other, one, other, one):
            assert asked_by(client).startswith("run-")
        live_server.until(lambda: not asked_by(other).startswith("run-"))
        one.close()
        other.close()


def test_decoders_and_tokenizer_are_there_before_the_first_request(tmp_path, monkeypatch):
    taken = []
    for service in (images, texts):
        prepare = service.prepare
        monkeypatch.setattr(
            service,
            "prepare",
            lambda content, *rest, prepare=prepare, **more: taken.append(prepare(content, *rest, **more)),
        )
    with live_server.running(live_server.project(tmp_path)):
        assert len(taken) == len(list(image_parts.examples({}))) + len(list(text_parts.examples({})))


# ---- its parts


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v2/models/a/infer", ("a", None)),
        ("/v2/models/a/versions/3/infer", ("a", "3")),
        ("/v2/models/a b/infer", ("a b", None)),
        ("/v2/models/infer", None),
        ("/v2/models//infer", None),
        ("/v2/models/a/b/infer", None),
        ("/v2/models/a/versions/infer", None),
        ("/v2/models/a/versions/3/4/infer", None),
        ("/v2/models/a/infer/", None),
        ("/v1/models/a/infer", None),
    ],
)
def test_infer_target(path, target):
    assert infer_target(path) == target


def test_a_body_in_parts_is_put_together():
    messages = [{"type": "http.request", "body": part, "more_body": part != b"c"} for part in (b"a", b"", b"b", b"c")]

    async def receive():
        return messages.pop(0)

    share = body.Share(body.Bodies(100))
    assert asyncio.run(body.read(receive, {}, Limits(), share)) == b"abc"
    assert share.held == 3


def test_a_decompressed_body_is_counted_as_what_it_became():
    content = gzip.compress(bytes(3_000_000))

    async def receive():
        return {"type": "http.request", "body": content}

    headers = {b"content-encoding": b"gzip"}
    share = body.Share(body.Bodies(4_000_000))
    assert asyncio.run(body.read(receive, headers, Limits(), share)) == bytes(3_000_000)
    assert share.held == 3_000_000
    with pytest.raises(Refusal) as caught:
        asyncio.run(body.read(receive, headers, Limits(), body.Share(body.Bodies(2_000_000))))
    assert (caught.value.status, caught.value.reason) == (503, "bodies_full")
    with pytest.raises(Refusal) as caught:
        asyncio.run(body.read(receive, headers, Limits(body_bytes=2_999_999), body.Share(body.Bodies(10**8))))
    assert caught.value.status == 413
