"""Objectives of texts: whole words, pairs of segments, the next token, word vectors, and what each shows."""

import json
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor, nn

from chainrule.nets import encoder, gpt, transformers
from chainrule.system.errors import ParamsError
from chainrule.training import loop
from chainrule.training.course import Course
from chainrule.training.inputs import text
from chainrule.training.objectives import causal, masked_and_next, masked_language, sentence_order, skip_gram
from chainrule.training.objectives.shared import pieces, samples

SENTENCES = ["the cat sat. a dog ran! the bird sang", "unbelievable happenings happened yesterday", "one. two", "hm"]
COURSE: dict[str, Any] = {
    "epochs": 6,
    "batch_size": 16,
    "accumulation": 1,
    "optimizer": "adamw",
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "schedule": "constant",
    "warm_up": 0.0,
    "gradient_clip": 1.0,
    "precision": "fp32",
    "seed": 3,
}


def facts_of(texts: list[str], max_length: int = 32, vocabulary: int = 300) -> dict[str, Any]:
    return text.fit_facts([texts], {"vocabulary": vocabulary, "max_length": max_length})


def batch_of(texts: list[str], facts: dict[str, Any]) -> dict[str, Tensor]:
    return text.of_fields([texts], None, facts).take(torch.arange(len(texts)), None)


def small_encoder(facts: dict[str, Any]) -> nn.Module:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"layers": 1, "width": 16, "heads": 2, "feed_forward": 32, "dropout": 0.0}
    return encoder.build(facts["vocabulary"], facts["pad_id"], arch="bert", max_length=facts["max_length"], **sizes)


def small_gpt(facts: dict[str, Any]) -> nn.Module:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"layers": 1, "width": 16, "heads": 2, "dropout": 0.0}
    return gpt.build(facts["vocabulary"], facts["pad_id"], max_length=facts["max_length"], **sizes)


def train(objective: nn.Module, texts: list[str], facts: dict[str, Any], **changes: Any) -> list[Any]:
    inputs = text.of_fields([texts], None, facts)
    return loop.fit(objective, inputs, inputs, Course(**(COURSE | changes)))


def written(ids: Tensor, facts: dict[str, Any]) -> str:
    tokenizer = Tokenizer.from_str(facts["tokenizer"])
    return " ".join(tokenizer.id_to_token(token) for token in ids.tolist() if token != facts["pad_id"])


# pieces


def word_pieces() -> Tokenizer:
    vocabulary = {token: place for place, token in enumerate(["[UNK]", "un", "##believ", "##able", "cat", ".", "!?"])}
    return Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=270, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(["über cats. cats"] * 9, trainer)
    return tokenizer


def test_words_are_known_by_the_marks_of_word_pieces() -> None:
    tokenizer = word_pieces()
    found = pieces.of(tokenizer.to_str(), 7)
    assert found.begins == [True, True, False, False, True, True, True]
    assert [text for text, ends in zip(found.texts, found.ends, strict=True) if ends] == [".", "!?"]
    assert "".join(found.pieces([1, 2, 3, 4, 5])) == "unbelievable cat."


@pytest.mark.parametrize("said", ["über cats. cats", "cats über"])
def test_words_are_known_by_the_marks_of_byte_pairs(said: str) -> None:
    tokenizer = byte_level()
    found = pieces.of(tokenizer.to_str(), tokenizer.get_vocab_size())
    ids = tokenizer.encode(said).ids
    assert sum(found.begins[token] for token in ids) == len(said.split())
    assert "".join(found.pieces(tokenizer.encode("cats").ids)) == "cats"


def test_words_are_known_by_the_marks_of_the_tokenizer_trained_here() -> None:
    facts = facts_of(SENTENCES, vocabulary=60)
    ids = batch_of(["unbelievable happenings"], facts)["input_ids"][0]
    found = pieces.of(facts["tokenizer"], facts["vocabulary"])
    inner = [token for token in ids.tolist() if token not in facts["special_ids"]]
    assert len(inner) > 2
    assert sum(found.begins[token] for token in inner) == 2
    assert "".join(found.pieces(inner)) == "unbelievable happenings"


