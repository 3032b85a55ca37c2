"""A plain small convolutional network: the yardstick that a better one must beat.

After LeCun et al. 1998, with batch normalisation (Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167).
"""

from torch import nn

from chainrule.nets.shared.layered import Layered


class CNN(Layered):
    """`depth` times a 3×3 convolution, normalisation, ReLU.

    After the first and the second the map is halved, rounding up, and the width doubled, as long as another follows.
    """

    def __init__(self, channels: int, width: int, depth: int, dropout: float) -> None:
        layers: list[nn.Module] = []
        features, stride = channels, 1
        for block in range(depth):
            layers += [nn.Conv2d(features, width * stride, 3, padding=1, bias=False)]
            features = width * stride
            layers += [nn.BatchNorm2d(features), nn.ReLU(inplace=True)]
            if block < min(depth - 1, 2):
                layers += [nn.MaxPool2d(2, ceil_mode=True)]
                stride *= 2
        super().__init__(layers, features, stride, dropout)


def build(channels: int, *, width: int, depth: int, dropout: float) -> CNN:
    """Build a CNN of `depth` convolutions, the first of them `width` wide; `dropout` acts on the embedding."""
    return CNN(channels, width, depth, dropout)
