"""Requests of every form that HTTP allows: answered as they say, or refused in one line with the right status."""

import base64
import http.client
import io
import json

import numpy as np
import pytest
from PIL import Image

import live_server
import tiny_bundles
import triton_schema
from chainrule.serving.routes import page_files

httpclient = pytest.importorskip("tritonclient.http")
exceptions = pytest.importorskip("tritonclient.utils")

PIXELS = np.arange(64, dtype=np.uint8).reshape(1, 1, 8, 8)
PAIR = "this model takes a text as 'first' and a text as 'second'"
QUALITY = {
    "primary": {"name": "accuracy", "value": 0.9, "low": 0.85, "high": 0.95},
    "floor": {"name": "logistic_regression", "value": 0.8},
}


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    root = tmp_path_factory.mktemp("requests")
    (root / "models" / "onnx").mkdir(parents=True)
    tiny_bundles.image_bundle(root / "models" / "onnx" / "digits", quality=QUALITY)
    tiny_bundles.text_bundle(root / "models" / "onnx" / "reviews")
    tiny_bundles.pair_bundle(root / "models" / "onnx" / "pairs")
    with live_server.running(root) as server:
        yield server


@pytest.fixture
def client(live):
    with httpclient.InferenceServerClient(live.url) as found:
        yield found


def picture(kind: str = "PNG", mode: str = "L") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (8, 8), 90).save(buffer, kind)
    return buffer.getvalue()


def tensor(**keys) -> dict:
    return {"name": "image", "shape": [1, 1, 8, 8], "datatype": "UINT8", "data": PIXELS.ravel().tolist(), **keys}


def infer(live, content: bytes, **headers) -> live_server.Answer:
    return live.ask("POST", "/v2/models/digits/infer", content, **headers)


def labels(live, text: bytes, kind: str) -> list:
    answer = live.ask("POST", "/models/reviews", text, Content_Type=kind)
    assert answer.status == 200, answer.content
    return answer.json["labels"]


# ---- methods


def test_head_is_answered_wherever_get_is(live):
    described = live.ask("GET", "/openapi.json").json["paths"]
    names = {"{model}": "digits", "{version}": "0"}
    paths = {*page_files(), "/docs", "/openapi.json", "/v2/", "/nothing", "/v2/models/nothing"}
    for path, verbs in described.items():
        if "get" in verbs:
            for place, name in names.items():
                path = path.replace(place, name)
            paths.add(path)
    assert {"/", "/v2/health/ready", "/v2/models/digits/versions/0/config", "/metrics"} <= paths
    for path in sorted(paths):
        got, head = live.ask("GET", path), live.ask("HEAD", path)
        assert (head.status, head.content) == (got.status, b""), path
        assert head.headers["Content-Type"] == got.headers["Content-Type"], path
        if path != "/metrics":  # which has grown since
            assert head.headers["Content-Length"] == str(len(got.content)), path


def test_a_connection_goes_on_after_head(live):
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)
    for method in ("HEAD", "GET", "HEAD", "GET"):
        connection.request(method, "/v2/health/live", b"a body that nobody asked for")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"" if method == "HEAD" else b'{"live":true}')
    connection.close()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "PROPFIND"])
def test_a_method_that_a_path_does_not_take_is_named_with_those_it_takes(live, method):
    for path, takes in (("/v2/models/digits/infer", "POST"), ("/models/digits", "POST"), ("/metrics", "GET, HEAD")):
        if method in takes:
            continue
        answer = live.ask(method, path)
        assert (answer.status, answer.headers["Allow"]) == (405, takes), path
        if method != "HEAD":
            assert takes in answer.json["error"], path


# ---- texts and their charsets


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("utf-16be", "utf-16-be"), ("UTF-16LE", "utf-16-le"), ("utf-16", "utf-16"), ("utf-32", "utf-32"),
        ("latin-1", "latin-1"), ("ISO-8859-1", "latin-1"), ('"windows-1252"', "cp1252"), ("UTF-8", "utf-8"),
        ('"utf-8"', "utf-8"), ("us-ascii", "ascii"), ("gbk", "gbk"), ("koi8-u", "koi8-u"),
    ],
)  # fmt: skip
def test_a_text_is_read_in_the_charset_that_it_says_it_is_in(live, charset, codec):
    said = "a good film, the plot bad"
    expected = labels(live, said.encode(), "text/plain")
    assert labels(live, said.encode(codec), f"text/plain; format=flowed; charset={charset}") == expected
    written = json.dumps({"text": said}).encode(codec)
    assert labels(live, written, f"application/json;charset={charset}") == expected


