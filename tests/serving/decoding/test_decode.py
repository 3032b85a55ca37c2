"""Decoding is what `transformers.generate` does: greedy, beams with a penalty and early ends; and what draws draws."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

import decoding_models as small_models
from chainrule.serving.decoding.decode import decode, outputs, sources
from chainrule.serving.decoding.rules import Rules
from chainrule.serving.decoding.sampling import kept
from chainrule.serving.decoding.search import likeliest
from chainrule.serving.decoding.settings import Settings
from chainrule.serving.decoding.single import Single
from decoding_models import END, PAD, SHAPES, VOCABULARY

RULES = Rules(start=(1,), end=(END,), positions=64)
PROMPTS = [[5, 3], [7], [2, 9, 4, 11, 3, 8], [13, 6, 1], [5], [20, 19, 18, 17]]
TOKENS = {"past_key_0": (1, 1)}
"""The cache of `small_models.uncached`: the tokens themselves."""


def causal(model, prompts, settings, **engine):
    run = small_models.causal_run(model)
    return decode(run, SHAPES, prompts, [{}] * len(prompts), RULES, settings, positions=True, **engine)[0]


def generated(model, prompt, **asked):
    ids = torch.tensor([prompt])
    with torch.no_grad():
        found = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, return_dict_in_generate=True, output_scores=True,
            **asked,
        )  # fmt: skip
    tokens = found.sequences[0, len(prompt) :].tolist()
    end = tokens.index(END) + 1 if END in tokens else len(tokens)
    return tokens[:end], found


@pytest.fixture(scope="module")
def gpt2():
    return small_models.gpt2(10)


@pytest.fixture(scope="module")
def marian():
    return small_models.marian()


def test_greedy_is_generate_whatever_shares_the_batch(gpt2):
    found = causal(gpt2, PROMPTS, Settings(max_new_tokens=20), rows=4, part=6)
    expected = [generated(gpt2, prompt, max_new_tokens=20)[0] for prompt in PROMPTS]
    assert [each.tokens for each in found] == expected
    assert len({len(each) for each in expected}) > 1  # some end early
    assert {each.reason for each in found} == {"stop", "length"}


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0, 2.0, -0.5])
def test_beams_are_generates(gpt2, penalty, early):
    settings = Settings(max_new_tokens=12, beams=4, length_penalty=penalty, early_stopping=early)
    found = causal(gpt2, PROMPTS, settings, rows=9, part=7)
    for prompt, each in zip(PROMPTS, found, strict=True):
        tokens, theirs = generated(
            gpt2, prompt, max_new_tokens=12, num_beams=4, length_penalty=penalty, early_stopping=early
        )
        assert each.tokens == tokens
        assert each.score == pytest.approx(float(theirs.sequences_scores[0]), abs=1e-5)


@pytest.mark.parametrize("beams", [1, 3, 5])
def test_sequence_to_sequence_is_generate(marian, beams):
    rules = Rules(start=(PAD,), end=(END,), never=(PAD,), positions=64)
    texts = [torch.tensor([[*ids, END]]) for ids in ([4, 9, 3], [12, 5, 17, 2, 6, 8, 10], [7])]
    seen = [small_models.encoded(marian, ids) for ids in texts]
    settings = Settings(max_new_tokens=15, beams=beams)
    found, _ = decode(small_models.uncached(marian), TOKENS, [[]] * 3, seen, rules, settings, rows=2 * beams)
    for ids, each in zip(texts, found, strict=True):
        with torch.no_grad():
            theirs = marian.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=15, num_beams=beams, do_sample=False,
                bad_words_ids=[[PAD]],
            )[0, 1:].tolist()  # fmt: skip
        assert each.tokens == [token for token in theirs if token != PAD]


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"), [(1.0, 0, 1.0), (0.7, 5, 1.0), (1.3, 0, 0.8), (0.9, 8, 0.5)]
)
def test_tokens_are_drawn_from_what_transformers_keeps(temperature, top_k, top_p):
    logits = torch.randn(6, VOCABULARY, generator=torch.Generator().manual_seed(3)) * 2
    warpers = LogitsProcessorList([TemperatureLogitsWarper(temperature)] if temperature != 1 else [])
    warpers += [TopKLogitsWarper(top_k)] if top_k else []
    warpers += [TopPLogitsWarper(top_p)] if top_p < 1 else []
    expected = warpers(None, logits.clone()).softmax(dim=1).numpy()
    found = np.stack([kept(row.numpy(), temperature, top_k, top_p) for row in logits])
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_what_is_drawn_is_the_requests_alone(gpt2):
    settings = Settings(max_new_tokens=15, temperature=1.0, top_k=10, top_p=0.95, seed=11)
    alone = [causal(gpt2, [prompt], settings)[0].tokens for prompt in PROMPTS]
    assert [each.tokens for each in causal(gpt2, PROMPTS, settings, rows=3)] == alone
    assert [each.tokens for each in causal(gpt2, PROMPTS[::-1], settings, rows=6)][::-1] == alone
    other = causal(gpt2, PROMPTS, replace(settings, seed=12))
    assert [each.tokens for each in other] != alone


def test_draws_come_as_often_as_they_are_likely():
    logits = np.log(np.array([[0.5, 0.3, 0.15, 0.05]], np.float32))
    rules, counts = Rules(), np.zeros(4)
    for seed in range(2000):
        way = Single(rules, Settings(temperature=1.0, seed=seed), 1)
        counts[way.advance(logits)[0][0]] += 1
    assert np.abs(counts / 2000 - np.exp(logits[0])).max() < 0.035


def test_log_probabilities_are_the_models_own(gpt2):
    (found,) = causal(gpt2, [[5, 3]], Settings(max_new_tokens=8, temperature=0.5, top_k=3))
    ids = torch.tensor([[5, 3, *found.tokens]])
    with torch.no_grad():
        logprobs = gpt2(ids).logits.log_softmax(dim=-1)[0]
    expected = [float(logprobs[place, token]) for place, token in enumerate(found.tokens, 1)]
    np.testing.assert_allclose(found.logprobs, expected, atol=1e-5)
    made = outputs([found])
    assert made["length"].tolist() == [len(found.tokens)]
    assert made["score"][0] == pytest.approx(sum(expected), abs=1e-4)


def test_a_first_token_is_forced_and_others_never_come(gpt2):
    rules = Rules(start=(1,), end=(END,), never=(4, 5, 6), first=9, positions=64)
    for settings in (Settings(max_new_tokens=10), Settings(max_new_tokens=10, beams=3), Settings(10, temperature=2.0)):
        found, _ = decode(
            small_models.causal_run(gpt2), SHAPES, PROMPTS, [{}] * len(PROMPTS), rules, settings, positions=True
        )
        assert {each.tokens[0] for each in found} == {9}
        assert not {4, 5, 6} & {token for each in found for token in each.tokens}


def test_no_more_tokens_than_positions(gpt2):
    rules = replace(RULES, positions=10, end=())
    found, _ = decode(small_models.causal_run(gpt2), SHAPES, [[3] * 7, [3] * 12], [{}, {}], rules, positions=True)
    assert [(len(each.tokens), each.reason) for each in found] == [(3, "length"), (0, "length")]


def test_what_is_kept_of_each_token_follows_the_best_beam():
    """A run whose further output names the row's own tokens: what is kept must be the text itself."""

    def run(feeds):
        seen = np.concatenate([feeds["past_key_0"][:, 0, :, 0], feeds["input_ids"]], axis=1).astype(np.int64)
        logits = np.stack(
            [[np.sin(np.arange(9) * (1 + row[: end + 1].sum())) * 3 for end in range(len(row))] for row in seen]
        )
        new = feeds["input_ids"].shape[1]
        return {
            "logits": logits[:, -new:].astype(np.float32),
            "present_key_0": seen[:, None, :, None].astype(np.float32),
            "attention": feeds["input_ids"][:, :, None].astype(np.float32),
        }

    found, jobs = decode(run, TOKENS, [[3]], [{}], Rules(end=(0,)), Settings(7, beams=3), keeps=["attention"])
    assert jobs[0].outputs("attention")[:, 0].tolist() == [3, *found[0].tokens[:-1]]


def test_sources_lose_their_padding():
    cross = np.arange(2 * 1 * 3 * 1, dtype=np.float32).reshape(2, 1, 3, 1)
    found = sources({"cross_key_0": cross, "other": cross}, np.array([[1, 1, 0], [1, 1, 1]]))
    assert [each["cross_key_0"].shape for each in found] == [(1, 1, 2, 1), (1, 1, 3, 1)]
    assert set(found[0]) == {"cross_key_0", "encoder_mask"}


def test_likeliest_takes_the_first_of_equals():
    assert likeliest(np.array([1.0, 3, 2, 3, 2, 2, -np.inf]), 4).tolist() == [1, 3, 2, 4]
