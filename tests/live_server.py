"""A server in a thread of the test's process, and requests to it that no client library would send."""

import http.client
import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import tiny_bundles
from chainrule.serving.logs import Log
from chainrule.serving.server import listen, make_server
from chainrule.serving.settings import Settings
from waiting import until

__all__ = ["Answer", "Live", "project", "running", "until"]


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def json(self):
        return json.loads(self.content)


class Live(NamedTuple):
    root: Path
    port: int
    log: io.BytesIO

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Send one request; underscores in the names of headers are dashes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def send(self, content: bytes, wait: float = 10.0) -> bytes:
        """Send bytes as they are and return what comes until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as client:
            client.sendall(content)
            found = b""
            while piece := client.recv(65536):
                found += piece
            return found


@contextmanager
def running(root: Path, **changes) -> Iterator[Live]:
    """Serve the project at `root`, ready before the body runs."""
    log = io.BytesIO()
    settings = Settings(**{"root": root, "device": "cpu", "threads": 1, **changes})
    server = make_server(settings, Log(log))
    listener = listen("127.0.0.1", 0)
    live = Live(root, listener.getsockname()[1], log)
    thread = threading.Thread(target=server.run, args=(listener,), daemon=True)
    thread.start()
    try:
        until(lambda: live.ask("GET", "/v2/health/ready").status == 200)
        yield live
    finally:
        server.end()
        thread.join(20)
        assert not thread.is_alive()


def project(root: Path) -> Path:
    """Write a project with the two tiny models exported, nothing promoted."""
    (root / "models" / "onnx").mkdir(parents=True)
    tiny_bundles.image_bundle(root / "models" / "onnx" / "digits")
    tiny_bundles.text_bundle(root / "models" / "onnx" / "reviews")
    return root
