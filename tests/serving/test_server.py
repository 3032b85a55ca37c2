import contextlib
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import live_server
import tiny_bundles
from chainrule import cli
from chainrule.serving import loading, server
from chainrule.serving.limits import Limits
from chainrule.system.errors import ChainruleError

TOKEN = "a token of enough characters"


class Process:
    """A real `chainrule serve`."""

    def __init__(self, root: Path, *arguments: str, **variables: str) -> None:
        environment = {key: value for key, value in os.environ.items() if key != "CHAINRULE_TOKEN"} | variables
        command = [sys.executable, "-m", "chainrule.cli", "serve", "--root", str(root), "--port", "0"]
        self.log = root / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*command, "--device", "cpu", *arguments], stderr=log, env=environment)
        live_server.until(lambda: self.said("listening on") or self.process.poll() is not None)
        self.port = int(self.said("listening on").split(",")[0].rpartition(":")[2])
        self.live = live_server.Live(root, self.port, None)

    def said(self, words: str) -> str:
        """The first message with these words, "" if there is none."""
        lines = self.log.read_bytes().splitlines()
        return next((m for line in lines if words in (m := json.loads(line).get("message", ""))), "")

    def until_ready(self) -> None:
        live_server.until(lambda: self.live.ask("GET", "/v2/health/ready").status == 200)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def start(tmp_path):
    started: list[Process] = []

    def make(*arguments: str, **variables: str) -> Process:
        started.append(Process(tmp_path, *arguments, **variables))
        return started[-1]

    yield make
    for process in started:
        process.process.kill()
        process.process.wait()


def body(items: int = 1) -> bytes:
    said = {"name": "image", "shape": [items, 1, 8, 8], "datatype": "UINT8", "data": [0] * 64 * items}
    return json.dumps({"inputs": [said]}).encode()


