import time
from typing import Any

import numpy as np
import pytest
import torch

from chainrule.evaluation.scores import label, number
from chainrule.evaluation.uncertainty import label as doubt
from chainrule.exporting import gate, independence, variants
from chainrule.recipes.export import Variants
from chainrule.serving import offline
from chainrule.system.errors import ChainruleError
from exporting_cases import (
    dynamically_quantised,
    image_feeds,
    image_graph,
    image_model,
    image_rows,
    text_feeds,
    text_graph,
    text_rows,
)


class Fake:
    """Stands for a session: logits by a function of the input, after so many seconds."""

    def __init__(self, logits: Any, seconds: float = 0.0, names: tuple[str, ...] = ("image",)) -> None:
        self.logits, self.seconds, self.names, self.calls = logits, seconds, names, 0

    def get_inputs(self) -> list[Any]:
        return [type("Value", (), {"name": name}) for name in self.names]

    def get_outputs(self) -> list[Any]:
        return [type("Value", (), {"name": "logits"})]

    def run(self, outputs: list[str], feed: dict[str, np.ndarray]) -> tuple[np.ndarray]:
        self.calls += 1
        end = time.thread_time() + self.seconds
        while time.thread_time() < end:
            pass
        return (self.logits(feed),)


@pytest.mark.parametrize(
    ("wish", "difference", "lost", "smaller", "ships", "said"),
    [
        ("measured", 1e-6, 0.0, 1.5, True, "at least 1.5 times smaller"),
        ("measured", 1e-6, 0.0, 1.49, False, "not 1.5 times smaller"),
        ("measured", 1e-6, 0.005, 4.0, True, "at least 1.5 times smaller"),
        ("measured", 1e-6, 0.0051, 4.0, False, "loses more than 0.50% of accuracy"),
        ("measured", 1e-6, -0.01, 4.0, True, "at least"),
        ("measured", 1.1e-4, 0.0, 4.0, False, "depends on the rows or the padding"),
        ("always", 1e-6, 0.0, 1.0, True, "asked for"),
        ("always", 1e-6, 0.01, 4.0, False, "loses more than"),
        ("always", 1.1e-4, 0.0, 4.0, False, "depends on the rows or the padding"),
        ("always", float("nan"), 0.0, 4.0, False, "depends on the rows or the padding"),
    ],
)
def test_a_variant_ships_if_it_answers_by_the_row_is_as_right_and_smaller(
    wish: str, difference: float, lost: float, smaller: float, ships: bool, said: str
) -> None:
    answer, reason = gate.verdict(wish, difference, lost, smaller, Variants(), label.PRIMARY)
    assert answer == ships
    assert said in reason


def test_a_variant_may_lose_so_much_of_what_decides_in_its_unit() -> None:
    answer, reason = gate.verdict("measured", 0.0, 0.3, 4.0, Variants(loses=0.1), number.PRIMARY)
    assert (answer, reason) == (False, "loses more than 0.1 of mean absolute error")


def test_outputs_come_in_the_order_of_the_rows() -> None:
    rows = text_rows()
    first = [int(rows.take(torch.tensor([row]), None)["input_ids"][0, 0]) for row in range(len(rows))]
    session: Any = Fake(lambda feed: np.eye(60)[feed["input_ids"][:, 0]], names=("input_ids", "attention_mask"))
    found = gate.outputs(gate.of_session(session), rows, 7)
    assert found["logits"].argmax(axis=1).tolist() == first


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


def choose(graphs: dict[str, bytes], rows: Any, padding: dict[str, int], settings: Variants, *also: Any) -> Any:
    """The decision about graphs of a classifier."""
    (logits,) = gate.outputs(gate.of_session(offline.session(graphs["fp32"], "graph", 1)), rows, 16).values()
    facts = {"classes": [f"c{place}" for place in range(logits.shape[1])]}
    target = rows.target.numpy() % logits.shape[1]
    return gate.choose(graphs, rows, target, label, facts, 16, padding, settings, *also)


def image_graphs() -> dict[str, bytes]:
    graph = image_graph()
    return {
        "fp32": graph.SerializeToString(),
        "int8": variants.int8(graph, image_feeds()),
        "fp16": variants.fp16(graph),
    }


