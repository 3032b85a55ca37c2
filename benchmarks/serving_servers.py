"""The servers that are compared: how each is started, what it is asked and how its answer reads.

Every one serves the same graphs. Those that can serve several models in one process do; each is told to compute with
as many processes or threads of one core each as there are cores. Settings are in serving_peers/.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import common
import numpy as np
import orjson
import psutil
import serving_load
from serving_models import Arrays

PEERS = common.ROOT / "benchmarks" / "serving_peers"
START_SECONDS = 60.0
STOP_SECONDS = 10.0
DATATYPES = {"float32": "FP32", "int16": "INT16", "int64": "INT64", "uint8": "UINT8"}


class Wire(NamedTuple):
    """How inputs travel."""

    request: Callable[[str, Arrays], bytes]
    """The HTTP request that asks a model, by its name, about inputs."""
    logits: Callable[[bytes, bytes], Any]
    """The logits in an answer, given its head and body."""


class Server(NamedTuple):
    """A server under test."""

    command: Callable[[Path, Path, int, str], list[str]]
    """What starts it, given its virtual environment's bin, the folder with models/onnx, a port and a model's name."""
    ready: str
    """The path that answers 200 when it is ready."""
    wires: dict[str, Wire]
    environment: str | None = None
    """Its virtual environment below --peers; none: this one."""
    one_model: bool = False
    """Whether a server serves one model only, so that each gets a server of its own, one after the other."""


@dataclass
class Running:
    """A server that is up."""

    process: subprocess.Popen[bytes]
    port: int
    ready_seconds: float
    """From starting the process to the first 200 of its ready path."""
    log: Path


def oip(name: str, inputs: Arrays) -> bytes:
    """Ask in JSON by the Open Inference Protocol v2."""
    tensors = [described(key, array) | {"data": array.ravel()} for key, array in inputs.items()]
    return serving_load.request(f"/v2/models/{name}/infer", dumps({"inputs": tensors}))


def oip_binary(name: str, inputs: Arrays) -> bytes:
    """Ask with binary tensors, for binary tensors, by the extension of Triton."""
    tensors = [
        described(key, array) | {"parameters": {"binary_data_size": array.nbytes}} for key, array in inputs.items()
    ]
    head = dumps({"inputs": tensors, "parameters": {"binary_data_output": True}})
    body = b"".join([head, *(array.tobytes() for array in inputs.values())])
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    return serving_load.request(f"/v2/models/{name}/infer", body, headers)


def described(name: str, array: np.ndarray) -> dict[str, Any]:
    """Return what the protocol says of a tensor beside its data."""
    return {"name": name, "datatype": DATATYPES[array.dtype.name], "shape": list(array.shape)}


def oip_logits(head: bytes, body: bytes) -> np.ndarray:
    """Read an answer in JSON."""
    output = json.loads(serving_load.body_of(head, body))["outputs"][0]
    return np.array(output["data"], np.float32).reshape(output["shape"])


def oip_binary_logits(head: bytes, body: bytes) -> np.ndarray:
    """Read an answer with its one output as binary data."""
    length = int(serving_load.header(head, "inference-header-content-length") or -1)
    output = json.loads(body[:length])["outputs"][0]
    return np.frombuffer(body[length:], np.float32).reshape(output["shape"])


def by_name(path: str, wrap: Callable[[dict[str, Any]], Any], flat: bool = False) -> Callable[[str, Arrays], bytes]:
    """Return how to ask with one JSON array per input, nested, or flat where the server knows the shape."""

    def ask(name: str, inputs: Arrays) -> bytes:
        arrays = {key: array.ravel() if flat else array for key, array in inputs.items()}
        return serving_load.request(path.format(name=name), dumps(wrap(arrays)))

    return ask


def one_argument(arrays: Arrays) -> Arrays:
    """Return inputs as BentoML's batching takes them: ids and mask of a text in one array."""
    return arrays if len(arrays) == 1 else {"tokens": np.stack(list(arrays.values()), axis=1)}


def plain_logits(head: bytes, body: bytes) -> Any:
    """Read an answer that is the logits, or holds them under that name, or under predictions."""
    answer = json.loads(serving_load.body_of(head, body))
    for key in ("predictions", "logits"):
        if isinstance(answer, dict) and key in answer:
            answer = answer[key]
    return answer


