"""A server whose models write: the same text whole, in events and in company; budgets; clients that go away."""

import asyncio
import http.client
import json
import re
import shutil
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import live_server
import writers
from chainrule.serving import answered, bundle, plain, streaming
from chainrule.serving.connection import EXCHANGE
from chainrule.serving.decoding import rows, words
from chainrule.serving.decoding.engine import Engine
from chainrule.serving.decoding.settings import Settings
from chainrule.serving.limits import Limits
from waiting import until

TOKEN = "a token of enough characters"
JSON = {"Content_Type": "application/json"}
LINES = ["a bee.", "the cat sat.", "é", "so it goes. so it", "zebra", "a bee. a bee. a bee."]
WAYS: list[dict[str, Any]] = [{}, {"beams": 3}, {"temperature": 0.9, "seed": 5, "top_k": 9}, {"max_new_tokens": 3}]


class Gate:
    """Lets the engines of servers step, or holds them."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()


@pytest.fixture(scope="module")
def gate() -> Any:
    found, own = Gate(), Engine.step

    def step(self: Engine) -> None:
        if threading.current_thread().name.startswith("write-"):
            assert found.open.wait(30)
        own(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "step", step)
        yield found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Any:
    found = tmp_path_factory.mktemp("project")
    (found / "models" / "onnx").mkdir(parents=True)
    for name, encoder in (("goes_on", False), ("turns", True)):
        writers.write(found / "models" / "onnx" / name, encoder)
    own = plain.face
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "face", lambda content: own(content) or writers.Face)
        yield found


@pytest.fixture(scope="module")
def live(root: Any, gate: Gate) -> Any:
    limits = Limits(new_tokens=60, prompt_tokens=50, characters=1000, texts=8, texts_waiting=16)
    with live_server.running(root, limits=limits) as server:
        yield server


def ask(live: Any, name: str, text: str, **said: Any) -> Any:
    field = "source" if name == "turns" else "text"
    return live.ask("POST", f"/models/{name}", json.dumps({field: text, **said}).encode(), **JSON)


def events(content: bytes) -> list[tuple[str, Any]]:
    """Return name and data of each event."""
    found = []
    for block in content.decode().split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines.get("event", ""), json.loads(lines["data"])))
    return found


@pytest.fixture(scope="module")
def offline(root: Any) -> Any:
    """Return what writes a text with nobody else about."""

    def write(name: str, text: str, **said: Any) -> str:
        content = bundle.read(root / "models" / "onnx" / name, name, "1")
        model = answered.writer(content, answered.sessions(content, "fp32", 1), name)
        field = "source" if name == "turns" else "text"
        inputs = plain.prepare(content, {field: text}, Limits())
        return words.texts(rows.generated(model, Settings(**{"max_new_tokens": 24, **said}))(inputs)["text"])[0]

    return write


@pytest.mark.parametrize("name", ["goes_on", "turns"])
@pytest.mark.parametrize("said", WAYS)
def test_the_same_text_whole_and_in_events(live: Any, offline: Any, name: str, said: dict[str, Any]) -> None:
    whole = ask(live, name, "the cat sat.", **said)
    assert whole.status == 200
    assert whole.json["text"] == offline(name, "the cat sat.", **said)
    assert whole.headers["x-chainrule-variant"] == "fp32"
    streamed = ask(live, name, "the cat sat.", **said, stream=True)
    assert streamed.headers["content-type"] == "text/event-stream; charset=utf-8"
    *pieces, (last, answer) = events(streamed.content)
    assert last == "end"
    drafts = [data["text"] for kind, data in pieces if kind == "draft"]
    pieces = [each for each in pieces if each[0] != "draft"]
    assert (len(drafts) > 3) == ("beams" in said)
    assert {**answer, "milliseconds": 0} == {**whole.json, "milliseconds": 0}
    assert "".join(data["text"] for _, data in pieces) == whole.json["text"]
    made = [token for _, data in pieces for token in data["tokens"]]
    assert len(made) == whole.json["writing"]["tokens"]
    logs = sum(np.log(token["probability"]) for token in made)
    assert logs == pytest.approx(whole.json["writing"]["log_probability"], abs=1e-2)
    assert (len(pieces) == 1) == ("beams" in said)  # a beam is certain at its end alone


def test_company_changes_nothing(live: Any, offline: Any, gate: Gate) -> None:
    asked = [(name, line, way) for name in ("goes_on", "turns") for line in LINES for way in WAYS]
    expected = [offline(name, line, **way) for name, line, way in asked]
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda each: ask(live, each[0], each[1], **each[2]).json["text"], asked))
    assert found == expected
    gate.open.set()


def test_alternatives_and_a_seed(live: Any) -> None:
    streamed = ask(live, "goes_on", "a bee", temperature=1.0, seed=9, alternatives=3, stream=True)
    *pieces, (_, answer) = events(streamed.content)
    assert answer["writing"]["seed"] == 9
    for _, data in pieces:
        for token in data["tokens"]:
            likeliest = [each["probability"] for each in token["alternatives"]]
            assert len(likeliest) == 3
            assert likeliest == sorted(likeliest, reverse=True)
            assert token["probability"] <= likeliest[0]


def test_text_alone_with_parameters_in_the_address(live: Any, offline: Any) -> None:
    found = live.ask("POST", "/models/goes_on?max_new_tokens=4&beams=2", b"zebra", Content_Type="text/plain")
    assert found.json["text"] == offline("goes_on", "zebra", max_new_tokens=4, beams=2)
    streamed = live.ask("POST", "/models/goes_on", b"zebra", Content_Type="text/plain", Accept="text/event-stream")
    assert events(streamed.content)[-1][1]["text"] == offline("goes_on", "zebra")


def test_the_protocol_takes_and_gives_texts(live: Any, offline: Any) -> None:
    asked = {
        "inputs": [{"name": "source", "datatype": "BYTES", "shape": [3], "data": LINES[:3]}],
        "parameters": {"beams": 2, "max_new_tokens": 9},
    }
    found = live.ask("POST", "/v2/models/turns/infer", json.dumps(asked).encode(), **JSON).json
    outputs = {each["name"]: each for each in found["outputs"]}
    assert outputs["text"]["datatype"] == "BYTES"
    assert outputs["text"]["data"] == [offline("turns", line, beams=2, max_new_tokens=9) for line in LINES[:3]]
    assert outputs["tokens"]["shape"] == [3, max(outputs["length"]["data"])]
    one = {
        "inputs": [{"name": "source", "datatype": "BYTES", "shape": [1], "data": ["é"]}],
        "outputs": [{"name": "text"}],
    }
    found = live.ask("POST", "/v2/models/turns/infer", json.dumps(one).encode(), **JSON).json
    assert found["outputs"] == [{"name": "text", "datatype": "BYTES", "shape": [1], "data": [offline("turns", "é")]}]


def test_tritons_generate(live: Any, offline: Any) -> None:
    asked = json.dumps({"text_input": "zebra", "parameters": {"max_new_tokens": 7}, "id": "one"}).encode()
    expected = offline("goes_on", "zebra", max_new_tokens=7)
    found = live.ask("POST", "/v2/models/goes_on/generate", asked, **JSON)
    assert found.json == {"model_name": "goes_on", "model_version": found.headers["x-chainrule-version"], "id": "one",
                          "text_output": expected}  # fmt: skip
    version = found.headers["x-chainrule-version"]
    streamed = live.ask("POST", f"/v2/models/goes_on/versions/{version}/generate_stream", asked, **JSON)
    assert "".join(data["text_output"] for _, data in events(streamed.content)) == expected
    assert live.ask("POST", "/v2/models/goes_on/versions/99/generate", asked, **JSON).status == 404
    assert live.ask("POST", "/v2/models/goes_on/generate", b'{"text_input": 3}', **JSON).json == {
        "error": "text_input must be a text"
    }


@pytest.mark.parametrize(
    ("text", "said", "status", "line"),
    [
        ("a", {"temperature": "NaN"}, 400, "temperature must be a number of at least 0"),
        ("a", {"top_p": 0}, 400, "top_p must be a number above 0"),
        ("a", {"max_new_tokens": -1}, 400, "max_new_tokens must be a whole number of at least 1"),
        ("a", {"max_new_tokens": 61}, 400, "max_new_tokens may be 60 here, not 61"),
        ("a", {"beams": 9}, 400, "beams may be 8 here, not 9"),
        ("a", {"beams": 99, "top_k": -1}, 400, "beams must .*; top_k must "),
        ("a", {"stream": "yes"}, 400, "stream must be true or false, not 'yes'"),
        ("a", {"warmth": 1}, 400, "has no field 'warmth'"),
        ("a" * 60, {}, 413, "the text has 62 tokens or more; at most 50 are taken"),
        ("a" * 1001, {}, 413, "the text is too long; at most 1,000 characters are read"),
        ("", {}, 400, "the text is empty"),
        ("a", {"temperature": 1, "beams": 2}, 400, "exclude each other"),
    ],
)
@pytest.mark.parametrize("streams", [False, True])
def test_what_is_wrong_is_one_line(
    live: Any, text: str, said: dict[str, Any], status: int, line: str, streams: bool
) -> None:
    found = ask(live, "goes_on", text, **{"stream": streams, **said})
    assert found.status == status
    assert re.search(line, found.json["error"])
    assert "\n" not in found.json["error"]


def test_nan_in_the_body_and_unknown_scripts(live: Any) -> None:
    found = live.ask("POST", "/models/goes_on", b'{"text": "a", "temperature": NaN}', **JSON)
    assert found.status == 400
    strange = ask(live, "goes_on", "𓀀𓀁 ꙮ 你好 \u202e", max_new_tokens=5)
    assert strange.status == 200
    classes = live.ask("POST", "/v2/models/goes_on/generate", b'{"text_input": "' + b"a" * 100_000 + b'"}', **JSON)
    assert classes.status == 413


def test_a_client_that_goes_away_ends_its_text(live: Any, gate: Gate) -> None:
    assert ask(live, "goes_on", "zebra", max_new_tokens=2).status == 200
    before = made(live)
    gate.open.clear()
    body = json.dumps({"text": "the cat", "stream": True, "max_new_tokens": 60}).encode()
    clients = []
    for _ in range(3):
        client = socket.create_connection(("127.0.0.1", live.port))
        client.sendall(
            b"POST /models/goes_on HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(body), body)
        )
        clients.append(client)
    until(lambda: under_way(live) == 3)
    for client in clients:
        client.close()
    # The server sees it before an engine that is held steps again.
    until(lambda: b'status="499"} 3.0' in live.ask("GET", "/metrics").content)
    gate.open.set()
    until(lambda: under_way(live) == 0)
    assert made(live) == before  # not one of them was written to its end
    assert ask(live, "goes_on", "zebra", max_new_tokens=2).status == 200


def made(live: Any) -> float:
    content = live.ask("GET", "/metrics").content.decode()
    return float(re.search(r'chainrule_tokens_total{model="goes_on",version=".+"} (.+)', content)[1])  # type: ignore[index]


def under_way(live: Any, name: str = "goes_on", **headers: str) -> float:
    content = live.ask("GET", "/metrics", **headers).content.decode()
    return float(re.search(rf'chainrule_texts_under_way{{model="{name}"}} (.+)', content)[1])  # type: ignore[index]


def test_more_than_wait_are_refused(live: Any, gate: Gate) -> None:
    gate.open.clear()
    with ThreadPoolExecutor(30) as pool:
        found = [pool.submit(ask, live, "goes_on", "zebra", max_new_tokens=2) for _ in range(30)]
        until(lambda: sum(each.done() for each in found) == 6)
        gate.open.set()
        statuses = [each.result().status for each in found]
    assert sorted(statuses) == [200] * 24 + [503] * 6


def test_the_schema_says_how_a_text_may_be_asked_for(live: Any) -> None:
    found = live.ask("GET", "/models/turns/schema").json
    assert found["required"] == ["source"]
    assert found["properties"]["max_new_tokens"] == {"type": "integer", "default": 24, "minimum": 1}
    assert found["properties"]["top_p"] == {"type": "number", "default": 1.0, "exclusiveMinimum": 0, "maximum": 1}
    assert found["properties"]["stream"]["type"] == "boolean"
    asked = {name: about["default"] for name, about in found["properties"].items() if "default" in about}
    assert ask(live, "turns", "zebra", **asked).json["text"] == ask(live, "turns", "zebra").json["text"]


def test_so_many_tokens_of_sources_are_read_at_once(
    root: Any, offline: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, own = list[tuple[int, ...]](), rows.begun

    def begun(writer: Any, inputs: Any) -> Any:
        if threading.current_thread().name.startswith("write-"):
            read.append(inputs["input_ids"].shape)
        return own(writer, inputs)

    expected = [offline("turns", line) for line in LINES]
    monkeypatch.setattr(rows, "begun", begun)
    with live_server.running(root, limits=Limits(max_cells=32)) as live, ThreadPoolExecutor(8) as pool:
        gate.open.clear()
        first = pool.submit(ask, live, "turns", "a")
        until(lambda: len(read) == 1)
        others = [pool.submit(ask, live, "turns", line) for line in LINES]
        until(lambda: under_way(live, "turns") == 1 + len(LINES))
        gate.open.set()
        assert [other.result().json["text"] for other in others] == expected
        assert first.result().status == 200
    assert all(count == 1 or count * longest <= 32 for count, longest in read)
    assert max(count for count, _ in read) > 1


def test_metrics_count_tokens(live: Any) -> None:
    content = live.ask("GET", "/metrics").content.decode()
    version = live.ask("GET", "/models").json[0]["version"]
    tokens = re.search(rf'chainrule_tokens_total{{model="goes_on",version="{re.escape(version)}"}} (.+)', content)
    assert tokens is not None
    assert float(tokens[1]) > 100
    assert 'chainrule_first_token_seconds_count{model="goes_on"' in content
    assert re.search(r'chainrule_texts_total{model="goes_on",reason="stop",version=".+"} ', content)


def test_http_1_0_reads_to_the_end_of_the_connection(live: Any, offline: Any) -> None:
    body = json.dumps({"text": "zebra", "stream": True, "max_new_tokens": 5}).encode()
    found = live.send(
        b"POST /models/goes_on HTTP/1.0\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
    )
    head, _, content = found.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), found
    assert b"transfer-encoding" not in head
    assert events(content)[-1][1]["text"] == offline("goes_on", "zebra", max_new_tokens=5)


def test_a_stream_ends_on_the_version_it_began_on(root: Any, gate: Gate, tmp_path: Any) -> None:
    """The next champion is loaded while a text is under way, and served to whoever asks then."""
    project = tmp_path / "project"
    shutil.copytree(root, project)
    with live_server.running(project, token=TOKEN) as live:
        said = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        before = live.ask("POST", "/models/goes_on", b'{"text": "a bee"}', **said).json["text"]
        gate.open.clear()
        connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)
        connection.request("POST", "/models/goes_on", json.dumps({"text": "a bee", "stream": True}), said)
        until(lambda: under_way(live, **said) == 1)
        writers.shake(project / "models" / "onnx" / "goes_on")
        assert live.ask("POST", "/v2/repository/models/goes_on/load", b"{}", **said).status == 200
        gate.open.set()
        _, answer = events(connection.getresponse().read())[-1]
        now = live.ask("POST", "/models/goes_on", b'{"text": "a bee"}', **said).json["text"]
        assert answer["text"] == before
        assert now != before


def test_a_text_that_takes_too_long_ends_where_it_is(root: Any) -> None:
    with live_server.running(root, limits=Limits(write_seconds=0.0)) as live:
        found = ask(live, "goes_on", "a bee")
        assert (found.status, found.json["writing"]["reason"], found.json["text"]) == (200, "time", "")


def test_one_that_is_not_begun_in_time_is_refused(root: Any, gate: Gate) -> None:
    with live_server.running(root, limits=Limits(deadline_seconds=0.2)) as live:
        gate.open.clear()
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(ask, live, "goes_on", "a bee", stream=True)
            until(lambda: under_way(live) == 1)
            held = threading.Timer(0.3, gate.open.set)
            held.start()
            found = asked.result()
        assert (found.status, found.json["error"]) == (503, "no text was begun within 0.2 s; ask again")


def test_a_shutdown_lets_a_text_finish(root: Any, gate: Gate) -> None:
    with ThreadPoolExecutor(1) as pool:
        with live_server.running(root) as live:
            gate.open.clear()
            asked = pool.submit(ask, live, "goes_on", "a bee", stream=True)
            until(lambda: under_way(live) == 1)
            threading.Timer(0.2, gate.open.set).start()
        assert events(asked.result().content)[-1][0] == "end"


def test_a_reader_that_never_reads_is_dropped() -> None:
    """Its text is left, its connection ended: an answer has only so many seconds."""
    did: list[str] = []

    class Left:
        def leave(self) -> None:
            did.append("left")

    class Dropped:
        def drop(self) -> None:
            did.append("dropped")

    async def endless() -> Any:
        while True:
            yield b"data: 1\n\n"

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.sleep(3600)

    answer = streaming.Stream(Left(), endless(), 0.05, {})  # type: ignore[arg-type]
    asyncio.run(answer({"state": {EXCHANGE: Dropped()}}, None, send))
    assert did == ["dropped", "left"]
