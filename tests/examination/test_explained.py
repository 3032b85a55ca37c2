"""The part of the page `trust` that explains rows: right and wrong ones, in every kind of input."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import training_project
from chainrule.evaluation import parts
from chainrule.examination import explained
from chainrule.examination.looked import Looked
from chainrule.examination.weighing import TITLES
from chainrule.nets import mlp
from chainrule.recipes.evaluate import Evaluate
from chainrule.system import plugins
from chainrule.training import prediction, rows

CLASSES = {"classes": ["down", "up"]}


class Corner(nn.Module):
    """Looks at the four pixels at the top left alone."""

    out_features = 4

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, 0, :2, :2].flatten(1)


class Words(nn.Module):
    """Gives each token its own features."""

    out_features = 4

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, 4)

    @property
    def embeddings(self) -> torch.Tensor:
        return self.tokens.weight

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.tokens(input_ids))


def looked(modality: str, held_out: pd.DataFrame, net: Any, facts: Any, **settings: Any) -> Looked:
    card = {"task": f"{modality}_classification", "modality": modality, "target": "label", "target_facts": CLASSES}
    torch.manual_seed(0)
    model = plugins.load(f"tasks.{card['task']}", "model").build(net, facts, CLASSES).eval()
    inputs = rows.to_inputs(held_out, card, facts, CLASSES)
    task = {name: plugins.load(f"tasks.{card['task']}", name) for name in ("metrics", "figures")}
    return Looked(
        recipe="known", model=model, card=card, facts=facts, train=held_out, rows=held_out, inputs=inputs,
        outputs=prediction.predict(model, inputs, 8), target=rows.encoded_target(held_out, card, CLASSES), history=[],
        measure=task["metrics"].measure, figures=task["figures"],
        settings=Evaluate().examine.model_copy(update={"explain_runs": 64, **settings}),
        asked=None, seed=1, say=said.append,
    )  # fmt: skip


said: list[str] = []


def images() -> Looked:
    return looked("image", training_project.images(12), Corner(), {"mean": [0.5], "std": [0.25]})


def texts() -> Looked:
    held_out = training_project.texts(12)
    inputs = plugins.load("training.inputs", "text")
    tokenizer = {"kind": "byte_pairs", "vocabulary": 60, "max_length": 16}
    facts = inputs.fit_facts([held_out["text"].tolist()], tokenizer)
    torch.manual_seed(3)
    return looked("text", held_out, Words(facts["vocabulary"]), facts)


def test_a_net_that_looks_at_one_corner_is_said_to_by_every_method():
    found = explained.part(images())
    assert found is not None
    for row in found.numbers["rows"]:
        for name, weights in row["weights"].items():
            corner, *others = np.abs(weights)  # of 4 × 4 tiles
            assert corner > 100 * max(others), name
    assert found.body.count("<svg") == len(TITLES) * len(found.numbers["rows"])
    assert found.body.count('aria-label="Strongest: top left') == found.body.count("<svg")


def test_right_and_wrong_rows_are_explained_and_said_to_be():
    seen = images()
    found = explained.part(seen)
    wrong = int((seen.outputs["logits"].argmax(axis=1) != seen.target).sum())
    assert 0 < wrong < len(seen.rows)
    assert sorted(row["right"] for row in found.numbers["rows"]) == [False, False, True, True]
    assert "(wrong; it is" in found.body
    assert "(right; it is" in found.body


def test_words_have_signs_and_what_was_learnt_is_gone_when_weights_are_shuffled():
    found = explained.part(texts())
    assert "<sup>+</sup>" in found.body or "<sup>−</sup>" in found.body
    checks = found.numbers["checks"]
    assert list(checks) == list(TITLES)
    assert max(checks["integrated_gradients"]["deviation"]) <= 0.01
    assert max(checks["shap"]["deviation"]) < 1e-5
    assert all(abs(each["correlation"]) < 0.9 for each in checks.values())


def test_what_it_took_is_said_and_stands_in_no_numbers():
    said.clear()
    found = explained.part(texts())
    assert said[0].startswith("explained 4 rows, of each: Integrated gradients ")
    assert " ms" not in str(found.numbers) + found.body
    assert found == explained.part(texts())


def test_a_map_that_does_not_depend_on_the_weights_is_doubted(monkeypatch):
    monkeypatch.setattr(explained, "shuffled", lambda model, seed: model)
    found = explained.part(images())
    assert found.numbers["checks"]["shap"]["correlation"] == 1
    assert "the maps hardly depend on what the model has learnt" in found.body


def test_no_rows_are_explained_where_none_are_asked_for():
    assert explained.part(images()._replace(settings=Evaluate().examine.model_copy(update={"explained": 0}))) is None


def test_rows_of_a_table_name_their_columns_and_cells():
    facts = {
        "number": ["x"], "date": [], "parts": {}, "category": ["c"], "places": {"c": {"p": 1, "q": 2}},
        "absent": {"c": 3}, "text": [], "words": {"most": 1, "buckets": 1}, "fill": [0.0], "mean": [0.0],
        "std": [1.0], "gaps": [False],
    }  # fmt: skip
    cells = [f'{{"x": {x}, "c": "{c}"}}' for x, c in zip((1.5, -2.0, 3.0, -0.5), "pqqp", strict=True)]
    held_out = pd.DataFrame({"id": list("abcd"), "row": cells, "label": ["up", "down", "up", "down"]})
    net = mlp.build([[-1, 1]], 0, [4], 0, 1, embedding=None, layers=0, width=1, dropout=0.0)
    found = explained.part(looked("table", held_out, net, facts))
    assert "x = 1.5" in found.body or "x = 3" in found.body
    for row in found.numbers["rows"]:
        numbers = np.array(list(row["weights"].values()))
        np.testing.assert_allclose(numbers, np.broadcast_to(numbers[0], numbers.shape), rtol=0.02, atol=1e-3)


def test_a_row_of_which_nothing_can_be_hidden_is_a_line_on_the_page():
    none = images()
    page = parts.made(none._replace(rows=none.rows[:0], outputs={"logits": np.zeros((0, 2))}, target=none.target[:0]),
                      [("explanations", explained.part)], pytest.fail)  # fmt: skip
    assert "Not shown: no row" in page["explanations"].body
