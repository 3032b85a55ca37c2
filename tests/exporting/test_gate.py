import time
from typing import Any

import numpy as np
import pytest
import torch

from chainrule.exporting import gate, variants
from chainrule.params.export import Variants
from exporting_cases import image_feeds, image_graph, image_model, image_rows, text_rows

SLOW = {
    "device": "CPU, 1 thread",
    "batch_1_ms": 1.0,
    "batch_32_ms": 9.0,
    "batch_1_speedup": 1.05,
    "batch_32_speedup": 3,
}
FAST = {**SLOW, "batch_1_speedup": 1.1}


class Fake:
    """Stands for a session: logits by a function of the input, after so many seconds."""

    def __init__(self, logits: Any, seconds: float = 0.0, names: tuple[str, ...] = ("image",)) -> None:
        self.logits, self.seconds, self.names, self.calls = logits, seconds, names, 0

    def get_inputs(self) -> list[Any]:
        return [type("Value", (), {"name": name}) for name in self.names]

    def run(self, outputs: None, feed: dict[str, np.ndarray]) -> tuple[np.ndarray]:
        self.calls += 1
        end = time.thread_time() + self.seconds
        while time.thread_time() < end:
            pass
        return (self.logits(feed),)


@pytest.mark.parametrize(
    ("wish", "lost", "found", "ships", "said"),
    [
        ("measured", 0.0, FAST, True, "at least 1.1 times as fast"),
        ("measured", 0.0, SLOW, False, "not 1.1 times as fast"),  # fast at batch 32 alone is not enough
        ("measured", 0.005, FAST, True, "at least 1.1 times as fast"),
        ("measured", 0.0051, FAST, False, "loses more than 0.50% of accuracy"),
        ("measured", -0.01, FAST, True, "at least"),
        ("measured", 0.0, None, False, "not measured here"),
        ("always", 0.0, None, True, "not measured here"),
        ("always", 0.0, SLOW, True, "asked for"),
        ("always", 0.01, FAST, False, "loses more than"),
    ],
)
def test_a_variant_ships_if_it_is_faster_and_as_right(
    wish: str, lost: float, found: dict[str, Any] | None, ships: bool, said: str
) -> None:
    answer, reason = gate.verdict(wish, lost, found, Variants())
    assert answer == ships
    assert said in reason


def test_predictions_come_in_the_order_of_the_rows_and_none_where_a_logit_is_not_finite() -> None:
    rows = text_rows()
    first = [int(rows.take(torch.tensor([row]), None)["input_ids"][0, 0]) for row in range(len(rows))]

    def logits(feed: dict[str, np.ndarray]) -> np.ndarray:
        ids = feed["input_ids"][:, 0]
        answers = np.eye(60)[ids]
        answers[ids == first[3]] = np.nan
        return answers

    names = ("input_ids", "attention_mask")
    found = gate.predictions(Fake(logits, names=names), rows, 7)
    assert found.tolist() == [-1 if token == first[3] else token for token in first]


def test_the_speed_up_is_that_of_the_calls_and_every_session_is_called_as_often() -> None:
    one = lambda feed: np.zeros((len(feed["image"]), 3))  # noqa: E731
    sessions: dict[str, Any] = {"fp32": Fake(one, 0.0006), "int8": Fake(one, 0.0002)}
    found = gate.latencies(sessions, image_rows(), "here", time.thread_time)
    for size in gate.BATCHES:
        assert found["fp32"][f"batch_{size}_speedup"] == 1
        assert 1.5 < found["int8"][f"batch_{size}_speedup"] < 3.5
        assert 0.2 <= found["int8"][f"batch_{size}_ms"] < found["fp32"][f"batch_{size}_ms"]
    assert sessions["fp32"].calls == sessions["int8"].calls
    assert "ms at batch 1" in gate.in_words(found["int8"])
    assert "not measured" in gate.in_words(None)


def test_fewer_rows_than_a_batch_are_repeated() -> None:
    shapes = set()

    def logits(feed: dict[str, np.ndarray]) -> np.ndarray:
        shapes.add(len(feed["image"]))
        return np.zeros((1, 3))

    gate.times({"fp32": Fake(logits)}, image_rows(5), 0, time.thread_time)  # type: ignore[dict-item]
    assert shapes == set(gate.BATCHES)


def test_what_goes_into_the_bundle_holds_no_time_and_fp16_is_not_judged_without_a_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gate, "SECONDS", 0.0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    graph = image_graph()
    graphs = {
        "fp32": graph.SerializeToString(),
        "int8": variants.int8(graph, image_feeds()),
        "fp16": variants.fp16(graph),
    }
    rows = image_rows()
    with torch.no_grad():  # labels that fp32 has all right
        rows.labels = image_model()(rows.take(torch.arange(len(rows)), None)["image"]).argmax(dim=1)
    table, found = gate.choose(graphs, rows, 16, Variants(loses=0.1))
    assert set(found) == {"fp32", "int8"}
    assert {key for entry in table.values() for key in entry} == {"bytes", "accuracy", "agreement", "ships", "reason"}
    assert table["fp32"] == {
        "bytes": len(graphs["fp32"]), "accuracy": 1.0, "agreement": 1.0, "ships": True, "reason": "the reference",
    }  # fmt: skip
    assert not table["fp16"]["ships"]
    assert "not measured here" in table["fp16"]["reason"]
    assert table["int8"]["accuracy"] == table["int8"]["agreement"]
    asked, _ = gate.choose(graphs, rows, 16, Variants(fp16="always"))
    assert asked["fp16"]["ships"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_fp16_is_measured_on_the_gpu() -> None:
    graph = image_graph()
    table, found = gate.choose(
        {"fp32": graph.SerializeToString(), "fp16": variants.fp16(graph)}, image_rows(), 16, Variants()
    )
    assert found["fp16"]["device"] == "GPU"
    assert "not measured" not in table["fp16"]["reason"]
