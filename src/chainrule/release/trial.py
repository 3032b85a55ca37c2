"""The trial of a version before it is promoted: its graphs agree with each other, and a real server answers with it.

Whether the graph answers as the model it was exported from was measured by `export`, on validation rows and with
torch; here the record of it is looked at. What is run here runs on example inputs, random but the same each time:
they show whether a graph is whole, not how good it is.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.evaluation import primary
from chainrule.exporting import independence
from chainrule.serving import answered, offline
from chainrule.serving.bundle import Bundle
from chainrule.serving.signature import Tensor
from chainrule.system import plugins
from chainrule.system.errors import ChainruleError
from chainrule.tasks.catalogue import TASKS

ROWS = 8
LENGTHS = (3, 8)
"""Sizes of the varying axes besides the batch."""
ALIKE = 0.1
"""Most that a smaller variant's answers may lie apart from fp32's: in probability, where they are labels."""
SERVED_SAME = 0.02
"""Between the server's answer and ours: it may run on a GPU, which rounds coarser."""
START_SECONDS = 60.0
ANSWER_SECONDS = 30.0
STOP_SECONDS = 10.0
# A promotion that is killed must not leave its server behind.
SERVER = """
import sys
from chainrule import cli
from chainrule.system import processes
processes.die_with_starters()
sys.exit(cli.main())
"""
# The server on trial has only this bundle: it must not ask the registry, and nobody else must be able to ask it much.
HIDDEN = ("CHAINRULE_TOKEN", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")

Arrays = dict[str, np.ndarray]


def check_recorded_parity(content: Bundle, metrics: Mapping[str, float], params: Mapping[str, str]) -> None:
    """Refuse a version whose run does not say that graph and model agreed as asked, or how good each variant is.

    metrics, params: of the chain's parent run. Raises ChainruleError.
    """
    name = f"{content.name} version {content.version}"
    agreement, asked = metrics.get("export.agreement"), params.get("export.agreement")
    if agreement is None or asked is None:
        raise ChainruleError(f"{name}: its run does not say that graph and model agree; export it again")
    if not agreement >= float(asked):  # not: a NaN must fail
        raise ChainruleError(f"{name}: graph and model agreed on {agreement:.4%} of the rows, {float(asked):.4%} asked")
    decisive = primary.read(content.signature.get("primary", {}))
    for variant in content.variants:
        if variant != "fp32" and f"export.{variant}.{decisive.name}" not in metrics:
            raise ChainruleError(f"{name}: its run does not say how good {variant} is; export it again")


def check_graphs(content: Bundle) -> None:
    """Run every variant on example inputs: numbers, the same alone and beside others, variants close to fp32.

    Raises ChainruleError.
    """
    name = f"{content.name} version {content.version}"
    inputs = [examples(content, ROWS, length) for length in LENGTHS]
    rows = [{key: array[row : row + 1] for key, array in batch.items()} for batch in inputs for row in range(ROWS)]
    expected: list[np.ndarray] = []
    for variant in sorted(content.variants, key=lambda variant: variant != "fp32"):
        run = runner(content, variant)
        found = [run(batch) for batch in inputs]
        expected = expected or found
        unlike = max(apart(ours, theirs) for ours, theirs in zip(found, expected, strict=True))
        if not unlike <= ALIKE:
            raise ChainruleError(
                f"{name}: {variant} is not the same model as fp32: its answers differ by {unlike:.2f} on average "
                f"({ALIKE} is allowed); export it again"
            )
        difference = independence.largest_difference(run, rows, content.padding)
        if not difference <= independence.SAME:  # not: a NaN must fail
            remedy = "take another net" if variant == "fp32" else f"`export.variants.{variant}: never` goes without it"
            raise ChainruleError(
                f"{name}: {variant} answers a row by the rows it is batched with or by its padding: probabilities "
                f"differ by {difference:.1e}, {independence.SAME:g} is rounding; export it again, or {remedy}"
            )


def check_server(project: Path, content: Bundle) -> float:
    """Start the real server on a project that has only this bundle, ask it, stop it; return seconds until ready.

    Raises ChainruleError if it does not start, does not answer in time or answers otherwise than the graph does here.
    """
    name = f"{content.name} version {content.version}"
    inputs = examples(content, 2, LENGTHS[-1])
    expected = [to_requests(content, variant)(inputs) for variant in content.variants]
    with _server(project) as (address, seconds):
        answer = _ask(f"{address}/v2/models/{content.name}/infer", _request(inputs, content.inputs))
    if answer.get("model_name") != content.name or answer.get("model_version") != content.version:
        served = f"{answer.get('model_name')} version {answer.get('model_version')}"
        raise ChainruleError(f"{name}: a server that has only this bundle answered as {served}")
    found = said(content, {
        each["name"]: np.asarray(each["data"], np.float64).reshape(each["shape"])
        for each in answer["outputs"]
        if each["datatype"] != "BYTES"
    })  # fmt: skip
    if not any(found.shape == ours.shape and np.abs(found - ours).max() <= SERVED_SAME for ours in expected):
        raise ChainruleError(f"{name}: a server that has only this bundle answers otherwise than its graphs do here")
    return seconds


def examples(content: Bundle, rows: int, length: int) -> Arrays:
    """Random inputs, the same for the same bundle: any pixels, any tokens of the vocabulary, no padding."""
    generator = np.random.default_rng(0)
    return {
        tensor.name: _example(generator, tensor, rows, length, content.highest.get(tensor.name, 1))
        for tensor in content.inputs
    }


def _example(
    generator: np.random.Generator, tensor: Tensor, rows: int, length: int, highest: int | list[int]
) -> np.ndarray:
    shape = (rows, *(size or length for size in tensor.shape[1:]))
    if tensor.name.endswith("mask"):
        return np.ones(shape, np.int64)
    if tensor.datatype == "UINT8":
        return generator.integers(0, 256, shape, np.uint8)
    if tensor.datatype.startswith("INT"):
        return generator.integers(0, np.asarray(highest) + 1, shape).astype(tensor.datatype.lower())
    if tensor.datatype == "FP32":
        return generator.standard_normal(shape).astype(np.float32)
    raise ChainruleError(f"{tensor.name}: no example inputs are known for {tensor.datatype}")


def runner(content: Bundle, variant: str) -> Callable[[Arrays], np.ndarray]:
    """Return what gives the answers of a variant to inputs, float64 [rows, ...], as its task compares them.

    Raises ChainruleError, as what it returns does: a graph that does not load or run, answers that are no numbers.
    """
    name = f"{content.name} version {content.version}: {content.variants[variant].name}"
    run_graph = answered.of_rows(content, answered.sessions(content, variant, name=name), name)

    def run(inputs: Arrays) -> np.ndarray:
        outputs = run_graph(inputs)
        offline.refuse_not_finite(outputs, name)
        return comparable(content, outputs)

    return run


def to_requests(content: Bundle, variant: str) -> Callable[[Arrays], np.ndarray]:
    """Return what gives the answers of a variant to requests, float64 [rows, ...], as `said` compares them."""
    if content.decoding is None:
        return runner(content, variant)
    name = f"{content.name} version {content.version}: {content.variants[variant].name}"
    run = answered.to_requests(content, answered.sessions(content, variant, name=name), name)
    return lambda inputs: said(content, run(inputs))


def said(content: Bundle, outputs: Arrays) -> np.ndarray:
    """Return the outputs of an answer to a request as they are compared, float64 [rows, ...].

    Of a text it is the probability of its first token: on another device a later one may follow another.
    """
    if content.decoding is None:
        return comparable(content, outputs)
    return np.exp(np.asarray(outputs["logprobs"], np.float64)[:, :1])


def comparable(content: Bundle, outputs: Arrays) -> np.ndarray:
    """Return a graph's outputs as the task of a bundle compares answers, such as probabilities [rows, labels]."""
    task = content.signature.get("task")
    if task not in TASKS:
        raise ChainruleError(
            f"{content.name} version {content.version}: its task {task!r} is none of {', '.join(TASKS)}"
        )
    found: np.ndarray = plugins.load(f"tasks.{task}", "metrics").measure.comparable(
        outputs, content.signature["target"]
    )
    return found


def apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return how far two models' answers lie apart: the largest difference of a row, on average over the rows."""
    return float(np.abs(ours - theirs).reshape(len(ours), -1).max(axis=1).mean())


# ---- the server


@contextlib.contextmanager
def _server(project: Path) -> Iterator[tuple[str, float]]:
    """The address of a server that serves `project`, and the seconds until it was ready; it ends with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = project / "server.log"
    command = [
        sys.executable,
        "-c",
        SERVER,
        "serve",
        "--root",
        str(project),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    environment = {key: value for key, value in os.environ.items() if key not in HIDDEN}
    began = time.monotonic()
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=project, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        address = f"http://127.0.0.1:{port}"
        while not _is_ready(address):
            seconds = time.monotonic() - began
            if process.poll() is not None:
                raise ChainruleError(f"a server on trial did not start: {_last_line(log)}")
            if seconds > START_SECONDS:
                raise ChainruleError(f"a server on trial was not ready after {seconds:.0f} s: {_last_line(log)}")
            time.sleep(0.05)
        yield address, time.monotonic() - began
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_ready(address: str) -> bool:
    try:
        with _open(f"{address}/v2/health/ready"):
            return True
    except OSError:
        return False


def _request(inputs: Arrays, tensors: tuple[Tensor, ...]) -> bytes:
    content = [
        {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": list(inputs[tensor.name].shape),
            "data": inputs[tensor.name].ravel().tolist(),
        }
        for tensor in tensors
    ]
    return json.dumps({"inputs": content}).encode()


def _ask(url: str, body: bytes) -> dict[str, Any]:
    try:
        with _open(url, body) as response:
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        raise ChainruleError(
            f"a server on trial refused: {error.code} {error.read(500).decode(errors='replace')}"
        ) from None
    except (OSError, ValueError) as error:
        raise ChainruleError(f"a server on trial did not answer: {_first_line(error)}") from None
    return answer


def _open(url: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - our own server
    # Without a proxy: it is this machine that is asked.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(request, timeout=ANSWER_SECONDS)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip()[:500] for line in reversed(lines) if line.strip()), "it said nothing")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().split("\n") or [""])[0][:300] or type(error).__name__