def test_a_tokenizer_says_what_it_puts_around_two_texts() -> None:
    facts = facts_of(SENTENCES)
    assert pieces.frame(facts["tokenizer"]) == ([2], [3], [3])
    tokenizer = word_pieces()
    tokenizer.add_special_tokens(["<s>", "</s>"])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 8), ("<s>", 7))
    assert pieces.frame(tokenizer.to_str()) == ([7], [8, 8], [8])


# whole words


def test_all_tokens_of_a_word_are_hidden_together() -> None:
    texts = [f"{one} {other} unbelievable" for one in ("happenings", "yesterday") for other in ("happened", "sat")] * 20
    facts = facts_of(texts, vocabulary=45)
    known = pieces.of(facts["tokenizer"], facts["vocabulary"])
    batch = batch_of(texts, facts)
    torch.manual_seed(1)
    for whole_word in (True, False):
        objective = masked_language.build(small_encoder(facts), facts, mask_ratio=0.3, whole_word=whole_word)
        result = objective(batch)
        hidden = torch.zeros(batch["input_ids"].numel(), dtype=torch.bool)
        hidden[result["places"][result["told"]]] = True
        cut = 0
        for row, marked in zip(batch["input_ids"].tolist(), hidden.view_as(batch["input_ids"]).tolist(), strict=True):
            words: list[list[bool]] = []
            for token, mark in zip(row, marked, strict=True):
                if token not in facts["special_ids"]:
                    words += [[]] if known.begins[token] else []
                    words[-1].append(mark)
            assert len(words) == 3 and max(map(len, words)) > 2
            cut += sum(any(word) and not all(word) for word in words)
        assert (cut == 0) == whole_word
        allowed = ~torch.isin(batch["input_ids"], torch.tensor(facts["special_ids"]))
        assert int(result["count"]) == pytest.approx(0.3 * int(allowed.sum()), rel=0.05)


def test_a_tokenizer_without_a_mask_is_refused() -> None:
    facts = facts_of(SENTENCES)
    with pytest.raises(ParamsError, match="no token that stands for a hidden one"):
        masked_language.build(
            small_encoder(facts), {**facts, "mask_id": facts["pad_id"]}, mask_ratio=0.3, whole_word=False
        )


# pairs of segments


def parted(
    texts: list[str], facts: dict[str, Any], fields: list[list[str]] | None = None, seed: int = 0
) -> list[tuple[str, str]]:
    objective = sentence_order.build(small_encoder(facts), facts, mask_ratio=0.2, whole_word=False)
    inputs = text.of_fields(fields or [texts], None, facts)
    batch = inputs.take(torch.arange(len(inputs)), None)
    torch.manual_seed(seed)
    found = objective.part(batch["input_ids"], batch["attention_mask"])
    known = pieces.of(facts["tokenizer"], facts["vocabulary"])
    segments = []
    for row, first, second in zip(found.ids.tolist(), found.first.tolist(), found.second.tolist(), strict=True):
        one, other = row[:first], row[first : first + second]
        segments.append(("".join(known.pieces(one)), "".join(known.pieces(other))))
    return segments


def test_a_text_is_parted_where_a_sentence_ends() -> None:
    facts = facts_of(SENTENCES)
    seen = {parted(SENTENCES[:1], facts, seed=seed)[0] for seed in range(20)}
    assert seen == {("the cat sat.", "a dog ran! the bird sang"), ("the cat sat. a dog ran!", "the bird sang")}
    assert parted(["one. two", "one."], facts_of(SENTENCES))[0] == ("one.", "two")


