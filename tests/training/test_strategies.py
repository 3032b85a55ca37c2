from typing import Any

import pytest
import torch
from torch import Tensor, nn

from chainrule.nets import cnn
from chainrule.tasks.image_classification import model as task
from chainrule.training import loop
from chainrule.training.inputs.image import Inputs
from chainrule.training.strategies import full, head_only
from chainrule.training.strategies.catalogue import STRATEGIES

FACTS: dict[str, Any] = {"mean": [0.5], "std": [0.3]}


def trained(freeze: Any) -> tuple[nn.Module, dict[str, Tensor]]:
    """Train a small model for two epochs; return it and its state before."""
    torch.manual_seed(0)
    model = task.build(cnn.build(1, width=3, depth=2, dropout=0.2), FACTS, {"classes": ["a", "b"]})
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    pixels = torch.randint(0, 256, (16, 4, 4, 1), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    rows = Inputs(pixels, torch.arange(16) % 2, FACTS)
    loop.fit(
        task.objective(model, 0.0), rows, rows,
        epochs=2, batch_size=8, accumulation=1, optimizer="adamw", learning_rate=0.01, weight_decay=0.1,
        schedule="constant", warm_up=0.0, gradient_clip=None, precision="fp32", seed=0,
        freeze=lambda objective: freeze(objective.model),
    )  # fmt: skip
    return model, before


def changed(model: nn.Module, before: dict[str, Tensor]) -> set[str]:
    return {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}


def test_head_only_changes_no_weight_and_no_running_average_of_the_net() -> None:
    model, before = trained(head_only.freeze)
    assert any("running_mean" in name for name in before)
    assert changed(model, before) == {"head.weight", "head.bias"}


def test_full_changes_every_weight_and_every_running_average() -> None:
    model, before = trained(full.freeze)
    assert changed(model, before) == set(before) - {"mean", "std", "temperature"}


def test_head_only_leaves_the_net_no_gradient_and_no_dropout() -> None:
    model = task.build(cnn.build(1, width=3, depth=2, dropout=0.5), FACTS, {"classes": ["a", "b"]}).train()
    head_only.freeze(model)
    assert [name for name, parameter in model.named_parameters() if parameter.requires_grad] == [
        "head.weight",
        "head.bias",
    ]
    assert not any(module.training for module in model.net.modules())
    assert model.head.training


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_of_the_table_has_its_module(name: str) -> None:
    assert callable({"full": full, "head_only": head_only}[name].freeze)
