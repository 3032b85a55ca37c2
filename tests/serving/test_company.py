"""One request gets one answer, whatever else is asked at the same time and shares its batch."""

import http.client
import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import live_server
import tiny_bundles
from chainrule.exporting import bundle as bundles
from chainrule.exporting import independence, variants
from chainrule.serving import bundle, runtime
from chainrule.system.errors import DataError
from exporting_cases import dynamically_quantised, text_feeds, text_graph

CLIENTS, REQUESTS = 32, 8
LABELS = ("bad", "fair", "good")
TEXT = [5, 3, 9, 2, 7]


def calibrated(graph: "object") -> bytes:
    return variants.int8(graph, text_feeds())  # type: ignore[arg-type]


def project(root: Path, int8: Callable[..., bytes]) -> Path:
    """Write a project that serves an encoder, in floats and in eight bits."""
    folder = root / "models" / "onnx" / "reviews"
    folder.parent.mkdir(parents=True)
    tiny_bundles.text_bundle(folder, labels=list(LABELS), variants={name: {} for name in ("fp32", "int8")})
    signature = json.loads((folder / "signature.json").read_text())
    signature["outputs"][0]["shape"] = ["batch", len(LABELS)]
    signature["target"]["classes"] = list(LABELS)
    signature["preprocessing"]["text"]["max_length"] = 24
    (folder / "signature.json").write_text(json.dumps(signature))
    (folder / bundles.FILES["int8"]).write_bytes(int8(text_graph()))
    tiny_bundles.with_graph(folder, text_graph())
    return root


def ask(connection: http.client.HTTPConnection, ids: list[int]) -> np.ndarray:
    """Return the probabilities [labels] of one text, given as tokens."""
    inputs = [
        {"name": name, "datatype": "INT64", "shape": [1, len(ids)], "data": data}
        for name, data in (("input_ids", ids), ("attention_mask", [1] * len(ids)))
    ]
    connection.request("POST", "/v2/models/reviews/infer", json.dumps({"inputs": inputs}))
    response = connection.getresponse()
    assert response.status == 200
    assert response.headers["X-Chainrule-Variant"] == "int8"
    powers = np.exp(json.load(response)["outputs"][0]["data"])
    return np.asarray(powers / powers.sum())


def test_one_text_gets_one_answer_from_thirty_two_clients(tmp_path: Path) -> None:
    answers: list[np.ndarray] = []
    together = threading.Barrier(CLIENTS)

    def client(number: int) -> None:
        random = np.random.default_rng(number)
        connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=60)
        together.wait()
        for _ in range(REQUESTS):
            answers.append(ask(connection, TEXT))
            ask(connection, random.integers(2, 11, random.integers(1, 25)).tolist())
        connection.close()

    with live_server.running(project(tmp_path, calibrated)) as live:
        alone = ask(http.client.HTTPConnection("127.0.0.1", live.port, timeout=60), TEXT)
        threads = [threading.Thread(target=client, args=[number]) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        shown = live.ask("GET", "/metrics").content.decode()
    items, runs = (
        next(float(line.split()[-1]) for line in shown.splitlines() if line.startswith(f"chainrule_batch_items_{what}"))
        for what in ("sum", "count")
    )
    assert runs < items  # they did share batches
    assert len(answers) == CLIENTS * REQUESTS
    assert np.abs(np.array(answers) - alone).max() <= independence.SAME


def test_int8_of_a_bundle_that_scales_by_the_batch_is_not_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As bundles were once exported: fp32 answers instead, and it is said why."""
    root = project(tmp_path, dynamically_quantised)
    read = bundle.read(root / "models" / "onnx" / "reviews", "reviews", "1")
    assert (set(read.variants), set(read.left_out)) == ({"fp32"}, {"int8"})
    with pytest.raises(DataError, match=r"int8 is not served: its scales are .* export it again"):
        runtime.variant_for(read, "int8", "cpu")
    with caplog.at_level(logging.WARNING, "chainrule"), live_server.running(root) as live:
        (model,) = live.ask("GET", "/models").json
    assert (model["variant"], set(model["variants"])) == ("fp32", {"fp32"})
    assert "int8 is not served: its scales are those of a whole batch" in caplog.text