def test_a_sign_beyond_ascii_is_the_same_in_every_charset(live):
    spaced = "good\N{NO-BREAK SPACE}film"
    expected = labels(live, b"good film", "text/plain")
    for charset in ("latin-1", "utf-16be", "windows-1252"):
        assert labels(live, spaced.encode(charset), f"text/plain; charset={charset}") == expected


@pytest.mark.parametrize(
    "charset", ["nonsense", "base64", "rot13", "zlib", "idna", "punycode", "undefined", "", '""', "é"]
)
def test_a_charset_that_is_not_known_is_refused_by_name(live, charset):
    for kind in ("text/plain", "application/json"):
        answer = live.ask("POST", "/models/reviews", b'{"text": "good"}', Content_Type=f"{kind}; charset={charset}")
        assert answer.status == 415 and repr(charset.strip('"')) in answer.json["error"]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text/plain", "café".encode("latin-1")), ("text/plain", "good".encode("utf-16")),
        ("text/plain; charset=us-ascii", "café".encode()), ("text/plain; charset=utf-16be", b"odd"),
        ("text/plain; charset=utf-8", b"\xc3"), ("application/json; charset=utf-16", b'{"text": "good"} '),
    ],
)  # fmt: skip
def test_a_text_that_is_not_in_its_charset_is_refused(live, kind, content):
    answer = live.ask("POST", "/models/reviews", content, Content_Type=kind)
    assert answer.status == 400 and answer.json["error"]


def test_json_of_tensors_is_utf_8_only(live):
    content = json.dumps({"inputs": [tensor()]}).encode()
    assert infer(live, content, Content_Type="application/json; charset=UTF-8").status == 200
    refused = infer(live, content.decode().encode("utf-16"), Content_Type="application/json; charset=utf-16")
    assert refused.status == 415 and "utf-16" in refused.json["error"]


def test_an_image_is_what_its_bytes_are_and_a_text_is_none(live):
    expected = live.ask("POST", "/models/digits", picture(), Content_Type="image/png").json["labels"]
    for kind in ("image/jpeg", "image/x-any", "application/octet-stream", "IMAGE/PNG; charset=utf-16"):
        assert live.ask("POST", "/models/digits", picture(), Content_Type=kind).json["labels"] == expected
    for content, kind in ((b"good", "image/svg+xml"), (picture(), "image/png"), (b"good", "application/octet-stream")):
        answer = live.ask("POST", "/models/reviews", content, Content_Type=kind)
        assert answer.status == 400 and "takes a text" in answer.json["error"]
    for content, kind in (
        (b"good", "text/plain"),
        (picture(), "text/plain"),
        (b'{"text": "good"}', "application/json"),
    ):
        answer = live.ask("POST", "/models/digits", content, Content_Type=kind)
        assert answer.status == 400 and "takes an image" in answer.json["error"]


# ---- fields


def ask_json(live, model: str, content: object) -> live_server.Answer:
    return live.ask("POST", f"/models/{model}", json.dumps(content).encode(), Content_Type="application/json")


def test_an_image_may_come_in_json_too(live):
    expected = live.ask("POST", "/models/digits", picture(), Content_Type="image/png").json["labels"]
    answer = ask_json(live, "digits", {"image": base64.b64encode(picture()).decode()})
    assert answer.status == 200 and answer.json["labels"] == expected


def test_a_pair_is_two_fields_of_one_request(live):
    answer = ask_json(live, "pairs", {"second": "bad <b>plot</b>", "first": "A good film"})
    assert answer.status == 200, answer.content
    words = [tiny_bundles.WORDS.index(word) for word in ("a", "good", "film", "bad", "plot")]
    logits = tiny_bundles.text_weights()[words].mean(axis=0)
    chances = dict(zip(tiny_bundles.FEELINGS, np.exp(logits) / np.exp(logits).sum(), strict=True))
    assert {each["label"]: each["probability"] for each in answer.json["labels"]} == pytest.approx(chances, abs=1e-6)


