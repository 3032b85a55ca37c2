"""Scores of texts that are told: bits per byte and perplexity as they are defined, by sums."""

import json

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models

from chainrule.evaluation import tokens
from chainrule.evaluation.scores import continuation
from chainrule.training.inputs.text import fit_facts

NATS = np.array([[0.0, 1.0, 2.0, 0.0], [0.0, 0.5, 0.0, 0.0]])
TOLD = np.array([[0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
BYTES = np.array([[0.0, 1.0, 3.0, 0.0], [0.0, 2.0, 0.0, 0.0]])


def test_scores_are_as_defined() -> None:
    outputs = {"nats": NATS, "told": TOLD, "bytes": BYTES}
    sums = continuation.statistics(outputs, np.array([5.0, 2.0]), {}).sum(axis=0)
    found = continuation.metrics(sums, {})
    assert found["nats_per_token"] == pytest.approx(3.5 / 3)
    assert found["perplexity"] == pytest.approx(np.exp(3.5 / 3))
    assert found["bits_per_byte"] == pytest.approx(3.5 / np.log(2) / 6)
    assert found["told"] == pytest.approx(6 / 7)
    assert np.isnan(continuation.metrics(np.zeros(4), {})["bits_per_byte"])


def test_how_far_rows_are_filled_up_changes_nothing() -> None:
    wide = {name: np.pad(array, ((0, 0), (0, 3))) for name, array in (("nats", NATS), ("told", TOLD), ("bytes", BYTES))}
    narrow = {"nats": NATS, "told": TOLD, "bytes": BYTES}
    target = np.array([5.0, 2.0])
    assert (continuation.statistics(wide, target, {}) == continuation.statistics(narrow, target, {})).all()
    assert (continuation.comparable(wide, {}) == continuation.comparable(narrow, {})).all()
    assert continuation.agree(wide, narrow, {}).all()


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit together"):
        continuation.statistics({"nats": NATS, "told": TOLD[:1], "bytes": BYTES}, np.zeros(2), {})


@pytest.mark.parametrize("kind", ["bytes", "characters"])
def test_bytes_of_tokens_add_up_to_those_of_the_text(kind: str) -> None:
    texts = ["a naïve café\n  costs 5 € ", "李白 🙂 wrote\ta poem"]
    facts = fit_facts([texts], {"kind": kind, "vocabulary": 400, "max_length": 100})
    lengths = np.array(tokens.byte_lengths(facts["tokenizer"]))
    for text, ids in zip(texts, tokens.encoded(texts, facts["tokenizer"]), strict=True):
        assert lengths[ids].sum() == len(text.encode())
    assert lengths[facts["special_ids"]].sum() == 0
    if kind == "bytes":
        known = Tokenizer.from_str(facts["tokenizer"])
        strange = "ʘ never met 漢\r\n"
        assert known.decode(known.encode(strange).ids) == strange, "nothing is unknown, nothing is lost"


def test_pieces_of_sentencepiece_count_their_blank_and_bytes() -> None:
    vocabulary = {"<unk>": 0, "▁the": 1, "<0xE6>": 2, "ü": 3}
    made = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback()])
    assert tokens.byte_lengths(json.dumps(json.loads(made.to_str()))) == (0, 4, 1, 2)
