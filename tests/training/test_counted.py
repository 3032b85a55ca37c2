"""Naive Bayes beside a net for texts: the same as scikit-learn's, whatever shares its batch, and mixed only to gain."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.evaluation.explanation.divided import Parts
from chainrule.evaluation.explanation.paths.text import ends
from chainrule.nets import bag, text_cnn
from chainrule.tasks.text_classification import model as task
from chainrule.training import counted, prediction
from chainrule.training.inputs.text import Inputs

VOCABULARY = 30
FACTS: dict[str, Any] = {
    "vocabulary": VOCABULARY,
    "pad_id": 0,
    "unknown_id": 1,
    "special_ids": [0, 1, 2, 3],
    "max_length": 64,
}
CLASSES = {"classes": ["bad", "good", "so so"]}


def rows(count: int, seed: int) -> Inputs:
    """Return texts between the marks 2 and 3, in each class of which other tokens are frequent."""
    drawn = np.random.default_rng(seed)
    labels = torch.arange(count) % 3
    texts = [
        [2, *(4 + (drawn.integers(0, 12, drawn.integers(1, 20)) + 7 * label) % 26).tolist(), 3]
        for label in labels.tolist()
    ]
    return Inputs(texts, labels, FACTS)


def said(found: counted.NaiveBayes, inputs: Inputs) -> np.ndarray:
    batch = inputs.take(torch.arange(len(inputs)), None)
    with torch.no_grad():
        return found(batch["input_ids"], batch["attention_mask"]).numpy()


def grams(text: list[int], known: set[tuple[int, int]]) -> list[str]:
    pairs = [pair for pair in itertools.pairwise(text) if pair in known]
    return [str(token) for token in text if token > 3] + ["+".join(map(str, pair)) for pair in pairs]


def test_it_says_what_scikit_learn_says_of_the_same_tokens_and_pairs() -> None:
    """Of texts that have no token or pair twice, for these count once in training and as often as they are later."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB

    inputs = rows(300, 0)
    texts = [ids.tolist() for ids in torch.split(inputs.flat, inputs.lengths.tolist())]
    assert inputs.target is not None
    found = counted.of_rows(inputs, VOCABULARY, FACTS["special_ids"], 3)
    having = [set(itertools.pairwise(text)) for text in texts]
    known = {pair for pairs in having for pair in pairs if sum(pair in each for each in having) > 1}
    vectors = CountVectorizer(analyzer=lambda text: sorted(set(grams(text, known))))
    theirs = MultinomialNB(alpha=1.0, fit_prior=False).fit(vectors.fit_transform(texts), inputs.target.numpy())
    asked = [[2, 4, 9, 30 - 1, 3], [2, 12, 5, 3], [2, 3]]
    expected = theirs.predict_log_proba(vectors.transform(asked))
    ours = said(found, Inputs(asked, torch.zeros(3, dtype=torch.int64), FACTS))
    # Of so few pairs none has the place of another.
    assert len(found.keys) == len(known)
    np.testing.assert_allclose(torch.tensor(ours).log_softmax(1).numpy(), expected, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 50), places=st.integers(1, 40))
def test_a_pair_that_was_not_counted_says_nothing_even_in_a_small_table(seed: int, places: int) -> None:
    found = counted.NaiveBayes(VOCABULARY, 1, places, 2)
    found.ratios[VOCABULARY:] = 1.0
    found.keys[0] = 5 * VOCABULARY + 6
    ids = torch.from_numpy(np.random.default_rng(seed).integers(0, VOCABULARY, (1, 20)))
    times = sum(pair == (5, 6) for pair in itertools.pairwise(ids[0].tolist()))
    assert found(torch.tensor([[5, 6]]), torch.ones(1, 2, dtype=torch.int64)).tolist() == [[1.0, 1.0]]
    assert found(ids, torch.ones_like(ids)).tolist() == [[times, times]]


def test_of_pairs_with_one_place_in_the_table_one_is_kept_and_the_other_says_nothing() -> None:
    inputs = rows(3000, 6)
    found = counted.of_rows(inputs, VOCABULARY, FACTS["special_ids"], 3)
    first, second = found.keys // VOCABULARY, found.keys % VOCABULARY
    where = counted.hashed(first, second, len(found.found_at))
    assert len(where.unique()) == len(where)
    assert (found.found_at[where] == torch.arange(len(found.keys))).all()
    assert len(found.found_at) >= 8 * len(found.keys)


def test_texts_without_a_word_and_rows_without_a_pair_are_no_fault() -> None:
    found = counted.of_rows(Inputs([[2, 3], [2], []], torch.tensor([0, 1, 1]), FACTS), VOCABULARY, [0, 1, 2, 3], 2)
    assert said(found, Inputs([[2, 5, 3], [2]], torch.tensor([0, 1]), FACTS)).tolist() == [[0, 0], [0, 0]]