@pytest.mark.parametrize(("kind", "content"), [("text/plain", b"good"), ("image/png", b"good")])
def test_a_pair_is_json(live, kind, content):
    answer = live.ask("POST", "/models/pairs", content, Content_Type=kind)
    said = f'{PAIR}: send JSON, {{"first": "...", "second": "..."}}'
    assert (answer.status, answer.json["error"]) == (400, said)


@pytest.mark.parametrize(
    ("model", "content", "said"),
    [
        (
            "pairs",
            {"first": "good", "secnd": "bad"},
            f"{PAIR} and has no field 'secnd'; did you mean 'second'?",
        ),
        (
            "pairs",
            {"first": "good"},
            'the field \'second\' is missing: the JSON must be {"first": "...", "second": "..."}',
        ),
        (
            "pairs",
            {"first": "good", "second": " "},
            "second: the text is empty: nothing is left but blanks, controls or markup",
        ),
        ("reviews", {"txt": "good"}, "this model takes a text as 'text' and has no field 'txt'; did you mean 'text'?"),
        ("reviews", {"text": "good", "more": 1}, "this model takes a text as 'text' and has no field 'more'"),
        ("reviews", {}, 'the field \'text\' is missing: the JSON must be {"text": "..."}'),
        ("reviews", {"text": ["good"]}, 'the field \'text\' must be a text: {"text": "..."}'),
        ("reviews", {"text": None}, 'the field \'text\' must be a text: {"text": "..."}'),
        ("digits", {"image": 3}, 'the field \'image\' must be an image file in base64: {"image": "..."}'),
        ("digits", {"image": "not base64"}, 'the field \'image\' must be an image file in base64: {"image": "..."}'),
        ("digits", {"image": "é"}, 'the field \'image\' must be an image file in base64: {"image": "..."}'),
        ("digits", {"image": "Z29vZA=="}, "this is not an image that can be read: send PNG, JPEG, WebP, GIF or BMP"),
        ("digits", {"image": ""}, "this is not an image that can be read: send PNG, JPEG, WebP, GIF or BMP"),
    ],
)
def test_a_field_that_is_missing_unknown_or_wrong_is_one_line_with_its_name(live, model, content, said):
    answer = ask_json(live, model, content)
    assert (answer.status, answer.json["error"]) == (400, said)


def test_a_name_that_nobody_could_mean_is_cut(live):
    answer = ask_json(live, "reviews", {"text": "good", "x" * 1_000_000: 1})
    assert answer.status == 400 and len(answer.json["error"]) < 200


def test_what_is_beyond_the_servers_own_limits_is_413_in_one_line(live):
    huge = io.BytesIO()
    Image.new("1", (6_000, 5_000)).save(huge, "PNG")
    for model, content, kind in (
        ("reviews", b"good " * 20_001, "text/plain"),
        ("reviews", json.dumps({"text": "good " * 20_001}).encode(), "application/json"),
        ("digits", huge.getvalue(), "image/png"),
    ):
        answer = live.ask("POST", f"/models/{model}", content, Content_Type=kind)
        assert answer.status == 413 and "at most" in answer.json["error"] and "\n" not in answer.json["error"]


# ---- heads


@pytest.mark.parametrize(
    "name",
    ["Host", "Content-Type", "Content-Encoding", "Authorization", "Inference-Header-Content-Length", "Origin"],
)
def test_a_header_that_decides_may_be_there_once(live, name):
    value = {"Host": "localhost", "Content-Type": "text/plain", "Content-Encoding": "identity"}.get(name, "0")
    head = "POST /models/reviews HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nConnection: close\r\n"
    head += f"{name}: {value}\r\n"
    twice = head + ("" if name == "Host" else f"{name}: {value}\r\n") + "\r\n"
    answer = live.send(twice.encode() + b"good")
    assert answer.startswith(b"HTTP/1.1 400 ") and name.lower().encode() in answer.partition(b"\r\n\r\n")[2]


def test_other_headers_may_be_there_as_often_as_they_like(live):
    head = b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\nAccept: a\r\nAccept: b\r\nConnection: close\r\n\r\n"
    assert live.send(head).startswith(b"HTTP/1.1 200 ")


