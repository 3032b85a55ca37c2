"""Optimizers by name, all of torch."""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule.training.strategy import Rates

MOMENTUM = 0.9


def make_optimizer(
    model: nn.Module, name: str, learning_rate: float, weight_decay: float, rates: Rates | None = None
) -> torch.optim.Optimizer:
    """Return an optimizer over all weights; norms and biases do not decay.

    sgd: plain gradient descent; momentum: with Polyak's, 0.9; nesterov: with Nesterov's, 0.9; adam (Kingma & Ba 2015,
    arXiv:1412.6980); adamw (Loshchilov & Hutter 2019, arXiv:1711.05101); adafactor (Shazeer & Stern 2018,
    arXiv:1804.04235); muon (Jordan et al. 2024) for the matrices of linear layers at the rates that suit AdamW (Liu et
    al. 2025, arXiv:2502.16982), AdamW for the rest. Decay is part of the gradient in sgd, momentum, nesterov and adam,
    and a shrinking beside it in the others.

    rates: multipliers of the learning rate; each group has its own under "multiplier". Weights that do not learn yet
    are in it, too: without a gradient they are passed over, and their moments begin with their first.
    """
    groups = _groups(model, weight_decay, rates or {})
    optim = torch.optim
    match name:
        case "sgd":
            return optim.SGD(groups, lr=learning_rate)
        case "momentum" | "nesterov":
            return optim.SGD(groups, lr=learning_rate, momentum=MOMENTUM, nesterov=name == "nesterov")
        case "adam":
            return optim.Adam(groups, lr=learning_rate, fused=True)
        case "adamw":
            return optim.AdamW(groups, lr=learning_rate, fused=True)
        case "adafactor":
            return optim.Adafactor(groups, lr=learning_rate)
        case "muon":
            matrices = {layer.weight for layer in model.modules() if isinstance(layer, nn.Linear)}
            both = [_of(groups, matrices, inside) for inside in (True, False)]
            return _Together(
                optim.Muon(both[0], lr=learning_rate, adjust_lr_fn="match_rms_adamw"),
                optim.AdamW(both[1], lr=learning_rate, fused=True),
            )
    raise ValueError(f"no optimizer is called {name!r}")


def _groups(model: nn.Module, weight_decay: float, rates: Rates) -> list[dict[str, Any]]:
    """Return the weights by multiplier and by whether they decay."""
    weights = list(model.parameters())
    groups = []
    for multiplier in dict.fromkeys(rates.get(weight, 1.0) for weight in weights):
        alike = [weight for weight in weights if rates.get(weight, 1.0) == multiplier]
        for decay, matrices in ((weight_decay, True), (0.0, False)):
            params = [weight for weight in alike if (weight.ndim > 1) == matrices]
            groups.append({"params": params, "weight_decay": decay, "multiplier": multiplier})
    return groups


def _of(groups: list[dict[str, Any]], weights: set[Tensor], inside: bool) -> list[dict[str, Any]]:
    """Return the groups with those of their weights alone that are among some, or with the others."""
    return [{**group, "params": [each for each in group["params"] if (each in weights) == inside]} for group in groups]


class _Together(torch.optim.Optimizer):
    """Several optimizers as one: groups and state are theirs, one after the other."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self.parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._share()

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Do a step of each."""
        for part in self.parts:
            part.step(closure)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what `state_dict` returned."""
        super().load_state_dict(state_dict)
        self._share()

    def _share(self) -> None:
        """Have the parts work on this one's groups and state, which loading makes anew."""
        groups = iter(self.param_groups)
        for part in self.parts:
            part.param_groups = [next(groups) for _ in part.param_groups]
            part.state = self.state