def dumps(value: Any) -> bytes:
    """Return JSON; a float32 in no more digits than tell it from its neighbours."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def checker(wire: Wire, expected: list[np.ndarray], tolerance: float) -> serving_load.Check:
    """Return a check of answers against the logits expected of each request."""

    def right(request: int, head: bytes, body: bytes) -> bool:
        found = np.asarray(wire.logits(head, body), np.float32).reshape(-1)
        return found.shape == (expected[request].size,) and bool(
            np.abs(found - expected[request].reshape(-1)).max() <= tolerance
        )

    return right


JSON = Wire(oip, oip_logits)
BINARY = Wire(oip_binary, oip_binary_logits)
UVICORN = ["--workers", "2", "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
SERVERS: dict[str, Server] = {
    "chainrule": Server(
        lambda _bin, root, port, _: [
            sys.executable, "-m", "chainrule.cli", "serve", "--root", str(root), "--port", str(port), "--device", "cpu",
        ],
        "/v2/health/ready",
        {"json": JSON, "binary": BINARY},
    ),
    "fastapi": Server(
        lambda tools, _, port, __: [str(tools / "uvicorn"), "peer_fastapi:app", "--port", str(port), *UVICORN],
        "/v2/health/ready",
        {"json": JSON},
        "fastapi",
    ),
    "fastapi_by_hand": Server(
        lambda tools, _, port, __: [str(tools / "uvicorn"), "peer_fastapi_by_hand:app", "--port", str(port), *UVICORN],
        "/v2/health/ready",
        {"json": JSON, "binary": BINARY},
        "fastapi",
    ),
    "bentoml": Server(
        lambda tools, _, port, __: [
            str(tools / "bentoml"), "serve", "peer_bentoml:Peer", "--port", str(port), "--host", "127.0.0.1",
            "--working-dir", str(PEERS),
        ],
        "/readyz",
        {"json": Wire(by_name("/{name}", one_argument), plain_logits)},
        "bentoml",
    ),
    "litserve": Server(
        lambda tools, _, port, __: [str(tools / "python"), str(PEERS / "peer_litserve.py"), str(port)],
        "/health",
        {"json": Wire(by_name("/{name}", lambda arrays: arrays, flat=True), plain_logits)},
        "litserve",
    ),
    "mlserver": Server(
        lambda tools, root, port, _: [str(tools / "python"), str(PEERS / "peer_mlserver.py"), str(root), str(port)],
        "/v2/health/ready",
        {"json": JSON},
        "mlserver",
    ),
    "mlflow": Server(
        lambda tools, root, port, name: [
            str(tools / "mlflow"), "models", "serve", "--model-uri", str(root / "mlflow" / name), "--port", str(port),
            "--host", "127.0.0.1", "--workers", "2", "--env-manager", "local",
        ],
        "/ping",
        {"json": Wire(by_name("/invocations", lambda arrays: {"inputs": arrays}), plain_logits)},
        "mlflow",
        one_model=True,
    ),
}  # fmt: skip


@contextmanager
def running(name: str, root: Path, peers: Path, model: str) -> Iterator[Running]:
    """Start a server of SERVERS and give it once it is ready; stop it and all its processes afterwards."""
    server = SERVERS[name]
    ours = Path(sys.executable).parent
    tools = peers / server.environment / "bin" if server.environment else ours
    port = free_port()
    env = clean_environment() | {
        "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(PEERS if server.environment else common.ROOT / "src"),
        "SERVING_ROOT": str(root),
    }
    with started(server.command(tools, root, port, model), env, server.ready, port, root) as up:
        yield up


@contextmanager
def chainrule(root: Path, *options: str, token: str | None = None) -> Iterator[Running]:
    """Start `chainrule serve` on `root` and give it once it is ready; stop it afterwards.

    token: the bearer token that it shall ask for.
    """
    port = free_port()
    command = [*SERVERS["chainrule"].command(Path(), root, port, ""), *options]
    env = clean_environment() | {"PYTHONPATH": str(common.ROOT / "src")} | ({"CHAINRULE_TOKEN": token} if token else {})
    with started(command, env, SERVERS["chainrule"].ready, port, root) as up:
        yield up


def clean_environment() -> dict[str, str]:
    """Return this environment without what would change a server, and with telemetry off."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CHAINRULE_", "MLFLOW_"))}
    return kept | {"DO_NOT_TRACK": "true", "BENTOML_DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}


@contextmanager
def started(command: list[str], env: dict[str, str], ready: str, port: int, root: Path) -> Iterator[Running]:
    """Start a command that listens on `port`, wait until it is ready, and stop it afterwards; its log is in `root`."""
    log = root / "server.log"
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=root, env=env, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        while not answers(port, ready):
            if process.poll() is not None or time.perf_counter() - began > START_SECONDS:
                common.stop(f"{' '.join(command)} did not start:\n{tail(log)}")
            time.sleep(0.01)
        yield Running(process, port, time.perf_counter() - began, log)
    finally:
        stop(process)


def answers(port: int, path: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            return connection.recv(4096)[9:12] == b"200"
    except OSError:
        return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server politely, and after a while not, with all processes it started."""
    tree = family(process.pid)
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    for each in tree:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(tree, timeout=STOP_SECONDS)
    process.wait()


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all below it; nothing if it is gone."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def memory(pid: int) -> dict[str, float]:
    """Return the memory of a process and all below it in MB (10^6 bytes).

    resident counts what processes share once for each of them, proportional (PSS) once.
    """
    found = []
    for process in family(pid):
        try:
            found.append(process.memory_full_info())
        except psutil.Error:
            continue  # it ended meanwhile
    return {
        "resident_mb": sum(each.rss for each in found) / 1e6,
        "proportional_mb": sum(each.pss for each in found) / 1e6,
        "processes": len(found),
    }


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(log: Path) -> str:
    """Return the last lines of a server's log."""
    return log.read_text(encoding="utf-8", errors="replace")[-3000:]
