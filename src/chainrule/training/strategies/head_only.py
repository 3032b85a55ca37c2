"""Only the classifier on top learns: a linear probe of what pretraining found."""

from torch import nn


def freeze(model: nn.Module) -> None:
    """Keep `model.net` still: no gradients, and evaluation mode, since running averages learn without gradients."""
    net = model.get_submodule("net")
    net.requires_grad_(False)
    net.eval()
