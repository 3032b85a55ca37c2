"""The net as a picture: folded so far that it can be read, and what is said of it."""

import re

import pytest
import torch
import torchvision
from torch import nn

from chainrule.examination import architecture
from chainrule.examination.blocks import seen
from chainrule.examination.outline import every, outline


def layer() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.ReLU())


def encoder(layers: int) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Sequential(*(layer() for _ in range(layers))), nn.Linear(8, 2)).eval()


def test_layers_that_look_the_same_are_one() -> None:
    model = seen(encoder(6), {"input": torch.zeros(1, 4)})
    lines = list(every(outline(model)))
    assert [(line.name, line.times, line.kind) for line in lines] == [
        ("0", 1, "Linear"),
        ("1", 1, "Sequential"),
        ("0.0", 6, "Linear + LayerNorm + ReLU"),
        ("2", 1, "Linear"),
    ]
    leaves = [line for line in lines if not line.opened]
    assert sum(line.everywhere * line.parameters for line in leaves) == model.parameters
    assert sum(line.everywhere * (line.work or 0) for line in leaves) == model.work


@pytest.mark.parametrize("name", ["resnet50", "densenet121", "efficientnet_b0"])
def test_a_deep_net_is_one_picture(name: str) -> None:
    with torch.device("meta"):
        net = torchvision.models.get_model(name).eval()
    model = seen(net, {"x": torch.zeros(1, 3, 224, 224, device="meta")})
    lines = outline(model)
    shown = list(every(lines))
    leaves = [line for line in shown if not line.opened]
    assert 15 < len(shown) <= 42
    assert sum(line.everywhere * line.parameters for line in leaves) == model.parameters
    assert sum(line.everywhere * (line.work or 0) for line in leaves) == model.work
    drawn = architecture.picture(lines, model, {"image": (3, 224, 224)}, {"logits": (1000,)})
    assert len(drawn) < 60_000
    assert 'role="img"' in drawn
    assert "aria-label" in drawn
    assert "3 × 224 × 224" in drawn


def test_nothing_is_drawn_outside_of_the_picture() -> None:
    model = seen(encoder(3), {"input": torch.zeros(1, 4)})
    drawn = architecture.picture(outline(model), model, {"input": (4,)}, {"logits": (2,)})
    width, height = map(float, re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawn)[0])
    for x, y, wide, tall in re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', drawn):
        assert float(x) + float(wide) <= width
        assert float(y) + float(tall) <= height


def test_a_hundred_blocks_side_by_side_lose_their_middle() -> None:
    model = seen(nn.Sequential(*(nn.Linear(i + 1, i + 2) for i in range(100))), {"input": torch.zeros(1, 1)})
    lines = outline(model, most=10)
    assert [line.name for line in lines][3:6] == ["3", "… 92 more", "96"]
    assert sum(line.parameters for line in lines) == model.parameters


def test_a_model_of_one_layer() -> None:
    model = seen(nn.Linear(3, 2), {"input": torch.zeros(1, 3)})
    lines = outline(model)
    assert [(line.kind, line.parameters, line.work) for line in lines] == [("Linear", 8, 6)]
    assert "</svg>" in architecture.picture(lines, model, {"input": (3,)}, {"y": (2,)})


def test_what_is_never_called_is_said() -> None:
    class WithIdle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.pooler, self.dropout = nn.Linear(3, 4), nn.Linear(9, 9), nn.Dropout()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.used(x)
            return result

    model = seen(WithIdle().eval(), {"x": torch.zeros(1, 3)})
    lines = outline(model)
    said = " ".join(architecture.in_words(model, lines, {"x": (3,)}))
    assert "106 weights; 12 multiply-adds for a row of x 3." in said
    assert "Never called for an answer: pooler (90 weights)." in said
    assert "dropout" not in said
