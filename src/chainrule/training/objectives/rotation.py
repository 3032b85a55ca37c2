"""Which way is up: every image is shown in four turns, and each turn is to be told from the others.

Gidaris et al. 2018, "Unsupervised Representation Learning by Predicting Image Rotations" (arXiv:1803.07728).
"""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule.system.errors import ParamsError

TURNS = 4


class Rotation(nn.Module):
    """An image net and a linear head on its features that tells the turn."""

    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, mean: Tensor, std: Tensor) -> None:
        """Wrap an image net with `out_features`; mean, std: [channels], of pixels in 0..1."""
        super().__init__()
        self.net = net
        self.head = nn.Linear(int(net.out_features), TURNS)  # type: ignore[arg-type]
        self.register_buffer("mean", mean.view(1, -1, 1, 1))
        self.register_buffer("std", std.view(1, -1, 1, 1))

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return loss (mean cross-entropy, nats), logits [4B, 4], targets [4B] and count [] = B of images.

        batch["image"]: uint8 [B, C, H, H]. All four turns of an image are in the batch (section 3.1: better than one).
        """
        images = batch["image"]
        turned = torch.cat([images.rot90(turn, (2, 3)) for turn in range(TURNS)]).float() / 255
        logits = self.head(self.net((turned - self.mean) / self.std)).float()
        targets = torch.arange(TURNS, device=images.device).repeat_interleave(len(images))
        loss = nn.functional.cross_entropy(logits, targets)
        return {"loss": loss, "logits": logits, "targets": targets, "count": torch.tensor(len(images))}


def build(net: nn.Module, facts: dict[str, Any]) -> Rotation:
    """Return the objective for a net and the facts of its inputs; ParamsError where images are not square."""
    if facts["height"] != facts["width"]:
        raise ParamsError(
            f"pretrain.objective: rotation turns square images, and these are {facts['width']}×{facts['height']}; "
            "set clean.normalise.size, or take another objective"
        )
    return Rotation(net, torch.tensor(facts["mean"]), torch.tensor(facts["std"]))
