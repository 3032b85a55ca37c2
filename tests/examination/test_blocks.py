"""What a net is made of: numbers that others have published, and nets that cannot be looked into."""

import pytest
import torch
import torchvision
from torch import nn
from transformers import BertConfig, BertModel

from chainrule.evaluation.parts import NotShownError
from chainrule.examination.blocks import Block, seen


def images(size: int = 224) -> dict[str, torch.Tensor]:
    return {"x": torch.zeros(1, 3, size, size, device="meta")}


@pytest.mark.parametrize(
    ("name", "weights", "giga"), [("resnet50", 25_557_032, 4.089), ("mobilenet_v2", 3_504_872, 0.301)]
)
def test_published_sizes_of_image_nets(name: str, weights: int, giga: float) -> None:
    with torch.device("meta"):
        model = torchvision.models.get_model(name).eval()
    found = seen(model, images())
    assert found.parameters == weights
    assert found.work is not None
    assert round(found.work / 1e9, 3) == giga
    assert found.shape == (1000,)


def test_bert_base_by_the_formula() -> None:
    tokens, width, layers = 128, 768, 12
    with torch.device("meta"):
        model = BertModel(BertConfig()).eval()
        ids = torch.zeros(1, tokens, dtype=torch.long)
    found = seen(model, {"input_ids": ids})
    layer = 12 * tokens * width**2 + 2 * tokens**2 * width
    assert found.work == layers * layer + width**2
    assert found.parameters == 109_482_240


def test_layers_that_are_one_kernel_are_counted_all_the_same() -> None:
    lstm = nn.LSTM(10, 20, batch_first=True, bidirectional=True)
    assert seen(lstm.eval(), {"input": torch.zeros(1, 7, 10)}).work == 7 * 2 * 4 * 20 * (10 + 20)
    encoder = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    assert seen(encoder.eval(), {"src": torch.zeros(1, 7, 16)}).work == 8 * 7 * 16 * 16 + 2 * 7 * 7 * 16


class Odd(nn.Module):
    """A module that is never called, one that is called through a method, one called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Linear(9, 9)
        self.last = nn.Linear(4, 2)
        self.twice = nn.Linear(4, 4)
        self.layers = nn.ModuleList([nn.Linear(3, 4), nn.Linear(4, 4)])

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        for layer in self.layers:
            x = layer(x)
        return {"y": self.last(self.twice(self.twice(x)))}


def test_blocks_stand_in_the_order_of_their_calls() -> None:
    found = seen(Odd().eval(), {"x": torch.zeros(1, 3)})
    assert [block.name for block in found.inside] == ["layers", "twice", "last", "idle"]
    layers, twice, last, idle = found.inside
    assert (layers.work, layers.shape, layers.parameters) == (12 + 16, (4,), 16 + 20)
    assert (twice.calls, twice.work) == (2, 32)
    assert (last.shape, last.work) == ((2,), 8)
    assert (idle.calls, idle.work, idle.shape, idle.parameters) == (0, None, None, 90)
    assert found.work == 12 + 16 + 32 + 8


def test_looking_changes_nothing() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fast = torch.backends.mha.get_fastpath_enabled()
    seen(model, {"input": torch.rand(1, 3, 8, 8)})
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.backends.mha.get_fastpath_enabled() == fast


@pytest.mark.filterwarnings("ignore:.*deprecated")
def test_a_scripted_net_is_a_closed_box() -> None:
    class Scripted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch.jit.script(nn.Sequential(nn.Linear(3, 4), nn.ReLU()))
            self.head = nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.head(self.net(x))
            return result

    found = seen(Scripted().eval(), {"x": torch.zeros(1, 3)})
    by_name: dict[str, Block] = {block.name: block for block in found.inside}
    assert (by_name["net"].sealed, by_name["net"].parameters, by_name["net"].inside) == (True, 16, ())
    assert by_name["head"].work == 8


def test_a_net_that_cannot_be_called_is_one_sentence() -> None:
    with pytest.raises(NotShownError, match="cannot be followed along a row"):
        seen(nn.Linear(3, 4), {"input": torch.zeros(1, 5)})
