"""A causal model reads a text in parts as it reads it whole, and tells what each token costs."""

from typing import Any

import pytest
import torch
from torch import nn

from chainrule.nets import encoder, gpt
from chainrule.system.errors import ParamsError
from chainrule.training.bodies import causal_text
from chainrule.training.inputs.text import fit_facts

TEXTS = ["the cat sat on the mat", "a dog ran home", "rain"]


def facts(ends: bool = True) -> dict[str, Any]:
    return fit_facts([TEXTS], {"kind": "bytes", "vocabulary": 290, "max_length": 24, "ends": ends})


@pytest.fixture
def model() -> causal_text.Model:
    torch.manual_seed(0)
    known = facts()
    net = gpt.build(known["vocabulary"], known["pad_id"], layers=2, width=16, heads=2, max_length=24, dropout=0.0)
    return causal_text.Model(net, known).eval()


def empty(model: causal_text.Model, rows: int) -> dict[str, torch.Tensor]:
    shape = model.net.cache
    return {name: torch.zeros(rows, shape.heads, 0, shape.width) for name in causal_text.names(shape)}


def kept(outputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.replace("present", "past"): array for name, array in outputs.items() if name.startswith("present")}


@torch.no_grad()
def test_a_text_in_parts_is_the_text(model: causal_text.Model) -> None:
    ids = torch.randint(5, 290, (2, 12))
    mask = torch.ones_like(ids)
    whole = model(ids, mask, **empty(model, 2))
    before: dict[str, torch.Tensor] = empty(model, 2)
    logits = []
    for start, end in ((0, 5), (5, 6), (6, 12)):
        part = model(ids[:, start:end], mask[:, :end], **before)
        logits.append(part["logits"])
        before = kept(part)
    assert torch.allclose(torch.cat(logits, dim=1), whole["logits"], atol=1e-5)
    assert before["past_key_1"].shape == (2, 2, 12, 8)


@torch.no_grad()
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(model: causal_text.Model, side: str) -> None:
    ids = torch.randint(5, 290, (1, 6))
    alone = model(ids, torch.ones_like(ids), **empty(model, 1))
    fill = torch.full((1, 3), 7)
    padded = torch.cat([fill, ids] if side == "left" else [ids, fill], dim=1)
    mask = torch.tensor([[0] * 3 + [1] * 6 if side == "left" else [1] * 6 + [0] * 3])
    found = model(padded, mask, **empty(model, 1))
    own = slice(3, 9) if side == "left" else slice(0, 6)
    assert torch.allclose(found["logits"][:, own], alone["logits"], atol=1e-5)
    assert torch.allclose(found["nats"][:, own], alone["nats"], atol=1e-5)
    assert torch.allclose(found["state"], alone["state"], atol=1e-5)
    assert all(array.isfinite().all() for array in found.values())
    assert found["told"].sum() == 5, "what is told has a real token before it"


@torch.no_grad()
def test_a_token_costs_what_cross_entropy_says(model: causal_text.Model) -> None:
    ids = torch.randint(5, 290, (1, 9))
    mask = torch.ones_like(ids)
    logits = model(ids, mask, **empty(model, 1))["logits"]
    want = nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:], reduction="none")
    assert torch.allclose(model(ids, mask)["nats"][0, 1:], want, atol=1e-6)


def test_what_a_tokenizer_puts_around_texts_says_how_they_begin_and_end(model: causal_text.Model) -> None:
    known = {**facts(), **model.facts}
    start, end = known["tokenizer"], known["end_id"]
    assert causal_text.decoding(known)["start"] == causal_text.frame(start)[0] != []
    assert causal_text.decoding(known)["end"] == [end] and end not in causal_text.decoding(known)["never"]
    cut = causal_text.decoding({**facts(ends=False), **model.facts})
    assert cut["end"] == [] and end in cut["never"], "no row had an end: the model must not make one"


def test_a_net_that_sees_what_follows_is_refused() -> None:
    known = facts()
    net = encoder.build(
        known["vocabulary"], known["pad_id"], arch="bert", layers=1, width=16, heads=2, feed_forward=16, max_length=24,
        dropout=0.0,
    )  # fmt: skip
    with pytest.raises(ParamsError, match="does not go on with a text; take net gpt"):
        causal_text.Model(net, known)
