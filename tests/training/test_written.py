"""Texts that are written for texts: batches by tokens, the loss of every token, and what nets and recipes must fit."""

from typing import Any

import pytest
import torch

from chainrule.fields import wording as field
from chainrule.nets import encoder_decoder
from chainrule.recipes.check import find_mistakes
from chainrule.training.inputs import text
from chainrule.training.seeds import seeded
from chainrule.training.targets import wording
from chainrule.training.written import NOT_TOLD, WRITTEN, Rewriter, Writing, WrittenRows

SOURCES = [" ".join(["dog"] * (1 + number % 9)) for number in range(60)]
TEXTS = [" ".join(["Hund"] * (1 + number % 7)) for number in range(60)]


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    return text.fit_facts([SOURCES, TEXTS], {"kind": "bytes", "vocabulary": 300, "max_length": 12})


def rows(facts: dict[str, Any], batch_tokens: int | None) -> WrittenRows:
    inputs = text.of_fields([SOURCES], None, facts)
    return wording.beside(inputs, TEXTS, torch.from_numpy(field.encode(TEXTS, {})), facts, batch_tokens)


def test_a_batch_holds_no_more_tokens_and_every_pass_as_many_batches(facts: dict[str, Any]) -> None:
    found = rows(facts, 60)
    passes = [found.order(512, seeded(7, epoch)) for epoch in range(4)]
    assert len({len(each) for each in passes}) == 1 and len(passes[0]) > 5
    assert [each.tolist() for each in passes[0]] != [each.tolist() for each in passes[1]]
    for batches in passes:
        assert torch.cat(batches).sort().values.tolist() == list(range(60))
        assert all(len(batch) * int(found.sizes[batch].max()) <= 60 for batch in batches)
    assert max(map(len, rows(facts, None).order(16, None))) == 16


def test_a_row_brings_its_text_as_tokens_and_as_code_points(facts: dict[str, Any]) -> None:
    batch = rows(facts, None).take(torch.tensor([0, 3]), None)
    (one, other) = batch[WRITTEN]
    assert one[one != NOT_TOLD].tolist()[-1] == facts["end_id"]
    assert field.texts(batch["target"].numpy()) == [TEXTS[0], TEXTS[3]]
    assert (other != NOT_TOLD).sum() > (one != NOT_TOLD).sum()


def test_texts_beyond_the_longest_are_cut_with_their_end_and_counted(facts: dict[str, Any]) -> None:
    inputs = text.of_fields([["dog"]], None, facts)
    long = [" ".join(["Hund"] * 40)]
    found = wording.beside(inputs, long, torch.from_numpy(field.encode(long, {})), facts, None)
    assert len(found.written[0]) == 12 and found.written[0][-1] == facts["end_id"] and found.cut == 1


def test_the_loss_is_the_mean_over_tokens_whatever_fills_a_batch_up(facts: dict[str, Any]) -> None:
    torch.manual_seed(0)
    sizes = {"encoder_layers": 1, "decoder_layers": 1, "width": 16, "heads": 2, "feed_forward": 16, "max_length": 12}
    net = encoder_decoder.build(facts["vocabulary"], facts["pad_id"], dropout=0.0, **sizes)
    objective = Writing(Rewriter(net, facts, {"characters": 20}), smoothing=0.1)
    found = rows(facts, None)
    together = found.take(torch.arange(8), None)
    alone = [found.take(torch.tensor([row]), None) for row in range(8)]
    objective.eval()
    with torch.no_grad():
        whole, parts = objective(together), [objective(each) for each in alone]
    tokens = sum(int(each["count"]) for each in parts)
    assert int(whole["count"]) == tokens
    expected = sum(float(each["loss"] * each["count"]) for each in parts) / tokens
    assert float(whole["loss"]) == pytest.approx(expected, rel=1e-4)
    assert set(whole["outputs"]) == {"text", "score"}
    objective.train()
    learnt = objective(together)
    assert learnt["outputs"] == {} and float(learnt["loss"].detach()) != pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"net": {"name": "encoder"}}, "net.name: found 'encoder'; a net that writes texts is needed"),
        ({"finetune": {"strategy": {"name": "head_only"}}}, "strategy.name: found 'head_only'; it takes a model that"),
        (
            {"task": "text_classification", "target": "label", "source": {"kind": "delimited", "path": "x.csv"}},
            "net.name: found 'encoder_decoder'; it writes texts, and here something is told",
        ),
        (
            {"source": {"kind": "line_pairs", "path": "x", "sides": ["en", "en"]}},
            "names 'en' twice; one side is read, the other written",
        ),
        (
            {
                "source": {
                    "kind": "line_pairs",
                    "path": "x",
                    "sides": ["en", "de"],
                    "files": {"train": "a", "test": ["a"]},
                }
            },
            "names one pair of files twice",
        ),
    ],
)
def test_what_does_not_fit_a_text_that_is_written_is_told(changed: dict[str, Any], said: str) -> None:
    block = {
        "task": "translation",
        "modality": "text",
        "target": "wording",
        "seed": 1,
        "source": {"kind": "line_pairs", "path": "x", "sides": ["en", "de"]},
        "incoming": {"kind": "delimited"},
        "clean": {},
        "split": {},
        "augment": {},
        "base": {"from": "nothing"},
        "net": {"name": "encoder_decoder"},
        "pretrain": {"objective": {"name": "none"}},
        "finetune": {"strategy": {"name": "full"}},
        "evaluate": {},
        "export": {},
    }
    assert find_mistakes({"recipes": {"mine": block}}) == []
    found = "\n".join(map(str, find_mistakes({"recipes": {"mine": {**block, **changed}}})))
    assert said in found