def test_one_sentence_is_parted_between_words_near_its_middle() -> None:
    assert parted(SENTENCES[1:2], facts_of(SENTENCES)) == [("unbelievable happenings", "happened yesterday")]
    one, other = parted(SENTENCES[1:2], facts_of(SENTENCES, vocabulary=45))[0]  # words of several tokens
    assert f"{one} {other}" == SENTENCES[1]


def test_a_row_of_two_texts_is_parted_between_them() -> None:
    facts = facts_of(SENTENCES)
    pair = [["the cat sat. a dog"], ["ran! the bird sang. one"]]
    assert parted([], facts, pair) == [("the cat sat. a dog", "ran! the bird sang. one")]


def test_what_has_no_two_parts_counts_for_no_verdict() -> None:
    facts = facts_of(["hm", "hm", "a. b"], vocabulary=300)
    for module in (sentence_order, masked_and_next):
        objective = module.build(small_encoder(facts), facts, mask_ratio=0.2, whole_word=False)
        result = objective(batch_of(["hm", "a. b"], facts))
        assert result["known"].tolist() == [False, True]
        assert result["loss"].isfinite()
        alone = objective(batch_of(["hm"], facts))
        assert alone["loss"].isfinite() and not bool(alone["known"].any())


@pytest.mark.parametrize("module", [sentence_order, masked_and_next])
def test_two_segments_are_joined_as_the_tokenizer_joins_two_texts(module: Any) -> None:
    texts = [f"a{number} b. c{number} d{number}." for number in range(40)]
    facts = facts_of(texts, vocabulary=400)
    objective = module.build(small_encoder(facts), facts, mask_ratio=0.2, whole_word=False)
    torch.manual_seed(0)
    result = objective(batch_of(texts, facts))
    tokenizer = Tokenizer.from_str(facts["tokenizer"])
    answers = []
    for place, row in enumerate(result["input_ids"]):
        first, second = f"a{place} b.", f"c{place} d{place}."
        others = [second]
        if module is masked_and_next:
            others.append(f"c{(place - 1) % 40} d{(place - 1) % 40}.")
            wanted = [tokenizer.encode(first, other).ids for other in others]
        else:
            wanted = [tokenizer.encode(*pair).ids for pair in ((first, second), (second, first))]
        answers.append(wanted.index([token for token in row.tolist() if token != facts["pad_id"]]) == 0)
    assert answers == result["answer"].tolist()
    assert 8 < sum(answers) < 32  # about half


def test_segments_that_are_too_long_together_are_cut_the_longer_first() -> None:
    long, short = " ".join(f"w{number}" for number in range(40)), "a b."
    texts = [f"{short} {long}", long]
    facts = facts_of(texts, max_length=24, vocabulary=400)
    objective = masked_and_next.build(small_encoder(facts), facts, mask_ratio=0.2, whole_word=False)
    whole = batch_of([short], facts)["input_ids"][0, 1:4].tolist()
    seen = set()
    for seed in range(8):
        torch.manual_seed(seed)
        result = objective(batch_of(texts, facts))
        assert result["input_ids"].shape == (2, 24)
        for row in result["input_ids"].tolist():
            first, second = row[1 : row.index(3)], row[row.index(3) + 1 :]
            second = second[: second.index(3)]
            seen.add((first[:3] == whole, second[:3] == whole, len(first), len(second)))
            assert row.count(3) == 2
    # A short one stays whole beside a long one; of two that are too long each has half of the room for 21.
    assert seen == {(True, False, 3, 18), (True, False, 3, 11), (False, False, 11, 10)}


def test_the_order_of_sentences_is_learnt() -> None:
    texts = [f"first {number % 7}. then {number % 5}" for number in range(64)]
    facts = facts_of(texts, max_length=16)
    objective = sentence_order.build(small_encoder(facts), facts, mask_ratio=0.15, whole_word=False)
    train(objective, texts, facts, epochs=20)
    torch.manual_seed(5)
    with torch.no_grad():
        result = objective(batch_of(texts, facts))
    assert ((result["score"] > 0) == result["answer"]).float().mean() > 0.9


