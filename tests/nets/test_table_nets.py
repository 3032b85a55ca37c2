"""The nets for tables: what they are called with, what they give, and what each is made of."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from chainrule.exporting import graph
from chainrule.nets import mlp, tabm
from chainrule.nets.shared.columns import Pieces
from chainrule.serving import offline
from chainrule.tasks.table_classification import model as classification
from chainrule.tasks.table_regression import model as regression
from chainrule.training.inputs import table

FACTS: dict[str, Any] = {
    "number": ["a", "b"],
    "date": [],
    "parts": {},
    "category": ["c", "d"],
    "places": {"c": {"x": 1, "y": 2}, "d": {"false": 1, "true": 2}},
    "absent": {"c": 3, "d": 0},
    "text": ["t"],
    "words": {"most": 3, "buckets": 20},
    "fill": [1.0, -2.0],
    "mean": [0.5, -1.0],
    "std": [2.0, 0.5],
    "edges": [[-1.0, 0.0, 2.0], [-0.5, 0.5]],
    "gaps": [True, False],
}
BUILDERS: dict[str, Callable[..., Any]] = {
    "mlp": lambda embedding: mlp.build(
        **table.net_arguments(FACTS), embedding=embedding, layers=2, width=6, dropout=0.2
    ),
    "perceptron": lambda embedding: mlp.build(
        **table.net_arguments(FACTS), embedding=embedding, layers=0, width=6, dropout=0.0
    ),
    "tabm": lambda embedding: tabm.build(
        **table.net_arguments(FACTS), embedding=embedding, members=4, layers=2, width=5, dropout=0.2
    ),
}
CLASSES, NUMBER = {"classes": ["a", "b", "c"]}, {"mean": 3.0, "std": 2.0}


@pytest.fixture(params=[(name, embedding) for name in BUILDERS for embedding in (3, None)], ids=str)
def net(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    name, embedding = request.param
    return BUILDERS[name](embedding)


def inputs(rows: int = 7) -> dict[str, Tensor]:
    return classification.example(FACTS, rows, torch.Generator().manual_seed(1))


def test_every_weight_learns_from_every_kind_of_column(net: Any) -> None:
    model = classification.build(net, FACTS, CLASSES)
    loss = classification.objective(
        model, CLASSES, torch.zeros(1), label_smoothing=0.0, loss={"name": "cross_entropy", "class_weights": "none"}
    )
    batch = inputs(64) | {"target": torch.arange(64) % 3}
    loss(batch)["loss"].backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()] == []


def test_a_row_is_answered_by_itself_alone(net: Any) -> None:
    model = regression.build(net, FACTS, NUMBER).eval()
    batch = inputs()
    together = model(**batch)["value"]
    assert together.shape == (7,)
    for row in range(7):
        alone = model(**{name: tensor[row : row + 1] for name, tensor in batch.items()})["value"]
        torch.testing.assert_close(alone[0], together[row], rtol=1e-5, atol=1e-5)


def test_a_gap_is_the_fill_and_is_told(net: Any) -> None:
    model = regression.build(net, FACTS, NUMBER).eval()
    gap = inputs(2) | {"numbers": torch.tensor([[1.0, torch.nan], [torch.nan, 3.0]])}
    filled = gap | {"numbers": torch.tensor([[1.0, -2.0], [1.0, 3.0]])}
    first, second = (model(**gap)["value"] - model(**filled)["value"]).tolist()
    assert first == 0  # training rows have no gap there: nothing could be learnt of one
    assert second != 0


@pytest.mark.parametrize("task", [classification, regression])
def test_exports_with_any_batch(net: Any, task: Any) -> None:
    model = task.build(net, FACTS, {**CLASSES, **NUMBER})
    exported = graph.to_onnx(model, inputs(2), task.dynamic_shapes(FACTS))
    session = offline.session(exported.SerializeToString(), "graph", 1)
    for rows in (1, 5):
        batch = inputs(rows)
        expected = {name: tensor.detach().numpy() for name, tensor in model.eval()(**batch).items()}
        found = session.run(None, {name: tensor.numpy() for name, tensor in batch.items()})
        for name, array in zip(expected, found, strict=True):
            np.testing.assert_allclose(array, expected[name], rtol=1e-4, atol=1e-5)


def test_derivatives_are_those_of_the_function(net: Any) -> None:
    model = regression.build(net.double(), FACTS, NUMBER).double()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    batch = inputs(3)
    batch["numbers"] = batch["numbers"].double()
    leaves = [weight.detach().clone().requires_grad_() for _, weight in model.named_parameters()]
    names = [name for name, _ in model.named_parameters()]

    def call(*weights: Tensor) -> Tensor:
        given = dict(zip(names, weights, strict=True))
        features = torch.func.functional_call(model.net, _below("net", given), _as_the_net_takes(model, batch))
        return torch.func.functional_call(model.head, _below("head", given), (features,))

    assert torch.autograd.gradcheck(call, leaves)


def _below(prefix: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): one for name, one in weights.items() if name.startswith(f"{prefix}.")}


def _as_the_net_takes(model: Any, batch: dict[str, Tensor]) -> tuple[Tensor, ...]:
    missing = batch["numbers"].isnan()
    numbers = (torch.where(missing, model.fill, batch["numbers"]) - model.mean) / model.std
    return numbers, missing[:, model.gaps].double(), batch["categories"], batch["words"]


def test_pieces_are_those_of_the_paper() -> None:
    """Equation 1 of Gorishniy et al. 2022: 1 for pieces below, 0 above, the share within; bounded at both ends."""
    pieces = Pieces([[-1.0, 0.0, 2.0], [0.0, 1.0]], 2)
    with torch.no_grad():
        pieces.weight.copy_(torch.eye(2).repeat(2, 1, 1))
        pieces.bias.zero_()
    found = pieces(torch.tensor([[-1e30, 0.25], [-0.5, -3.0], [1.0, 7.0], [9.0, 1.0]]))
    assert found[:, 0].tolist() == [[0, 0], [0.5, 0], [1, 0.5], [1, 1]]
    assert found[:, 1].tolist() == [[0.25, 0], [0, 0], [1, 0], [1, 0]]


def test_tabm_has_as_many_weights_as_its_paper_says() -> None:
    """Section 3.3: of a layer one matrix for all; of each member a scale for what goes in, one for out, a bias."""
    net = BUILDERS["tabm"](None)
    columns = 2 + 1 + (3 + 2) + 16  # numbers, a gap, categories by their places, the words of a text
    sizes = [(columns, 5), (5, 5)]
    layers = sum(inside * outside + 4 * (inside + 2 * outside) for inside, outside in sizes)
    assert sum(weight.numel() for weight in net.layers.parameters()) == layers
    head = classification.build(net, FACTS, CLASSES).head
    assert sum(weight.numel() for weight in head.parameters()) == 4 * (5 * 3 + 3)


def test_members_begin_apart_and_are_alike_but_for_their_scales() -> None:
    net = BUILDERS["tabm"](3).eval()
    first = net.layers[0].scale_in
    sizes = [3, 3, 1, 3, 3, 3]
    assert net.columns.sizes == sizes
    for features in first.split(sizes, dim=1):  # one scale for all features of a column
        assert (features == features[:, :1]).all()
    assert first.unique(dim=0).shape == first.shape
    assert (net.layers[1].scale_in == 1).all() and (net.layers[1].scale_out == 1).all()


def test_members_learn_each_by_itself_and_answer_by_their_mean_probability() -> None:
    model = classification.build(BUILDERS["tabm"](3), FACTS, CLASSES).eval()
    batch = inputs(5)
    with torch.no_grad():
        features = model.net(
            *(t.float() for t in _as_the_net_takes(model, batch)[:2]), batch["categories"], batch["words"]
        )
        each = (features.transpose(0, 1) @ model.head.weight).transpose(0, 1) + model.head.bias
        torch.testing.assert_close(model(**batch)["logits"].softmax(1), each.softmax(2).mean(1))
        model.net.dropout.p = 0.0
        target = torch.tensor([0, 1, 2, 0, 1])
        objective = classification.objective(
            model, CLASSES, target, label_smoothing=0.0, loss={"name": "cross_entropy", "class_weights": "none"}
        )
        learning = objective.train()(batch | {"target": target})["loss"]
        expected = nn.functional.cross_entropy(each.flatten(0, 1), target.repeat_interleave(4))
        torch.testing.assert_close(learning, expected)
        measured = objective.eval()(batch | {"target": target})["loss"]
        assert measured < learning  # Jensen: the mean answer is no worse than members in the mean


def test_the_smallest_recipe_is_a_perceptron() -> None:
    """Without layers and embeddings the answer is linear in the standardised numbers, as least squares finds it."""
    facts = FACTS | {"category": [], "text": [], "gaps": [False, False]}
    net = mlp.build(**table.net_arguments(facts), embedding=None, layers=0, width=1, dropout=0.0)
    model = regression.build(net, facts, NUMBER)
    assert sum(weight.numel() for weight in model.parameters()) == 3
    numbers = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    target = 4 * numbers[:, 0] - numbers[:, 1] + 7
    objective = regression.objective(model, NUMBER, target, label_smoothing=0.0, loss={"name": "mse"})
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = objective({"numbers": numbers, "target": target})["loss"]
        loss.backward()
        return loss

    optimizer.step(closure)  # type: ignore[arg-type]
    found = model.head.weight[0] / model.std * NUMBER["std"]
    torch.testing.assert_close(found, torch.tensor([4.0, -1.0]), rtol=1e-3, atol=1e-3)
    assert math.isclose(float(closure().detach()), 0, abs_tol=1e-6)
