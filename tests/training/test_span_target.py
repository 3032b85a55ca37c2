"""What spans cost in training: all tags of a text together, and none that cannot stand where they do."""

from itertools import product

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor, nn

from chainrule.fields import tags
from chainrule.fields import windows as fold
from chainrule.fields.windows import COLUMNS, SHAPES
from chainrule.tasks.token_classification import model as task
from chainrule.training.targets import spans

TARGET = {"classes": ["LOC", "PER"]}
COUNT = 5


def placed(words: int, windows: int = 1, length: int = 8) -> Tensor:
    """Return offsets [1, W, L, 3] of words of a letter each, filled up; windows share half of their words."""
    found = torch.zeros(1, windows, length, 3, dtype=torch.int64)
    for window in range(windows):
        for step in range(min(length, words - window * length // 2)):
            at = window * length // 2 + step
            found[0, window, step] = torch.tensor([at, at + 1, 1])
    return found


def follow() -> Tensor:
    """Return transitions as a model gives them."""
    layer = spans.Transitions(COUNT)
    nn.init.normal_(layer.weight, std=0.1, generator=torch.Generator().manual_seed(1))
    return layer(torch.ones(())).detach()[None]


def test_the_loss_is_the_likelihood_of_the_true_tags_among_all_that_there_may_be() -> None:
    logits = torch.randn(1, 1, 8, COUNT, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([[[1, 0, 2], [0, 3, 4]]])
    outputs = {"logits": logits, "offsets": placed(4), "transitions": follow()}
    counted = outputs["transitions"][0]

    def total(path: tuple[int, ...]) -> float:
        return sum(float(logits[0, 0, at, tag] + counted[(COUNT, *path)[at], tag]) for at, tag in enumerate(path))

    every = [total(path) for path in product(range(COUNT), repeat=4)]
    true = total((3, 4, 0, 1))
    cost = float(np.logaddexp.reduce(every) - true) / 4
    assert float(spans.loss(TARGET, target, smoothing=0.0, name="tags")(outputs, target)) == pytest.approx(
        cost, rel=1e-5
    )


def test_what_fills_up_and_texts_without_a_word_cost_nothing() -> None:
    logits = torch.randn(1, 1, 8, COUNT, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([[[1, 0, 2]]])
    loss = spans.loss(TARGET, target, smoothing=0.1, name="tags")
    alone = loss({"logits": logits[:, :, :4], "offsets": placed(4)[:, :, :4], "transitions": follow()}, target)
    both = {"logits": logits.repeat(2, 1, 1, 1), "offsets": torch.cat([placed(4), placed(0)])}
    found = loss({**both, "transitions": follow().repeat(2, 1, 1)}, torch.cat([target, torch.full((1, 1, 3), -1)]))
    assert float(found) == pytest.approx(float(alone), rel=1e-5)
    assert float(loss({"logits": logits, "offsets": placed(0), "transitions": follow()}, target)) == 0


def test_a_window_that_goes_on_inside_of_a_span_costs_no_more_than_it_must() -> None:
    target = torch.tensor([[[1, 2, 8]]])  # the second window begins with I-
    loss = spans.loss(TARGET, target, smoothing=0.0, name="tags")
    offsets = placed(8, windows=2)
    true = spans.tags_of(offsets, target)
    assert true[0, 1, 0] == 4
    logits = nn.functional.one_hot(true.clamp(min=0), COUNT) * 20.0
    assert 0 <= float(loss({"logits": logits, "offsets": offsets, "transitions": follow()}, target)) < 0.01


class Net(nn.Module):
    """A net that knows of each token itself alone."""

    out_features = 6

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(9, 6)

    @property
    def embeddings(self) -> Tensor:
        return self.tokens.weight

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        found: Tensor = self.tokens(input_ids)
        return found


def written(*shapes: str) -> dict[str, Tensor]:
    """Return the inputs of one text of tokens that are alike but for how they are written."""
    count = len(shapes)
    places = torch.zeros(1, 1, count, COLUMNS, dtype=torch.int64)
    for at, shape in enumerate(shapes):
        places[0, 0, at] = torch.tensor([at, at + 1, 1, SHAPES.index(shape)])
    ids = torch.full((1, 1, count), 3)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "places": places}


def test_a_net_sees_how_a_token_is_written_from_the_first_step_on() -> None:
    torch.manual_seed(0)
    net = Net()
    names, given = list(net.state_dict()), net.tokens.weight
    model = task.build(net, {}, TARGET)
    assert list(net.state_dict()) == names and net.embeddings is given  # bases and strategies find them
    inputs = written("lower", "capital")
    seen: list[Tensor] = []
    net.register_forward_hook(lambda module, inputs, states: seen.append(states.detach()))
    model(**inputs)
    assert torch.equal(seen[0], given[inputs["input_ids"][0]])  # nothing is added as yet
    model(**inputs)["logits"].square().sum().backward()
    assert (model.cased.weight.grad[SHAPES.index("capital")] != 0).all()
    nn.init.normal_(model.cased.weight)
    model(**inputs)
    assert not torch.equal(seen[-1][0, 0], seen[-1][0, 1])


def test_a_tokenizer_without_upper_case_does_not_keep_a_name_from_being_told_by_its_capital() -> None:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "apple": 1, "ate": 2, "sold": 3}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    rules = {"max_length": 8, "windows": {"overlap": 2, "most": 2}}

    def read(text: str) -> dict[str, Tensor]:
        found = fold.arrays(next(fold.fold(tokenizer, [text], rules)), 0)
        return {name: torch.from_numpy(found[name]) for name in task.Tagger.inputs}

    texts = ("apple sold Apple", "Apple sold apple", "ate apple", "Apple ate")
    assert torch.equal(read(texts[0])["input_ids"], read(texts[1])["input_ids"])
    targets = [torch.tensor([[[0, at, at + 5]]]) for at in (11, 0, -9, 0)]
    targets[2][0, 0, 0] = -1
    torch.manual_seed(0)
    model = task.build(Net(), {}, TARGET)
    objective = task.objective(model, TARGET, targets[0], label_smoothing=0.0, loss={"name": "tags"})
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(40):
        optimizer.zero_grad()
        for text, target in zip(texts, targets, strict=True):
            objective({**read(text), "target": target})["loss"].backward()
        optimizer.step()

    def said(text: str) -> list[str]:
        outputs = {name: tensor.detach().numpy() for name, tensor in model.eval()(**read(text)).items()}
        return [text[span.start : span.end] for span in tags.spans(tags.rows(outputs)[0])]

    assert [said(text) for text in ("Apple sold apple", "apple sold Apple", "apple ate apple")] == [
        ["Apple"],
        ["Apple"],
        [],
    ]
