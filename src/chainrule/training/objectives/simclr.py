"""Contrastive learning: two distorted views of an image are to be found again among those of all other images.

Chen et al. 2020, SimCLR (arXiv:2002.05709): a projection head of two layers behind the net, which is thrown away, and
the normalised temperature-scaled cross-entropy, NT-Xent. What is learnt is what the distortions leave as it was.
"""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule.evaluation.shown import Learnt, Strip, Strips
from chainrule.training.objectives.shared import pictures

NEIGHBOURS = 4
"""Of each image that is shown."""
HARDLY, LOOKED_AT = 0.2, 64
"""Share of the difference between two images under which two views are all but the same, and images that tell it."""


class SimCLR(nn.Module):
    """An image net, a projection, and the likeness of what it makes of views."""

    views = 2
    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, mean: Tensor, std: Tensor, *, temperature: float, projection: int) -> None:
        """Wrap an image net with `out_features`.

        mean, std: [channels], of pixels in 0..1. temperature: what likenesses (cosines) are divided by. projection:
        features of an image that are compared.
        """
        super().__init__()
        self.net = net
        self.temperature = temperature
        width = int(net.out_features)  # type: ignore[arg-type]
        self.projection = nn.Sequential(nn.Linear(width, width), nn.ReLU(inplace=True), nn.Linear(width, projection))
        self.register_buffer("mean", mean.view(1, -1, 1, 1))
        self.register_buffer("std", std.view(1, -1, 1, 1))

    def look(self, inputs: Any) -> list[str]:
        """Return a line of warning where the distortions leave two views of an image all but the same."""
        index, draw = torch.arange(min(len(inputs), LOOKED_AT)), torch.Generator().manual_seed(0)
        one, other = (inputs.take(index, draw)["image"].float() for _ in range(self.views))
        apart, others = (one - other).abs().mean(), (one - other.roll(1, 0)).abs().mean()
        if apart >= HARDLY * others:
            return []
        found = f"simclr: two views of an image differ by {float(apart / others):.0%} of what two images do"
        return [f"{found}; let pretrain.training.distort alter more, such as crop: 0.2, colour: 0.4"]

    def forward(self, one: dict[str, Tensor], other: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return loss (NT-Xent, nats), projections float32 [2, B, projection] of length 1 and count [] of images.

        one["image"], other["image"]: the same images, each distorted by itself, uint8 [B, C, H, W]. Others are the
        images of this batch on this process.
        """
        # Both views at once: of a batch's statistics each is to tell nothing about which view it is.
        images = torch.cat([one["image"], other["image"]]).float() / 255
        projected = self.projection(self.net((images - self.mean) / self.std)).float()
        projected = nn.functional.normalize(projected, dim=1)
        rows = len(one["image"])
        loss = nt_xent(projected, self.temperature)
        return {"loss": loss, "projections": projected.view(2, rows, -1), "count": torch.tensor(rows)}


def nt_xent(projected: Tensor, temperature: float) -> Tensor:
    """Return the mean over all views [2B, D], of length 1, of the cross-entropy of finding the other view (eq. 1).

    The first B rows are views of the same images as the second B, in the same order.
    """
    likeness = projected @ projected.T / temperature
    likeness = likeness.masked_fill(torch.eye(len(projected), dtype=torch.bool, device=projected.device), -torch.inf)
    partners = torch.arange(len(projected), device=projected.device).roll(len(projected) // 2)
    return nn.functional.cross_entropy(likeness, partners)


def build(net: nn.Module, facts: dict[str, Any], *, temperature: float, projection: int) -> SimCLR:
    """Return the objective for a net and the facts of its inputs (mean and std per channel, of pixels in 0..1)."""
    mean, std = torch.tensor(facts["mean"]), torch.tensor(facts["std"])
    return SimCLR(net, mean, std, temperature=temperature, projection=projection)


@torch.no_grad()
def show(objective: SimCLR, inputs: Any, facts: dict[str, Any], *, loss: float, seed: int) -> Learnt:
    """Return validation images with those whose features are most alike; loss: of all of them."""
    images = pictures.some(inputs, objective.net, seed, pictures.COUNTED)
    pixels = images.float() / 255
    features = objective.net((pixels - objective.mean) / objective.std).float()
    features = nn.functional.normalize(features, dim=1)
    likeness = (features[: pictures.SHOWN] @ features.T).cpu()
    nearest = likeness.argsort(dim=1, descending=True, stable=True).tolist()
    drawn = pictures.drawn(pixels)
    rows = []
    for place, others in enumerate(nearest):
        near = [other for other in others if other != place][:NEIGHBOURS]
        beside = [(drawn[other], f"{likeness[place, other]:.2f}") for other in near]
        rows.append(Strip([(drawn[place], "image"), *beside]))
    note = f"Validation images, and of {len(images)} those that are nearest by the cosine of the net's features."
    return Learnt({"loss": f"{loss:.3f} nats"}, [Strips("Nearest neighbours", note, rows)])