def test_padding_company_and_windows_change_nothing() -> None:
    inputs = rows(90, 1)
    found = counted.of_rows(inputs, VOCABULARY, FACTS["special_ids"], 3)
    together = said(found, inputs)
    for place in (0, 17, 89):
        batch = inputs.take(torch.tensor([place]), None)
        alone = found(batch["input_ids"], batch["attention_mask"]).detach()
        np.testing.assert_allclose(alone[0], together[place], atol=1e-5)
    batch = inputs.take(torch.tensor([3, 4]), None)
    ids, mask = batch["input_ids"], batch["attention_mask"]
    both = found(ids.unsqueeze(0), mask.unsqueeze(0)).detach()
    np.testing.assert_allclose(both[0], together[3] + together[4], atol=1e-5)


def test_how_often_a_row_says_it_does_not_count_and_special_tokens_say_nothing() -> None:
    labels = torch.tensor([0, 1])
    once, often = (
        counted.of_rows(Inputs([[2, *[5] * times, 3], [2, 6, 3]], labels, FACTS), VOCABULARY, [0, 1, 2, 3], 2)
        for times in (1, 9)
    )
    torch.testing.assert_close(once.ratios[:VOCABULARY], often.ratios[:VOCABULARY])
    assert once.ratios[5, 0] > 0 > once.ratios[5, 1]
    assert (once.ratios[[0, 1, 2, 3, 7]] == 0).all()
    torch.testing.assert_close(once.ratios.sum(dim=1), torch.zeros(len(once.ratios)))


def test_beside_a_model_it_answers_better_and_is_there_again_when_the_model_is_built_anew() -> None:
    torch.manual_seed(0)
    training, validation = rows(600, 2), rows(300, 3)
    model = task.build(bag.build(VOCABULARY, 0, width=8, buckets=64, dropout=0.0), FACTS, CLASSES).eval()
    assert validation.target is not None
    right = validation.target.numpy()

    def accuracy() -> float:
        return float((prediction.predict(model, validation, 64)["logits"].argmax(axis=1) == right).mean())

    before = accuracy()
    logits = prediction.predict(model, validation, 64)["logits"]
    known, found = counted.beside(model, training, validation, logits, FACTS, CLASSES)
    assert accuracy() > before + 0.3
    assert found["naive_bayes"] > 0
    again = task.build(bag.build(VOCABULARY, 0, width=8, buckets=64, dropout=0.0), FACTS, known)
    again.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(
        prediction.predict(again, validation, 64)["logits"], prediction.predict(model, validation, 64)["logits"]
    )
    assert not any(name.startswith("counted") for name, _ in model.named_parameters())  # and so nothing learns them


def test_counts_that_tell_nothing_weigh_nothing() -> None:
    training, validation = rows(300, 4), rows(300, 5)
    model = task.build(bag.build(VOCABULARY, 0, width=8, buckets=64, dropout=0.0), FACTS, CLASSES).eval()
    assert training.target is not None
    assert validation.target is not None
    training.target = training.target[torch.randperm(300, generator=torch.Generator().manual_seed(0))]
    sure = np.eye(3, dtype=np.float32)[validation.target.numpy()] * 4
    sure[:60] = sure[:60, [1, 2, 0]]
    _, found = counted.beside(model, training, validation, sure, FACTS, CLASSES)
    assert found["naive_bayes"] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("windows", [False, True])
def test_the_way_of_an_explanation_leads_from_a_text_of_unknown_words_to_the_text(windows: bool) -> None:
    torch.manual_seed(1)
    training, validation = rows(300, 2), rows(60, 3)
    model = task.build(
        text_cnn.build(VOCABULARY, 0, embedding=8, filters=4, widths=[3], dropout=0.0), FACTS, CLASSES
    ).eval()
    counted.beside(model, training, validation, np.zeros((60, 3), np.float32), FACTS, CLASSES)
    batch = validation.take(torch.tensor([1, 2] if windows else [1]), None)
    ids, mask = (batch[name].numpy() for name in ("input_ids", "attention_mask"))
    inner = (ids > 3) & (mask == 1)
    told = {"input_ids": ids, "attention_mask": mask}
    blank = told | {"input_ids": np.where(inner, FACTS["unknown_id"], ids)}
    if windows:
        told, blank = ({name: array[None] for name, array in each.items()} for each in (told, blank))
    parts = Parts([], np.zeros(0, np.int64), lambda _: {}, blank, "")
    run, start, end = ends(model, told, parts)
    for place, inputs in ((start, blank), (end, told)):
        there = run(place[None])["logits"].detach()
        expected = model(**{name: torch.from_numpy(array) for name, array in inputs.items()})["logits"].detach()
        torch.testing.assert_close(there, expected)
    assert not torch.allclose(start, end)
