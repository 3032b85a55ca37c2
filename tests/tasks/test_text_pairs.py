"""Pairs of texts: what the model compares, and that a server gives it what training saw."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from chainrule.evaluation.floors import text as text_floors
from chainrule.exporting import graph
from chainrule.nets import encoder
from chainrule.serving import offline
from chainrule.serving.limits import Limits
from chainrule.tasks.text_pair_classification import floors, service
from chainrule.tasks.text_pair_classification import model as task
from chainrule.training.inputs import text as inputs

FIRST = ["a man walks", "no dog runs", "a man walks"]
SECOND = ["no man walks slowly", "a dog runs", "a man walks"]
RULES = {"lowercase": False, "strip_html": False, "min_characters": 1, "max_characters": 200}


@pytest.fixture(scope="module")
def facts() -> dict[str, object]:
    return inputs.fit_facts([FIRST * 5, SECOND * 5], {"vocabulary": 200, "max_length": 24})


@pytest.fixture(scope="module")
def model(facts) -> task.Pair:
    torch.manual_seed(0)
    sizes = {"layers": 1, "width": 32, "heads": 2, "feed_forward": 64, "max_length": 24}
    net = encoder.build(facts["vocabulary"], facts["pad_id"], arch="bert", dropout=0.0, **sizes)
    return task.build(net, facts, {"classes": ["a", "b", "c"]}).eval()


def batch(facts, rows: list[int]) -> dict[str, torch.Tensor]:
    tokens, cut = inputs.encode([[FIRST[row] for row in rows], [SECOND[row] for row in rows]], facts)
    assert cut == 0
    return inputs.Inputs(tokens, None, facts).take(torch.arange(len(rows)), None)


def test_the_sides_are_the_words_of_each_text(model, facts) -> None:
    given = batch(facts, [0, 1])
    tokens = Tokenizer.from_str(facts["tokenizer"])
    for side, texts in zip(model.sides(**given_as(given)), (FIRST, SECOND), strict=True):
        for row in range(2):
            words = [tokens.id_to_token(one) for one in given["input_ids"][row][side[row]].tolist()]
            assert "".join(words).replace("▁", " ").strip() == texts[row]


def given_as(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {"ids": batch["input_ids"], "mask": batch["attention_mask"]}


def test_what_only_one_side_says_is_given_to_the_head(model, facts) -> None:
    seen: list[torch.Tensor] = []
    handle = model.compare.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        model(**batch(facts, [0, 2]))
    handle.remove()
    width = model.net.out_features
    alone, share = seen[0][:, width : 2 * width], seen[0][:, 2 * width]
    # Of "a man walks" only the "a" is not in "no man walks slowly"; two texts that are the same leave nothing.
    assert share.tolist() == pytest.approx([1 / 3, 0])
    assert alone[0].abs().sum() > 0 and alone[1].abs().sum() == 0


def test_an_answer_does_not_depend_on_padding_and_the_graph_gives_it_too(model, facts) -> None:
    with torch.no_grad():
        together = model(**batch(facts, [0, 1, 2]))["logits"]
        single = torch.cat([model(**batch(facts, [row]))["logits"] for row in range(3)])
    assert torch.allclose(together, single, atol=1e-5)
    traced = graph.to_onnx(model, task.example(facts, 2, torch.Generator().manual_seed(0)), task.dynamic_shapes(facts))
    session = offline.session(traced.SerializeToString(), "the graph", 1)
    given = {name: tensor.numpy() for name, tensor in batch(facts, [0, 1, 2]).items()}
    assert np.allclose(session.run(None, given)[0], together.numpy(), atol=1e-5)


def test_a_server_gives_the_graph_what_training_saw(facts) -> None:
    signature = {
        "inputs": [{"name": "input_ids"}, {"name": "attention_mask"}],
        "preprocessing": {name: {"normalise": RULES} for name in ("first", "second")},
    }
    tokens = Tokenizer.from_str(facts["tokenizer"])
    for row in range(3):
        parts = {"second": SECOND[row], "first": f"  {FIRST[row]} "}
        prepared = service.prepare(parts, signature, tokens, Limits())
        seen = batch(facts, [row])
        length = int(seen["attention_mask"].sum())
        assert prepared["input_ids"].tolist() == seen["input_ids"][:, :length].tolist()
        assert prepared["attention_mask"].tolist() == [[1] * length]


def test_one_floor_knows_how_much_the_texts_share() -> None:
    random = np.random.default_rng(0)
    alphabet = [f"{one}{two}" for one in "bdfgk" for two in "aeiou"]
    first = [list(random.permutation(alphabet)[:5]) for _ in range(160)]
    target = np.arange(160) % 2
    second = [
        words[:4] if same else list(random.permutation(alphabet)[:4]) for words, same in zip(first, target, strict=True)
    ]
    texts = [[" ".join(words) for words in side] for side in (first, second)]
    train, test = [side[:120] for side in texts], [side[120:] for side in texts]
    found = floors.floors(text_floors, train, target[:120], test, {"classes": ["no", "yes"]}, seed=0)
    right = {name: (said["probabilities"].argmax(axis=1) == target[120:]).mean() for name, said in found.items()}
    assert list(right) == ["majority_class", "naive_bayes", "tfidf_logistic_regression", "overlap_logistic_regression"]
    assert right["overlap_logistic_regression"] > 0.9
    assert max(right, key=lambda name: right[name]) == "overlap_logistic_regression"
