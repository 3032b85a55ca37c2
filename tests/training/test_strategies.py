"""Which weights move under a strategy, and which do not."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from chainrule.nets import cnn, dsdnet, encoder, resnet9
from chainrule.tasks.image_classification import model as task
from chainrule.training import strategy
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.optimizers import make_optimizer
from chainrule.training.strategies import discriminative, full, gradual, head_only
from chainrule.training.targets.label import Loss
from chainrule.training.validation import evaluate
from small_trainings import fit, images

FACTS: dict[str, Any] = {"mean": [0.5], "std": [0.3]}
TARGET = {"classes": ["a", "b"]}
CONSTANTS = {"mean", "std", "temperature"}
HEAD = {"head.weight", "head.bias"}
STILL = {"optimizer": "nesterov", "schedule": "constant", "warm_up": 0.0, "weight_decay": 0.1, "gradient_clip": None}


def small_model() -> Any:
    torch.manual_seed(0)
    return task.build(cnn.build(1, width=3, depth=3, dropout=0.2), FACTS, TARGET)


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def trained(module: Any, epochs: int = 2, **options: Any) -> tuple[Any, list[dict[str, Tensor]]]:
    """Train a small model; return it and its state before and after every epoch."""
    model = small_model()
    chosen = strategy.of(module, options, model)
    objective = Supervised(model, Loss())
    states = [state(model)]
    fit(
        strategy.WithExtraLoss(objective, chosen), images(16), images(8, seed=1), strategy=chosen,
        on_epoch=lambda record: states.append(state(model)), **(STILL | {"epochs": epochs}),
    )  # fmt: skip
    chosen.merge(model)
    return model, states


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}


def names(model: nn.Module, modules: list[nn.Module]) -> set[str]:
    """Return the names in the model's state of all that these modules hold."""
    paths = {id(module): path for path, module in model.named_modules()}
    return {f"{paths[id(module)]}.{name}" for module in modules for name in module.state_dict()}


def test_head_only_changes_no_weight_and_no_running_average_of_the_net() -> None:
    _, states = trained(head_only)
    assert any("running_mean" in name for name in states[0])
    assert moved(states[0], states[-1]) == HEAD


def test_full_changes_every_weight_and_every_running_average() -> None:
    _, states = trained(full)
    assert moved(states[0], states[-1]) == set(states[0]) - CONSTANTS


def test_head_only_leaves_the_net_no_gradient_and_no_dropout() -> None:
    model = small_model().train()
    strategy.of(head_only, {}, model).begin(0)
    assert {name for name, parameter in model.named_parameters() if parameter.requires_grad} == HEAD
    assert not any(module.training for module in model.net.modules())
    assert model.head.training


@pytest.mark.parametrize("per_epoch", [1, 2])
def test_gradual_unfreezes_from_the_top_and_what_is_frozen_stays_as_it_is(per_epoch: int) -> None:
    model, states = trained(gradual, epochs=4, per_epoch=per_epoch)
    net = strategy.layers(model.net)
    assert len(net) == 3
    for epoch in range(4):
        thawed = net[max(0, len(net) - per_epoch * epoch) :]
        expected = HEAD | names(model, [module for layer in thawed for module in layer])
        assert moved(states[epoch], states[epoch + 1]) == expected, epoch
    assert moved(states[3], states[4]) == set(states[0]) - CONSTANTS


def test_lower_layers_learn_more_slowly() -> None:
    model, states = trained(discriminative, epochs=1, decay=0.5)
    assert moved(states[0], states[1]) == set(states[0]) - CONSTANTS
    expected = dict.fromkeys(HEAD, 1.0)
    for depth, layer in enumerate(reversed(strategy.layers(model.net)), start=1):
        expected |= dict.fromkeys(names(model, layer), 0.5**depth)
    rates = strategy.of(discriminative, {"decay": 0.5}, model).rates(model)
    optimizer = make_optimizer(model, "adamw", 1.0, 0.1, rates)
    found = {id(weight): group["multiplier"] for group in optimizer.param_groups for weight in group["params"]}
    assert {name: found[id(weight)] for name, weight in model.named_parameters()} == {
        name: expected[name] for name, _ in model.named_parameters()
    }