def test_a_transfer_encoding_that_is_not_undone_is_refused(live):
    head = b"POST /models/reviews HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    body = b"4\r\ngood\r\n0\r\n\r\n"
    assert live.send(head + b"Transfer-Encoding: chunked\r\n\r\n" + body).startswith(b"HTTP/1.1 200 ")
    assert live.send(head + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + body).startswith(b"HTTP/1.1 415 ")


# ---- JSON


def test_a_name_said_twice_is_refused_and_not_the_last_one_taken(live):
    once, twice = b'{"text": "good: a film"}', b'{"text": "good", "text": "bad"}'
    assert live.ask("POST", "/models/reviews", once, Content_Type="application/json").status == 200
    assert live.ask("POST", "/models/reviews", twice, Content_Type="application/json").status == 400
    said = json.dumps(tensor())
    for content in (
        f'{{"inputs": [], "inputs": [{said}]}}',
        f'{{"inputs": [{said[:-1]}, "shape": [1, 1, 8, 8]}}]}}',
        f'{{"inputs": [{said}], "parameters": {{"a": {{"b": 1, "\\u0062": 1}}}}}}',
    ):
        answer = infer(live, content.encode())
        assert answer.status == 400 and "twice" in answer.json["error"], content


def test_true_is_no_number(live):
    assert infer(live, json.dumps({"inputs": [tensor(data=[1] * 64)], "more": True}).encode()).status == 200
    refused = infer(live, json.dumps({"inputs": [tensor(data=[1] * 63 + [True])]}).encode())
    assert refused.status == 400 and "no UINT8" in refused.json["error"]


def test_a_flag_of_the_index_is_true_or_false(live):
    assert live.ask("POST", "/v2/repository/index", b'{"ready": false}').status == 200
    assert live.ask("POST", "/v2/repository/index", b'{"ready": "no"}').status == 400


# ---- what Triton's client asks for


def test_tritonclient_asks_for_the_configuration(client):
    found = client.get_model_config("digits")
    assert found == client.get_model_config("digits", "0")
    assert (found["name"], found["backend"], found["max_batch_size"]) == ("digits", "onnxruntime", 64)
    assert found["input"] == [{"name": "image", "data_type": "TYPE_UINT8", "dims": [1, 8, 8]}]
    assert found["output"] == [{"name": "logits", "data_type": "TYPE_FP32", "dims": [10]}]
    schema = triton_schema.load()
    from google.protobuf import json_format

    json_format.ParseDict(found, schema.ModelConfig())  # which refuses a field that Triton does not have
    for name, version in (("nothing", ""), ("digits", "7")):
        with pytest.raises(exceptions.InferenceServerException) as caught:
            client.get_model_config(name, version)
        assert caught.value.status() == "404"


def test_extensions_that_are_not_here_are_refused_in_words(client):
    calls = [
        (client.get_trace_settings, "tracing"),
        (lambda: client.get_trace_settings("digits"), "tracing"),
        (lambda: client.update_trace_settings("digits", {"trace_rate": "1"}), "tracing"),
        (client.get_log_settings, "log"),
        (lambda: client.update_log_settings({"log_info": False}), "log"),
        (client.get_system_shared_memory_status, "shared memory"),
        (client.get_cuda_shared_memory_status, "shared memory"),
        (lambda: client.register_system_shared_memory("a", "/a", 8), "shared memory"),
        (lambda: client.unregister_system_shared_memory("a"), "shared memory"),
        (client.unregister_cuda_shared_memory, "shared memory"),
    ]
    for call, words in calls:
        with pytest.raises(exceptions.InferenceServerException, match=words) as caught:
            call()
        assert caught.value.status() == "404"


def test_metadata_and_page_have_how_good_a_model_is_beside_its_floor(live, client):
    assert client.get_model_metadata("digits")["properties"]["quality"] == QUALITY
    assert "quality" not in client.get_model_metadata("reviews")["properties"]
    assert [model["quality"] for model in live.ask("GET", "/models").json] == [QUALITY, None, None]


def test_the_pages_own_example_is_not_observed(tmp_path):
    with live_server.running(live_server.project(tmp_path), observe=1.0) as live:
        for headers in ({"X_Chainrule_Example": "yes"}, {}):
            answer = live.ask("POST", "/models/reviews", b"good", Content_Type="text/plain", **headers)
            assert answer.status == 200
    (written,) = (tmp_path / "data" / "observed" / "reviews").glob("*.jsonl")
    assert len(written.read_text().splitlines()) == 1
