"""A bundle with all its variants loads where a user would load it: ONNX Runtime alone, MLflow, its server."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from chainrule.exporting import bundle, parity, variants
from chainrule.serving import offline
from exporting_cases import image_feeds, image_graph, image_rows, text_feeds, text_graph, text_rows
from waiting import free_port

# Runs a bundle's graphs with nothing importable but NumPy and ONNX Runtime (and what those bring themselves).
ALONE = """
import sys

REFUSED = {refused!r}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in REFUSED:
            raise ImportError(name + " is not installed")

sys.meta_path.insert(0, Refuse())
import json, pathlib
import numpy as np
import onnxruntime

folder = pathlib.Path(sys.argv[1])
signature = json.loads((folder / "signature.json").read_text())
feed = {{name: np.array(values, kind) for name, (kind, values) in json.loads(sys.argv[2]).items()}}
for name, variant in signature["variants"].items():
    session = onnxruntime.InferenceSession(folder / variant["file"], providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, feed)
    print(json.dumps([name, logits.tolist()]))
assert not REFUSED & {{name.split(".")[0] for name in sys.modules}}
"""
REFUSED = {
    "accelerate", "chainrule", "dvc", "fastapi", "google", "great_expectations", "matplotlib", "mlflow", "onnx",
    "onnxscript", "pandas", "PIL", "prefect", "pyarrow", "pydantic", "scipy", "sklearn", "sqlalchemy", "sympy",
    "tokenizers", "torch", "torchvision", "transformers", "yaml",
}  # fmt: skip


def feed_of(which: str) -> dict[str, np.ndarray]:
    rows: Any = image_rows() if which == "images" else text_rows()
    names = ["image"] if which == "images" else ["input_ids", "attention_mask"]
    return parity.feed(rows, next(iter(rows.order(5, None))), names)


def write(folder: Path, which: str) -> Path:
    if which == "images":
        graph = image_graph()
        more = {"int8": variants.int8(graph, image_feeds()), "fp16": variants.fp16(graph)}
    else:
        graph = text_graph()
        more = {"int8": variants.int8(graph, text_feeds()), "fp16": variants.fp16(graph)}
    content = graph.SerializeToString(deterministic=True)
    bundle.write(folder, content, {"labels": ["a", "b", "c"]}, "# card\n", "{}" if which == "texts" else None, more)
    return folder


@pytest.fixture(scope="module", params=["images", "texts"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    return request.param, write(tmp_path_factory.mktemp(request.param) / "bundle", request.param)


def test_every_graph_loads_in_onnx_runtime_alone(written: tuple[str, Path], tmp_path: Path) -> None:
    which, folder = written
    feed = feed_of(which)
    sent = json.dumps({name: (array.dtype.name, array.tolist()) for name, array in feed.items()})
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE.format(refused=REFUSED), str(folder), sent],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = dict(json.loads(line) for line in done.stdout.splitlines())
    assert set(found) == {"fp32", "int8", "fp16"}
    for name, logits in found.items():
        (expected,) = offline.session((folder / bundle.FILES[name]).read_bytes(), "graph", 1).run(None, feed)
        assert np.array(logits) == pytest.approx(expected, abs=1e-4), name


@pytest.fixture(scope="module")
def logged(
    written: tuple[str, Path], empty_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, str, str]:
    """The bundle's graph in an MLflow store of its own, logged as the sender does: (kind, bundle, store, model)."""
    from mlflow.tracking import MlflowClient

    from chainrule.runs import mlflow_store, recorder

    which, folder = written
    store = tmp_path_factory.mktemp("store")
    uri = f"sqlite:///{shutil.copy(empty_store, store / 'mlflow.db')}"
    client = mlflow_store.connect(store, uri)
    assert isinstance(client, MlflowClient)
    experiment = mlflow_store.experiment_id(client, store, uri, "recipe")
    run = client.create_run(experiment).info.run_id
    model = recorder.log_onnx(client, experiment, run, "journal", folder / bundle.GRAPH)
    return which, folder, uri, f"models:/{model}"


@pytest.mark.integration
def test_mlflow_loads_the_graph_as_onnx(logged: tuple[str, Path, str, str]) -> None:
    import mlflow
    import mlflow.onnx

    _, folder, uri, model = logged
    mlflow.set_tracking_uri(uri)
    try:
        found = mlflow.onnx.load_model(model)
    finally:
        mlflow.set_tracking_uri(None)
    assert found.SerializeToString(deterministic=True) == onnx.load(folder / bundle.GRAPH).SerializeToString(
        deterministic=True
    )


@pytest.mark.integration
def test_mlflow_models_serve_answers_with_the_graphs_logits(logged: tuple[str, Path, str, str], tmp_path: Path) -> None:
    which, folder, uri, model = logged
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", model, "--port", str(port)]
    command += ["--env-manager", "local", "--workers", "1"]
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": uri,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    log = tmp_path / "serve.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            command, env=environment, cwd=tmp_path, stdout=output, stderr=output, start_new_session=True
        )
    try:
        feed = feed_of(which)
        body = json.dumps({"inputs": {name: array.tolist() for name, array in feed.items()}}).encode()
        answer = json.loads(ask(f"http://127.0.0.1:{port}/invocations", body, server, log))
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
    (expected,) = offline.session((folder / bundle.GRAPH).read_bytes(), "graph", 1).run(None, feed)
    assert np.array(answer["predictions"]["logits"]) == pytest.approx(expected, abs=1e-4)


def ask(url: str, body: bytes, server: "subprocess.Popen[bytes]", log: Path) -> bytes:
    """Post until the server is there."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from None
        except OSError:
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.2)