def test_the_rate_of_each_group_is_its_share_of_the_schedules() -> None:
    settings = {"epochs": 1, "batch_size": 16, "weight_decay": 0.0}
    moves = []
    for multiplier in (1.0, 0.25):
        model = small_model()
        quarter = SimpleNamespace(rates=lambda model, to=multiplier: {model.head.weight: to})
        chosen = strategy.of(quarter, {}, model)
        before = state(model)
        fit(
            Supervised(model, Loss()), images(16), images(8), strategy=chosen, **(STILL | settings)
        )  # fmt: skip
        moves.append({name: tensor - before[name] for name, tensor in state(model).items()})
    torch.testing.assert_close(moves[1]["head.weight"], moves[0]["head.weight"] / 4)
    assert torch.equal(moves[1]["head.bias"], moves[0]["head.bias"])


def test_an_extra_loss_is_learnt_from_and_not_validated_by() -> None:
    seen = set()

    def pull(model: nn.Module, batch: dict[str, Tensor], outputs: dict[str, Tensor], *, strength: float) -> Tensor:
        seen.add((len(batch["target"]), outputs["logits"].shape))
        return strength * model.get_parameter("head.weight").square().sum()

    towards_nothing = SimpleNamespace(extra_loss=pull)
    _, without = trained(full)
    _, pulled = trained(towards_nothing, strength=5.0)
    assert pulled[-1]["head.weight"].norm() < 0.5 * without[-1]["head.weight"].norm()
    assert seen == {(6, (6, 2)), (4, (4, 2))}
    model = small_model()
    objective = Supervised(model, Loss())
    more = strategy.WithExtraLoss(objective, strategy.of(towards_nothing, {"strength": 5.0}, model))
    here = torch.device("cpu")
    assert evaluate(more, images(8), 8, here, 0) == evaluate(objective, images(8), 8, here, 0)


class Adapted(nn.Module):
    """A linear layer that stands still, and what is learnt beside it."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer
        self.beside = nn.Linear(layer.in_features, layer.out_features, bias=False)
        nn.init.zeros_(self.beside.weight)

    def forward(self, features: Tensor) -> Tensor:
        return self.layer(features) + self.beside(features)


class Adapter:
    """A strategy that learns beside the head and merges what it learnt into it."""

    @staticmethod
    def prepare(model: Any) -> None:
        model.head = Adapted(model.head)

    @staticmethod
    def learning(model: Any, epoch: int) -> list[nn.Module]:
        return [model.head.beside]

    @staticmethod
    def merge(model: Any) -> None:
        merged = model.head.layer
        merged.weight.data += model.head.beside.weight.data
        model.head = merged


def test_what_was_prepared_is_merged_into_a_model_as_the_task_builds_it() -> None:
    model = small_model()
    chosen = strategy.of(Adapter, {}, model)
    before = state(model)
    chosen.prepare(model)
    fit(Supervised(model, Loss()), images(16), images(8), strategy=chosen, **STILL)
    batch = images(8).take(torch.arange(8), None)["image"]
    with torch.no_grad():
        adapted = model.eval()(image=batch)["logits"]
        chosen.merge(model)
        merged = model(image=batch)["logits"]
    assert moved(before, state(model)) == {"head.weight"}
    torch.testing.assert_close(merged, adapted)


@pytest.mark.parametrize(
    ("net", "count"),
    [
        (cnn.build(1, width=2, depth=3, dropout=0.0), 3),
        (resnet9.build(1, width=2, dropout=0.0), None),
        (dsdnet.build(1, width=2, depth=2, stages=2, stem=1, kernel=3, dilations=[1], expansion=2, dropout=0.0), 6),
        (
            encoder.build(50, 0, arch="bert", layers=2, width=8, heads=2, feed_forward=8, max_length=8, dropout=0.0),
            3,
        ),
    ],
    ids=["cnn", "resnet9", "dsdnet", "bert"],
)
def test_the_layers_of_a_net_are_all_of_its_weights_once_from_the_bottom(net: nn.Module, count: int | None) -> None:
    found = strategy.layers(net)
    weights = [id(parameter) for layer in found for module in layer for parameter in module.parameters()]
    assert weights == [id(parameter) for parameter in net.parameters()]
    assert count is None or len(found) == count
    assert len(found) > 2