def test_the_decision_holds_no_time_and_is_made_without_a_gpu() -> None:
    graphs, rows = image_graphs(), image_rows()
    with torch.no_grad():  # labels that fp32 has all right
        rows.target = image_model()(image=rows.take(torch.arange(len(rows)), None)["image"])["logits"].argmax(dim=1)
    table = choose(graphs, rows, {}, Variants(loses=0.1, smaller=1.8))
    keys = {"bytes", "accuracy", "agreement", "batch_difference", "ships", "reason"}
    assert all(set(entry) == keys for entry in table.values())
    assert table["fp32"]["batch_difference"] < 1e-6
    assert table["fp32"] | {"batch_difference": 0} == {
        "bytes": len(graphs["fp32"]), "accuracy": 1.0, "agreement": 1.0, "batch_difference": 0, "ships": True,
        "reason": "the reference",
    }  # fmt: skip
    assert table["int8"]["accuracy"] == table["int8"]["agreement"]
    assert table["fp16"]["bytes"] * 1.8 > len(graphs["fp32"])  # a small net: half of its file is no weights
    assert not table["fp16"]["ships"]
    asked = choose(graphs, rows, {}, Variants(fp16="always", smaller=1.8))
    assert asked["fp16"]["ships"]


def test_each_variant_draws_the_lines_of_doubt_by_its_own_answers() -> None:
    """A line of fp32 would give int8 other shares than were asked for: its energies are not the same."""
    rows, asked = image_rows(200), {"sets": "lac", "share": 0.9, "risk": 0.05, "alarms": 0.05}
    target = rows.target.numpy() % 3
    graphs = {name: content for name, content in image_graphs().items() if name != "fp16"}
    lines = choose(graphs, rows, {}, Variants(loses=1), lambda said: {"doubt": doubt.fit(said, target, asked)})
    for name, content in graphs.items():
        own = lines[name]["doubt"]
        said = gate.outputs(gate.of_session(offline.session(content, name, 1)), rows, 16)
        assert doubt.measured(said, target, own)["foreign"] == pytest.approx(0.05, abs=0.011)
        assert doubt.measured(said, target, own)["coverage"] == pytest.approx(0.9, abs=0.02)
    assert lines["int8"]["doubt"]["foreign_above"] != lines["fp32"]["doubt"]["foreign_above"]


def test_a_variant_that_answers_with_what_is_no_number_is_left_out_and_draws_no_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond 65,504 fp16 is infinite, be it in a row that no probe asks."""
    rows, asked = image_rows(), {"sets": "lac", "share": 0.9, "risk": 0.05, "alarms": 0.05}
    target, own, asked_of = rows.target.numpy() % 3, gate.outputs, list[Any]()
    graphs = {name: content for name, content in image_graphs().items() if name != "int8"}

    def outputs(session: Any, inputs: Any, batch_size: int, *shown: Any) -> dict[str, np.ndarray]:
        found = own(session, inputs, batch_size, *shown)
        asked_of.append(session)
        if len(asked_of) == 3:  # fp32 for the target, then fp32 and fp16
            found["logits"][-1] = np.nan
        return found

    monkeypatch.setattr(gate, "outputs", outputs)
    settings = Variants(fp16="always", loses=1)
    table = choose(graphs, rows, {}, settings, lambda said: {"doubt": doubt.fit(said, target, asked)})
    assert table["fp32"]["ships"] and "doubt" in table["fp32"]
    assert not table["fp16"]["ships"] and "doubt" not in table["fp16"]
    assert "no number" in table["fp16"]["reason"]


@pytest.mark.parametrize("which", ["fp32", "int8"])
def test_a_graph_that_looks_at_its_batch_ships_in_no_form(which: str) -> None:
    """Both forms scale an activation by the largest of the whole batch, as dynamic quantisation does."""
    graphs = {"fp32": text_graph().SerializeToString(), "int8": variants.int8(text_graph(), text_feeds())}
    graphs[which] = dynamically_quantised(text_graph())
    padding = {"input_ids": 0, "attention_mask": 0}
    if which == "fp32":
        with pytest.raises(ChainruleError, match="depends on the rows or the padding beside it"):
            choose(graphs, text_rows(), padding, Variants())
    else:
        table = choose(graphs, text_rows(), padding, Variants(int8="always", loses=0.1))
        assert table["int8"]["batch_difference"] > independence.SAME
        assert not table["int8"]["ships"]
        assert "depends on the rows" in table["int8"]["reason"]


def test_times_are_of_every_variant_but_fp16_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "SECONDS", 0.0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = gate.speeds(image_graphs(), image_rows())
    assert set(found) == {"fp32", "int8"}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_fp16_is_measured_on_the_gpu() -> None:
    graph = image_graph()
    graphs = {"fp32": graph.SerializeToString(), "fp16": variants.fp16(graph)}
    assert gate.speeds(graphs, image_rows())["fp16"]["device"] == "GPU"