# causal


def test_a_net_that_sees_what_follows_cannot_be_asked_what_follows() -> None:
    facts = facts_of(SENTENCES)
    with pytest.raises(ParamsError, match="causal: this net sees the tokens that it would have to tell; take"):
        causal.build(small_encoder(facts), facts)


@pytest.mark.parametrize("module", [masked_language, masked_and_next, sentence_order])
def test_a_net_that_sees_nothing_behind_a_token_is_not_asked_for_a_hidden_one(module: Any) -> None:
    facts = facts_of(SENTENCES)
    name = module.__name__.rpartition(".")[2]
    with pytest.raises(ParamsError, match=f"{name}: this net sees nothing behind a hidden token; take causal"):
        module.build(small_gpt(facts), facts, mask_ratio=0.2, whole_word=False)


def test_a_base_that_is_a_decoder_learns_what_follows() -> None:
    texts = ["alpha beta gamma delta epsilon"] * 32
    facts = facts_of(texts, max_length=12)
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 12, "vocab_size": facts["vocabulary"]}
    torch.manual_seed(0)
    net = transformers.build(facts["vocabulary"], facts["pad_id"], dropout=0.0, config={"model_type": "gpt2", **sizes})
    history = train(causal.build(net, facts), texts, facts)
    assert history[-1]["validation_loss"] < 0.7 * history[0]["validation_loss"]
    with pytest.raises(ParamsError, match="masked_language: this net sees nothing behind"):
        masked_language.build(net, facts, mask_ratio=0.2, whole_word=False)


def test_the_loss_is_of_each_token_but_the_first_given_those_before_it() -> None:
    facts = facts_of(SENTENCES)
    net = small_gpt(facts)
    batch = batch_of(SENTENCES, facts)
    result = causal.build(net, facts)(batch)
    each = []
    for row, real in zip(batch["input_ids"], batch["attention_mask"].bool(), strict=True):
        ids = row[real]
        for place in range(1, len(ids)):  # one prefix at a time: nothing behind it can be seen
            state = net(ids[None, :place], torch.ones(1, place, dtype=torch.int64))[0, -1]
            each.append(-(net.embeddings @ state).log_softmax(dim=0)[ids[place]])
    assert int(result["count"]) == len(each)
    torch.testing.assert_close(result["loss"], torch.stack(each).mean(), rtol=1e-4, atol=1e-4)


def test_what_was_learnt_by_heart_is_said_again() -> None:
    texts = ["alpha beta gamma delta epsilon"] * 32
    facts = facts_of(texts, max_length=12)
    objective = causal.build(small_gpt(facts), facts)
    train(objective, texts, facts, epochs=20)
    ids = batch_of(texts[:1], facts)["input_ids"]
    real = ids[:, : int(ids.ne(facts["pad_id"]).sum())]
    prompt = real[:, :2]
    said = samples.generate(objective.logits, prompt, real.shape[1] - 2, 12, 0.0, torch.Generator())
    assert torch.equal(said, real)
    beyond = samples.generate(objective.logits, prompt, 30, 12, 0.0, torch.Generator())  # more than it sees
    assert beyond.shape == (1, 32)


def test_drawn_samples_are_of_the_seed() -> None:
    facts = facts_of(SENTENCES)
    objective = causal.build(small_gpt(facts), facts)
    prompt = torch.tensor([[2, 9]])
    one, same, other = (
        samples.generate(objective.logits, prompt, 20, 32, 1.0, torch.Generator().manual_seed(seed)).tolist()
        for seed in (1, 1, 2)
    )
    assert one == same != other


# skip_gram

ANIMALS, TOOLS = ("cat", "dog", "bird", "fish"), ("saw", "drill", "nail", "file")


