"""What speaks for an answer is found where it is: nets that look at one corner, and a net whose map is known."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from chainrule.evaluation.parts import NotShownError
from chainrule.examination import convolutions, filters
from chainrule.examination.looked import Looked
from chainrule.nets import bilstm, cnn
from chainrule.nets.torchvision import TorchvisionNet
from chainrule.training.inputs import text
from looked_at import Given, of_images, of_texts


class Window(nn.Module):
    """Leaves of each channel what is in its own window, [C, H, W] of 0 and 1."""

    windows: Tensor

    def __init__(self, windows: Tensor) -> None:
        super().__init__()
        self.register_buffer("windows", windows)

    def forward(self, maps: Tensor) -> Tensor:
        return maps * self.windows


class Corners(nn.Module):
    """A net with two features: how light the upper left quarter is, and how light the lower right one."""

    def __init__(self, side: int = 8) -> None:
        super().__init__()
        self.out_features = 2
        self.convolution = nn.Conv2d(1, 2, 3, padding=1, bias=False)
        with torch.no_grad():
            self.convolution.weight.zero_()
            self.convolution.weight[:, :, 1, 1] = 1
        windows = torch.zeros(2, side, side)
        windows[0, : side // 2, : side // 2] = 1
        windows[1, side // 2 :, side // 2 :] = 1
        self.window = Window(windows)

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.window(self.convolution(images)).mean((2, 3))
        return found


def of_corners(**more: Any) -> Looked:
    """Images lighter in the upper left, of the class "a", or the lower right, "b"; the last is called wrong."""
    images = np.random.default_rng(0).integers(20, 60, (12, 8, 8, 1), dtype=np.uint8)
    images[:6, :4, :4] += 150
    images[6:, 4:, 4:] += 150
    labels = ["a"] * 6 + ["b"] * 5 + ["a"]
    head = torch.tensor([[9.0, -9.0], [-9.0, 9.0]])
    return of_images(Corners(), images, labels, head=head, **more)


def batch(looked: Looked, rows: int) -> dict[str, Tensor]:
    return {"image": looked.inputs.take(torch.arange(rows), None)["image"]}


def test_a_net_that_looks_at_one_corner_is_seen_to_look_there() -> None:
    looked = of_corners()
    for_a = convolutions.activation(looked.model, batch(looked, 12), torch.zeros(12, dtype=torch.int64))
    for_b = convolutions.activation(looked.model, batch(looked, 12), torch.ones(12, dtype=torch.int64))
    assert for_a.shape == (12, 8, 8)
    assert (for_a[:, :4, :4] > 0).all()
    assert for_a[:, 4:].max() == for_a[:, :, 4:].max() == 0
    assert (for_b[:, 4:, 4:] > 0).all()
    assert for_b[:, :4].max() == for_b[:, :, :4].max() == 0


def test_with_a_mean_and_a_linear_head_it_is_the_class_activation_map() -> None:
    torch.manual_seed(0)
    images = np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3), dtype=np.uint8)
    looked = of_images(cnn.build(3, width=4, depth=3, dropout=0.0), images, ["a", "b", "c", "a"])
    classes = torch.tensor([0, 1, 2, 1])
    found = convolutions.activation(looked.model, batch(looked, 4), classes)
    net: Any = looked.model.net
    with torch.no_grad():
        maps = net.feature_map(batch(looked, 4)["image"].float() / 255)
        weights = looked.model.get_submodule("head").weight[classes]
    # Zhou et al. 2016, equation 2, over the number of places, as a mean has it; what speaks against is left out.
    expected = torch.einsum("bk,bkhw->bhw", weights, maps).clamp(min=0) / (maps.shape[2] * maps.shape[3])
    assert found.shape == (4, 4, 4)
    assert np.allclose(found, expected.numpy(), atol=1e-6)
    assert found.max() > 0


def test_rows_right_and_wrong_are_shown_and_what_is_hot_matters() -> None:
    part = convolutions.class_activation(of_corners())
    assert part is not None
    assert "row 11: a, taken for b" in part.body
    assert part.body.count("the true one</figcaption>") == 1
    assert part.numbers["map"] == [8, 8]
    assert part.numbers["without_hottest"] < part.numbers["whole"] - 0.05
    assert part.numbers["without_coldest"] == pytest.approx(part.numbers["whole"], abs=0.02)


def test_a_model_is_left_as_it_was() -> None:
    looked = of_corners()
    before = {name: value.clone() for name, value in looked.model.state_dict().items()}
    for make in (filters.part, convolutions.feature_maps, convolutions.class_activation):
        make(looked)
    assert all(torch.equal(value, before[name]) for name, value in looked.model.state_dict().items())
    assert all(parameter.grad is None for parameter in looked.model.parameters())
    assert not any(module._forward_hooks for module in looked.model.modules())


def test_a_number_and_sets_of_labels() -> None:
    images = np.random.default_rng(0).integers(0, 255, (8, 8, 8, 1), dtype=np.uint8)
    number = of_images(Corners(), images, np.arange(8) / 3, task="image_regression", head=torch.tensor([[1.0, 0.0]]))
    heat = convolutions.activation(number.model, batch(number, 8), None)
    assert heat[:, :4, :4].max() > 0
    assert heat[:, 4:].max() == 0
    part = convolutions.class_activation(number)
    assert part is not None
    assert "what makes the number larger" in part.body
    assert list(part.numbers) == ["map"]
    sets = of_images(Corners(), images, ['["a"]', '["a", "b"]'] * 4, task="multi_label")
    assert convolutions.class_activation(sets) is not None


def test_feature_maps_are_the_last_of_each_size() -> None:
    images = np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3), dtype=np.uint8)
    looked = of_images(cnn.build(3, width=4, depth=3, dropout=0.0), images, ["a", "b", "c", "a"])
    part = convolutions.feature_maps(looked)
    assert part is not None
    assert part.numbers == {"maps": [[16, 16, 4], [8, 8, 8], [4, 4, 16]]}
    assert "4 × 4, 12 of 16 channels" in part.body


def test_what_has_its_channels_last_is_no_map() -> None:
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    net = ConvNeXt([CNBlockConfig(12, 24, 1), CNBlockConfig(24, None, 1)], num_classes=5)
    net.classifier[2] = nn.Identity()
    images = np.random.default_rng(0).integers(0, 255, (4, 32, 32, 3), dtype=np.uint8)
    looked = of_images(TorchvisionNet(net, 24, None), images, ["a", "b"] * 2, name="torchvision")
    part = convolutions.feature_maps(looked)
    assert part is not None
    assert part.numbers == {"maps": [[8, 8, 12], [4, 4, 24]]}
    assert convolutions.activation(looked.model, batch(looked, 4), torch.zeros(4, dtype=torch.int64)).shape == (4, 4, 4)


def test_filters_are_shown_in_the_colours_that_they_answer_to() -> None:
    red = np.zeros((3, 3, 3))
    red[0, 1, 1], red[1, 1, 1], red[2, 1, 1] = 1, -1, -1
    shown = filters.coloured(red)
    assert shown[1, 1].tolist() == [255, 0, 0]
    assert shown[0, 0].tolist() == [128, 128, 128]
    up, none, down = filters.coloured(np.array([[[2.0, 0.0, -2.0]]]))[0].astype(int)
    assert up[2] > up[0]  # blue
    assert none.tolist() == [247, 247, 247]
    assert down[0] > down[2]  # orange


def test_filters_of_grey_images_are_summed_and_the_dead_are_counted() -> None:
    images = np.random.default_rng(0).integers(0, 255, (4, 8, 8, 1), dtype=np.uint8)
    looked = of_images(Grey(), images, ["a", "b"] * 2)
    part = filters.part(looked)
    assert part is not None
    assert part.numbers == {"filters": 80, "kernel": [3, 3], "dead": 30}
    assert len(re.findall("<img ", part.body)) == 64
    assert "The 64 strongest of 80" in part.body
    # Weights that cancel over the three copies of a grey channel look for nothing.
    assert "30 of 80 filters are as good as nothing" in part.body


class Grey(nn.Module):
    """A net of three channels whose first thirty filters cancel over a grey channel shown three times."""

    out_features = 80

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 80, 3, padding=1)
        with torch.no_grad():
            self.convolution.weight[:30, 2] = -self.convolution.weight[:30, :2].sum(dim=1)

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.convolution(images.expand(-1, 3, -1, -1)).mean((2, 3))
        return found


class Rotated(Corners):
    """A net whose answer hangs on the pixels, and not on its map."""

    def forward(self, images: Tensor) -> Tensor:
        super().forward(images)
        return images.flatten(1)[:, :2]


def test_what_has_no_map_has_no_such_part() -> None:
    levels = np.arange(40, dtype=np.uint8).reshape(10, 2, 2, 1)
    facts = text.fit_facts([["good", "bad"]], {"vocabulary": 60, "max_length": 16})
    net = bilstm.build(facts["vocabulary"], facts["pad_id"], embedding=8, width=8, layers=1, dropout=0.0)
    for looked in (
        of_images(Given(4), levels, ["a", "b"] * 5),
        of_texts(net, facts, ["good", "bad"] * 3, ["a", "b"] * 3, None, "bilstm"),
    ):
        for make in (filters.part, convolutions.feature_maps, convolutions.class_activation):
            assert make(looked) is None
    images = np.random.default_rng(0).integers(0, 255, (4, 8, 8, 1), dtype=np.uint8)
    with pytest.raises(NotShownError, match="does not hang on the last map"):
        convolutions.class_activation(of_images(Rotated(), images, ["a", "b"] * 2))
