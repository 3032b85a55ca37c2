"""Columns in: gaps are filled and numbers standardised inside the model, so that whoever serves it cannot forget it."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.fields.encoding import sizes
from chainrule.training.heads import HeadedModel


class Members(nn.Module):
    """A linear head for each member of a net; members learn each by itself, and answer together."""

    def __init__(self, members: int, inputs: int, outputs: int, joined: Callable[[Tensor], Tensor]) -> None:
        """Take what makes the scores [B, outputs] of all from those of members [B, members, outputs]."""
        super().__init__()
        self.in_features, self._joined = inputs, joined
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, outputs).uniform_(-bound, bound))

    def forward(self, features: Tensor) -> Tensor:
        """Return scores [B, outputs] of features [B, members, inputs]; in training [B · members, outputs]."""
        scores = (features.transpose(0, 1) @ self.weight).transpose(0, 1) + self.bias
        return scores.flatten(0, 1) if self.training else self._joined(scores)


class OfMembers(nn.Module):
    """A loss of which each member is told the targets of its rows."""

    def __init__(self, loss: Callable[[Mapping[str, Tensor], Tensor], Tensor]) -> None:
        """Take the loss of outputs and targets, a mean over rows; a module may tell learning from measuring."""
        super().__init__()
        self.loss = loss

    def forward(self, outputs: Mapping[str, Tensor], target: Tensor) -> Tensor:
        """Return the mean loss [] of outputs of B rows, or of B · members, and targets [B]."""
        answers = len(next(iter(outputs.values())))
        return self.loss(outputs, target.repeat_interleave(answers // len(target), dim=0))


def mean_probability(scores: Tensor) -> Tensor:
    """Return logits [B, C] of the mean of the probabilities that members tell, by logits [B, members, C]."""
    return scores.log_softmax(dim=2).logsumexp(dim=1)


def mean(scores: Tensor) -> Tensor:
    """Return the mean [B, C] of what members say, [B, members, C]."""
    return scores.mean(dim=1)


class Model(HeadedModel):
    """A net over the columns of rows, with its head."""

    fill: Tensor
    mean: Tensor
    std: Tensor
    gaps: Tensor

    def __init__(
        self,
        net: nn.Module,
        kind: Any,
        facts: Mapping[str, Any],
        target: Mapping[str, Any],
        joined: Callable[[Tensor], Tensor],
    ) -> None:
        """Take what fills and scales numbers from the facts of the inputs; joined: of members' scores those of all."""
        constants = {name: torch.tensor(facts[name], dtype=torch.float32) for name in ("fill", "mean", "std")}
        gaps = torch.tensor([place for place, gap in enumerate(facts["gaps"]) if gap], dtype=torch.int64)
        super().__init__(net, kind, target, **constants, gaps=gaps)
        self.inputs = given(facts)
        if hasattr(net, "members"):
            self.head = Members(net.members, net.out_features, kind.width(target), joined)  # type: ignore[assignment, arg-type]

    def forward(
        self, numbers: Tensor | None = None, categories: Tensor | None = None, words: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the outputs by name of numbers float32 [B, N], categories int64 [B, C], words int64 [B, T, W]."""
        gaps = None
        if numbers is not None:
            missing = numbers.isnan()
            if len(self.gaps):
                gaps = missing[:, self.gaps].to(self.std.dtype)
            numbers = (torch.where(missing, self.fill, numbers) - self.mean) / self.std
        return self.answer(self.net(numbers, gaps, categories, words))


def given(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the inputs of which there are columns."""
    there = {"numbers": facts["mean"], "categories": facts["category"], "words": facts["text"]}
    return tuple(name for name, columns in there.items() if columns)


def example(facts: dict[str, Any], batch: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Return random inputs of a model, a number in ten missing."""
    numbers = torch.randn(batch, len(facts["mean"]), generator=generator) * torch.tensor(facts["std"])
    numbers = (numbers + torch.tensor(facts["mean"])).float()
    numbers[torch.rand(numbers.shape, generator=generator) < 0.1] = torch.nan
    drawn = [torch.randint(0, size, (batch,), generator=generator) for size in sizes(facts)]
    shape = (batch, len(facts["text"]), facts["words"]["most"])
    words = torch.randint(0, facts["words"]["buckets"] + 1, shape, generator=generator)
    every = {"numbers": numbers, "categories": torch.stack(drawn, dim=1) if drawn else None, "words": words}
    return {name: every[name] for name in given(facts)}  # type: ignore[misc]


def parity_shapes(facts: dict[str, Any]) -> list[dict[str, int]]:
    """Return the shapes at which an export is compared with its model."""
    return [{"batch": 1}, {"batch": 3}, {"batch": 8}]


def dynamic_shapes(facts: dict[str, Any]) -> dict[str, dict[int, str]]:
    """Return the names of the axes that may vary, by input."""
    return {name: {0: "batch"} for name in given(facts)}


def padding(facts: dict[str, Any]) -> dict[str, int]:
    """Return what fills a varying axis besides the batch, by input: tables have none."""
    return {}