def test_a_real_server_serves_swaps_and_ends_well(start, tmp_path):
    live_server.project(tmp_path)
    process = start()
    process.until_ready()
    assert process.live.ask("POST", "/v2/models/digits/infer", body()).json["model_version"] == "0"
    shelf = tmp_path / "models" / "served" / "digits"
    (shelf / "7").mkdir(parents=True)
    folder = tiny_bundles.image_bundle(shelf / "7" / "bundle", shift=5.0)
    from chainrule.serving import bundle

    digest = bundle.read(folder, "digits", "7").digest
    (shelf / "new").write_text(json.dumps({"version": "7", "digest": digest}))
    (shelf / "new").rename(shelf / "champion.json")
    live_server.until(lambda: process.live.ask("POST", "/v2/models/digits/infer", body()).json["model_version"] == "7")
    answer = process.live.ask("POST", "/v2/models/digits/infer", body())
    assert answer.json["outputs"][0]["data"] == [5.0] * 10
    assert process.end() == 0
    assert process.said("ended")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_large_bodies_took_is_given_back(start, tmp_path):
    live_server.project(tmp_path)
    process = start()
    process.until_ready()

    def resident() -> float:
        pages = Path(f"/proc/{process.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6

    path = "/v2/models/digits/infer"
    before = resident()
    bomb = gzip.compress(bytes(64 * 2**20))
    for _ in range(6):
        assert process.live.ask("POST", path, bomb, Content_Encoding="gzip").status == 413
    for _ in range(2):
        assert process.live.ask("POST", path, body() + b" " * (15 * 2**20)).status == 200
    assert process.live.ask("POST", path, b'{"a":[1' + b",1" * 5_000_000 + b"]}").status == 400
    live_server.until(lambda: resident() < before + 40)


def test_requests_in_hand_are_answered_after_sigterm(start, tmp_path):
    live_server.project(tmp_path)
    process = start()
    process.until_ready()
    content = body()
    head = f"POST /v2/models/digits/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n"
    with socket.create_connection(("127.0.0.1", process.port), timeout=20) as client:
        client.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 100")  # it has the request, and waits for the body
        client.sendall(content[:20])
        process.process.send_signal(signal.SIGTERM)
        live_server.until(lambda: refuses(process.port))
        assert process.process.poll() is None
        client.sendall(content[20:])
        answer = client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200") and b"connection: close" in answer.lower()
    assert process.process.wait(20) == 0


def refuses(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def test_under_load_sigterm_breaks_no_answer(start, tmp_path):
    live_server.project(tmp_path)
    process = start()
    process.until_ready()
    statuses: list[int] = []

    def client() -> None:
        while True:
            try:
                statuses.append(process.live.ask("POST", "/v2/models/digits/infer", body(4)).status)
            except ConnectionRefusedError:
                return
            except OSError:
                # Accepted by the system but not yet by the server when it closed its door.
                return

    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    live_server.until(lambda: len(statuses) > 50)
    assert process.end() == 0
    for thread in threads:
        thread.join(20)
    assert set(statuses) == {200}
    # What the server says it answered has arrived, and nothing was given up.
    lines = [json.loads(line) for line in process.log.read_bytes().splitlines()]
    assert sum(line.get("path") == "/v2/models/digits/infer" for line in lines) == len(statuses)
    assert all(line["level"] == "info" for line in lines)


def test_it_is_alive_but_not_ready_while_a_model_is_broken(start, tmp_path):
    live_server.project(tmp_path)
    (tmp_path / "models" / "onnx" / "reviews" / "model.pkl").write_bytes(b"x")
    process = start()
    live_server.until(lambda: process.said("model.pkl"))
    assert process.live.ask("GET", "/v2/health/live").status == 200
    ready = process.live.ask("GET", "/v2/health/ready")
    assert ready.status == 503 and "model.pkl" in ready.json["reasons"]["reviews"] and ready.json["error"]
    live_server.until(lambda: process.live.ask("POST", "/v2/models/digits/infer", body()).status == 200)
    assert process.live.ask("GET", "/v2/models/reviews/ready").status == 503


def test_the_token_of_the_environment_is_asked_for(start, tmp_path):
    live_server.project(tmp_path)
    process = start(CHAINRULE_TOKEN=TOKEN)
    process.until_ready()
    assert process.live.ask("GET", "/v2").status == 401
    assert process.live.ask("GET", "/v2", Authorization=f"Bearer {TOKEN}").status == 200
    assert TOKEN not in " ".join((tmp_path / "log").read_text().splitlines())


def test_an_open_address_without_a_token_is_refused_at_once(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("CHAINRULE_TOKEN", raising=False)
    assert cli.main(["serve", "--root", str(tmp_path), "--host", "0.0.0.0"]) == 1
    said = capsys.readouterr().err
    assert "CHAINRULE_TOKEN" in said and said.count("\n") == 1


def test_a_device_that_is_not_here_is_refused_at_once(tmp_path, capsys, monkeypatch):
    from chainrule.serving import runtime

    monkeypatch.setattr(runtime, "gpu", lambda: False)
    assert cli.main(["serve", "--root", str(tmp_path), "--device", "cuda"]) == 1
    assert "cuda" in capsys.readouterr().err


def test_an_address_that_is_taken_is_said(capsys, tmp_path):
    with server.listen("127.0.0.1", 0) as taken, pytest.raises(ChainruleError, match="--port"):
        server.listen("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(ChainruleError, match="--host"):
        server.listen("no such host", 0)


@pytest.mark.parametrize("words", [["--queue", "0"], ["--max-batch", "-1"], ["--deadline", "0"], ["--port", "70000"]])
def test_numbers_that_cannot_be_are_refused(words, capsys):
    assert cli.main(["serve", *words]) == 1
    assert words[0] in capsys.readouterr().err


def test_too_many_connections_are_answered_503(tmp_path):
    with live_server.running(live_server.project(tmp_path), limits=Limits(connections=3)) as live:
        held = [socket.create_connection(("127.0.0.1", live.port)) for _ in range(3)]
        live_server.until(lambda: b"503" in live.send(b""))
        for client in held:
            client.close()
        live_server.until(lambda: live.ask("GET", "/v2/health/live").status == 200)


def test_a_head_that_never_ends_is_dropped(tmp_path):
    with live_server.running(live_server.project(tmp_path), limits=Limits(body_seconds=0.3)) as live:
        for start in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "):
            began = time.monotonic()
            assert live.send(start) == b""
            assert time.monotonic() - began < 5
        pixels = np.zeros((1, 1, 8, 8), np.uint8)
        assert live.ask("POST", "/v2/models/digits/infer", body(len(pixels))).status == 200


def test_a_client_that_never_reads_is_dropped(tmp_path, caplog):
    with live_server.running(live_server.project(tmp_path), limits=Limits(body_seconds=0.5)) as live:
        answers = 1000
        with socket.socket() as client:
            client.settimeout(10)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", live.port))
            client.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * answers)
            here, found = client.getsockname(), len(client.recv(1))  # it has begun to answer
            # The server's end of it is in this process as well.
            live_server.until(lambda: here not in {one.raddr for one in psutil.Process().net_connections("tcp")})
            with contextlib.suppress(ConnectionResetError):
                while piece := client.recv(65536):
                    found += len(piece)
        assert 0 < found < answers * len(live.ask("GET", "/openapi.json").content) / 2
    assert "Traceback" not in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="what glibc keeps")
def test_memory_is_given_back_once_in_every_rest(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(loading, "give_back", lambda: given.append(None))
    with live_server.running(live_server.project(tmp_path)) as live:
        live_server.until(lambda: len(given) == 3)  # two models loaded, and the first rest
        live.ask("GET", "/v2/health/live")
        live_server.until(lambda: len(given) == 4)
