"""What the models of all tasks with one answer per row share: a net, a linear head, and a kind of target."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class HeadedModel(nn.Module):
    """A linear head on a net's features, and the answer that a kind of target makes of its scores.

    `training.bodies` say how named inputs become features.
    """

    def __init__(self, net: nn.Module, kind: Any, target: Mapping[str, Any], **constants: Tensor) -> None:
        """Put the head on a net with `out_features`; kind: a module of `training.targets`, target: its facts.

        constants: what features need beside the weights. The order of constants is that of a graph's tensors: first
        these, then the target's.
        """
        super().__init__()
        self.net = net
        self.head = nn.Linear(int(net.out_features), kind.width(target))  # type: ignore[arg-type]
        for name, value in {**constants, **kind.constants(target)}.items():
            self.register_buffer(name, value)
        self._answer = kind.answer

    def answer(self, features: Tensor) -> dict[str, Tensor]:
        """Return the outputs by name, first axis the batch, of features [B, out_features]."""
        outputs: dict[str, Tensor] = self._answer(self.head(features), dict(self.named_buffers(recurse=False)))
        return outputs