def topics() -> list[str]:
    generator = torch.Generator().manual_seed(0)
    draws = torch.randint(4, (200, 6), generator=generator).tolist()
    return [" ".join((ANIMALS, TOOLS)[place % 2][each] for each in row) for place, row in enumerate(draws)]


def counted(texts: list[str], **options: Any) -> int:
    facts = facts_of(texts)
    settings: dict[str, Any] = {"window": 2, "negatives": 5, "subsample": 1.0}
    objective = skip_gram.build(small_encoder(facts), facts, **(settings | options))
    objective.look(text.of_fields([texts], None, facts))
    return int(objective(batch_of(texts, facts))["count"])


def test_neighbours_are_those_within_the_window() -> None:
    assert counted(["cat dog bird fish saw", "cat"], window=1) == 2 * 4
    assert 2 * 4 <= counted(["cat dog bird fish saw"], window=4) <= 5 * 4


def test_frequent_tokens_are_left_out_now_and_then() -> None:
    texts = topics()
    # Eight words of an eighth each: at a share of 1/32 half of them stay, and as pairs a quarter.
    assert counted(texts, window=1, subsample=1 / 32) < 0.7 * counted(texts, window=1)


def test_words_with_the_same_neighbours_come_close_and_nothing_else_of_the_net_learns() -> None:
    texts = topics()
    facts = facts_of(texts)
    net = small_encoder(facts)
    before = {name: weight.clone() for name, weight in net.state_dict().items()}
    objective = skip_gram.build(net, facts, window=3, negatives=5, subsample=1.0)
    objective.look(text.of_fields([texts], None, facts))
    train(objective, texts, facts, epochs=20)
    changed = [name for name, weight in net.state_dict().items() if not torch.equal(weight, before[name])]
    assert changed == ["encoder.embeddings.word_embeddings.weight"]
    ids = [Tokenizer.from_str(facts["tokenizer"]).token_to_id(f"▁{word}") for word in (*ANIMALS, *TOOLS)]
    vectors = nn.functional.normalize(net.embeddings[torch.tensor(ids)], dim=1)
    likeness = vectors @ vectors.T
    assert min(likeness[:4, :4].min(), likeness[4:, 4:].min()) > likeness[:4, 4:].max() + 0.3


@pytest.mark.parametrize(("sentence", "shown"), [("猫 狗 鸟 鱼", {"猫", "狗", "鸟", "鱼"}), ("a b of it", set())])
def test_ideographs_are_words_that_are_shown_and_none_is_no_fault(sentence: str, shown: set[str]) -> None:
    texts = [sentence] * 9
    facts = facts_of(texts)
    objective = skip_gram.build(small_encoder(facts), facts, window=2, negatives=2, subsample=1.0)
    objective.look(text.of_fields([texts], None, facts))
    found = skip_gram.show(objective, None, facts, loss=1.0, seed=0)
    assert {str(row[0]) for row in found.sections[0].rows} == shown


# what they show


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (masked_language, {"mask_ratio": 0.3, "whole_word": True}),
        (masked_and_next, {"mask_ratio": 0.3, "whole_word": False}),
        (sentence_order, {"mask_ratio": 0.3, "whole_word": False}),
        (skip_gram, {"window": 2, "negatives": 2, "subsample": 0.1}),
        (causal, {}),
    ],
    ids=lambda each: getattr(each, "__name__", "").rpartition(".")[2],
)
def test_an_objective_shows_the_same_of_the_same_rows(module: Any, options: dict[str, Any]) -> None:
    facts = facts_of(SENTENCES)
    net = small_gpt(facts) if module is causal else small_encoder(facts)
    objective = module.build(net, facts, **options).eval()
    inputs = text.of_fields([[*SENTENCES, SENTENCES[0]]], None, facts)
    if hasattr(objective, "look"):
        objective.look(inputs)
    one, again = (module.show(objective, inputs, facts, loss=1.5, seed=4) for _ in range(2))
    assert one == again
    assert one.sections
    json.dumps([one.numbers, *one.sections])  # plain data
