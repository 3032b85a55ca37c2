"""Rows of windows in a training: batches of them, and nets over them, in which what fills up changes nothing."""

from typing import Any

import numpy as np
import pytest
import torch

from chainrule.exporting import graph, parity
from chainrule.nets import bilstm, encoder
from chainrule.serving import offline
from chainrule.serving.limits import Limits
from chainrule.tasks.text_classification import model as task
from chainrule.tasks.text_classification import service
from chainrule.training.inputs import text
from chainrule.training.windows import Windows

WORDS = ["the", "Quick", "brown", "fox", "jumps", "over", "lazy", "dogs", "and", "NATO", "halls"]
TEXTS = [" ".join((WORDS * 9)[start : start + length]) for start, length in ((0, 3), (3, 40), (1, 70), (5, 9), (2, 60))]
TOKENIZER = {"vocabulary": 120, "max_length": 24, "windows": {"overlap": 6, "most": 9}}
TARGET = {"classes": ["a", "b", "c"]}
NETS = {
    "encoder": lambda: encoder.build(
        120, 0, arch="bert", layers=1, width=16, heads=2, feed_forward=32, max_length=24, dropout=0.0
    ),
    "bilstm": lambda: bilstm.build(120, 0, embedding=8, width=8, layers=1, dropout=0.0),
}


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    return text.fit_facts([TEXTS], TOKENIZER)


def inputs(facts: dict[str, Any], **more: Any) -> Windows:
    found = text.of_fields([TEXTS], torch.arange(len(TEXTS)), facts, **more)
    assert isinstance(found, Windows)
    return found


def test_a_batch_is_as_large_as_its_largest_row(facts: dict[str, Any]) -> None:
    rows = inputs(facts)
    batch = rows.take(torch.tensor([2, 0]), None)
    counts = rows.windows[[2, 0]].tolist()
    assert counts[0] > counts[1] == 1
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (2, counts[0], 24)
    assert batch["places"].shape == (2, counts[0], 24, 4)
    assert batch["target"].tolist() == [2, 0]
    there = batch["attention_mask"].bool()
    assert there[1, 0].sum() == rows.lengths[rows.first[0]] and not there[1, 1:].any()
    assert not batch["places"][~there].any() and (batch["input_ids"][~there] == rows.pad_id).all()


def test_a_pass_takes_every_row_once_in_batches_of_like_size(facts: dict[str, Any]) -> None:
    rows = inputs(facts)
    for generator in (None, torch.Generator().manual_seed(0)):
        assert sorted(torch.cat(rows.order(2, generator)).tolist()) == list(range(len(TEXTS)))
    assert torch.cat(rows.order(2, None)).tolist() == rows.tokens.argsort(stable=True).tolist()


def test_drop_leaves_the_ends_of_a_window(facts: dict[str, Any]) -> None:
    rows = inputs(facts, drop=0.9)
    batch = rows.take(torch.arange(len(TEXTS)), torch.Generator().manual_seed(0))
    whole = rows.take(torch.arange(len(TEXTS)), None)
    unknown = batch["input_ids"] == facts["unknown_id"]
    assert unknown.any()
    special = torch.isin(whole["input_ids"], torch.tensor(facts["special_ids"]))
    assert not (unknown & special & (whole["input_ids"] != facts["unknown_id"])).any()


def test_windows_apart_are_rows_of_tokens(facts: dict[str, Any]) -> None:
    rows = inputs(facts)
    alone = text.apart(rows, facts)
    assert len(alone) == int(rows.windows.sum())
    batch = alone.take(torch.arange(len(alone)), None)
    assert batch["input_ids"].shape == (len(alone), 24) and set(batch) == {"input_ids", "attention_mask"}


@pytest.mark.parametrize("net", NETS)
def test_what_fills_up_changes_nothing(facts: dict[str, Any], net: str) -> None:
    torch.manual_seed(0)
    model = task.build(NETS[net](), facts, TARGET).eval()
    rows = inputs(facts)
    names = ("input_ids", "attention_mask")

    def logits(index: list[int]) -> torch.Tensor:
        batch = rows.take(torch.tensor(index), None)
        found: torch.Tensor = model(**{name: batch[name] for name in names})["logits"]
        return found

    with torch.no_grad():
        together = logits([0, 1, 2, 3, 4])
        alone = torch.cat([logits([row]) for row in range(5)])
    assert torch.isfinite(together).all()
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_a_graph_takes_any_number_of_windows_and_the_server_makes_what_training_saw(facts: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = task.build(NETS["encoder"](), facts, TARGET).eval()
    example = task.example(facts, 2, torch.Generator().manual_seed(0))
    made = graph.to_onnx(model, example, task.dynamic_shapes(facts))
    session = offline.session(made.SerializeToString(), "graph")
    found = parity.at_shapes(model, session, task, facts)
    assert {shape["windows"] for shape in found} == {1, 3}
    assert max(shape["max_difference"] for shape in found) < 1e-5
    rules = text.preprocessing(facts, {"lowercase": False, "strip_html": False, "min_characters": 1,
                                       "max_characters": 2000, "long": "cut"})  # fmt: skip
    signature = {"preprocessing": {"text": rules}, "inputs": [{"name": name} for name in model.inputs]}
    tokenizer = text.Tokenizer.from_str(facts["tokenizer"])
    served = [service.prepare({"text": each}, signature, tokenizer, Limits()) for each in TEXTS]
    rows = inputs(facts)
    for place, one in enumerate(served):
        batch = rows.take(torch.tensor([place]), None)
        length = one["input_ids"].shape[2]
        for name in model.inputs:
            assert np.array_equal(batch[name][..., :length].numpy(), one[name])
    answers = offline.answers(offline.runner(session, "graph"), served, task.padding(facts))["logits"]
    with torch.no_grad():
        batch = rows.take(torch.arange(5), None)
        expected = model(batch["input_ids"], batch["attention_mask"])["logits"].numpy()
    np.testing.assert_allclose(answers, expected, atol=1e-5)


def test_a_base_s_tokenizer_cuts_windows_no_longer_than_its_net_takes(facts: dict[str, Any]) -> None:
    base = {**facts, "max_length": 16}
    found = text.fit_facts([TEXTS], {**TOKENIZER, "windows": {"overlap": 6, "most": 5}}, base)
    assert found["max_length"] == 16 and found["windows"] == {"overlap": 4, "most": 5}
    rows = text.of_fields([TEXTS], None, found)
    assert isinstance(rows, Windows) and int(rows.lengths.max()) == 16
    assert rows.cut == 2 and found["most_tokens"] == 16 + 4 * 10


def test_pairs_of_neighbours_do_not_see_the_padding() -> None:
    torch.manual_seed(0)
    net = bilstm.build(120, 0, embedding=8, width=8, layers=1, dropout=0.0, pairs=50).eval()
    ids = torch.tensor([[2, 7, 9, 3]])
    long = torch.nn.functional.pad(ids, (0, 3))
    with torch.no_grad():
        alone, padded = net(ids, torch.ones_like(ids)), net(long, (long > 0).long())
    torch.testing.assert_close(alone, padded[:, :4])
    assert not torch.equal(alone[:, 1], net(torch.tensor([[2, 7, 8, 3]]), torch.ones_like(ids))[:, 1])
