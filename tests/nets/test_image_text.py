"""A net of two nets: what is missing is not looked at, both ways to put together, and the check of its blocks."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from chainrule.nets import image_text
from chainrule.recipes.check import check
from chainrule.recipes.file import recipe_block
from chainrule.system.errors import ParamsError
from chainrule.training.bodies.image_text import Model
from chainrule.training.targets import label

TEXTS: dict[str, dict[str, Any]] = {
    "bag": {"width": 8, "buckets": 64, "dropout": 0.0},
    "bilstm": {"embedding": 8, "width": 8, "layers": 1, "dropout": 0.0, "pairs": 0},
    "text_cnn": {"embedding": 8, "filters": 4, "widths": [2, 3], "dropout": 0.0},
    "encoder": {
        "arch": "bert", "layers": 1, "width": 8, "heads": 2, "feed_forward": 16, "max_length": 16, "dropout": 0.0,
    },
}  # fmt: skip
IMAGES: dict[str, dict[str, Any]] = {
    "cnn": {"width": 4, "depth": 2, "dropout": 0.0},
    "resnet9": {"width": 4, "dropout": 0.0},
    "patch_encoder": {"patch": 8, "layers": 1, "width": 8, "heads": 2, "dropout": 0.0},
}


def built(image: str = "cnn", text: str = "bag", fusion: str = "late") -> image_text.ImageText:
    torch.manual_seed(0)
    return image_text.build(
        3,
        50,
        0,
        image={"name": image, **IMAGES[image]},
        text={"name": text, **TEXTS[text]},
        fusion=fusion,
        width=8,
        heads=2,
        layers=1,
        dropout=0.0,
    ).eval()


def row(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, 50, (2, 6), generator=drawn)
    return torch.randn(2, 3, 16, 16, generator=drawn), ids, torch.ones_like(ids)


@pytest.mark.parametrize("fusion", ["late", "cross"])
@pytest.mark.parametrize(("image", "text"), [*zip(["cnn", "resnet9", "patch_encoder", "cnn"], TEXTS, strict=True)])
def test_what_is_missing_is_not_looked_at(image: str, text: str, fusion: str) -> None:
    net = built(image, text, fusion)
    (pixels, ids, mask), (others, other_ids, _) = row(1), row(2)
    both, no_image, no_text = (torch.tensor([given] * 2) for given in ([1, 1], [0, 1], [1, 0]))
    whole = net(pixels, ids, mask, both)
    assert whole.shape == (2, net.out_features)
    torch.testing.assert_close(net(pixels, ids, mask, no_image), net(others, ids, mask, no_image))
    torch.testing.assert_close(net(pixels, ids, mask, no_text), net(pixels, other_ids, mask, no_text))
    assert not torch.allclose(whole, net(pixels, ids, mask, no_image), atol=1e-4)
    assert not torch.allclose(whole, net(others, ids, mask, both), atol=1e-4)
    assert not torch.allclose(whole, net(pixels, other_ids, mask, both), atol=1e-4)


@pytest.mark.parametrize("fusion", ["late", "cross"])
def test_filling_up_changes_no_answer(fusion: str) -> None:
    net = built("cnn", "bilstm", fusion)
    pixels, ids, mask = row(3)
    given = torch.ones(2, 2, dtype=torch.int64)
    wide = torch.nn.functional.pad(ids, (0, 5)), torch.nn.functional.pad(mask, (0, 5))
    torch.testing.assert_close(net(pixels, ids, mask, given), net(pixels, *wide, given))


@pytest.mark.parametrize("fusion", ["late", "cross"])
def test_every_weight_learns(fusion: str) -> None:
    net = built(fusion=fusion)
    pixels, ids, mask = row(4)
    # Of two rows one lacks its image, the other its text.
    found = (
        net(pixels, ids, mask, torch.tensor([[0, 1], [1, 0]])).sum() + net(pixels, ids, mask, torch.ones(2, 2)).sum()
    )
    found.backward()
    assert [name for name, weight in net.named_parameters() if weight.grad is None] == []


BLOCK: dict[str, Any] = {
    "task": "image_text_classification",
    "modality": "image_text",
    "target": "label",
    "seed": 1,
    "source": {"kind": "image_questions", "path": "asked"},
    "incoming": {"kind": "json_lines"},
    "clean": {},
    "split": {},
    "augment": {},
    "base": {"from": "nothing"},
    "net": {"name": "image_text"},
    "pretrain": {"objective": {"name": "none"}},
    "finetune": {"strategy": {"name": "full"}},
    "evaluate": {},
    "export": {},
}


def checked(root: Path, **blocks: Any) -> None:
    (root / "params.yaml").write_text(yaml.safe_dump({"recipes": {"asked": {**BLOCK, **blocks}}}))
    check(root)


def test_nets_inside_have_their_own_defaults(tmp_path: Path) -> None:
    checked(tmp_path, net={"name": "image_text", "image": {"name": "resnet9", "width": 8}, "text": {"name": "encoder"}})
    block = recipe_block(tmp_path, "asked")
    assert block["net"]["image"] == {"name": "resnet9", "width": 8, "dropout": 0.1}
    assert block["net"]["text"]["layers"] == 4
    assert block["pretrain"]["tokenizer"]["max_length"] == block["net"]["text"]["max_length"] == 128


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ({"net": {"name": "image_text", "image": {"name": "bag"}}}, "a net of images is needed"),
        ({"net": {"name": "image_text", "text": {"width": 3}}}, "a net of texts is needed"),
        ({"net": {"name": "image_text", "image": {"name": "cnn", "depth": 99}}}, "image.depth"),
        ({"net": {"name": "image_text", "width": 10, "heads": 4}}, "a multiple of heads"),
        ({"net": {"name": "cnn"}}, "a net of modality image_text is needed: image_text"),
        ({"clean": {"normalise": {"size": 32}}}, "clean.normalise.size"),
        ({"clean": {"normalise": {"text": {"min_characters": 9, "max_characters": 3}}}}, "at most max_characters"),
        ({"base": {"from": "timm", "name": "x"}}, "a net that a base from timm is of is needed: timm"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(tmp_path: Path, blocks: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamsError, match="1 mistake in") as caught:
        checked(tmp_path, **blocks)
    assert said in str(caught.value)


@pytest.mark.parametrize("fusion", ["late", "cross"])
def test_rows_of_one_image_give_the_same_as_each_with_its_own(fusion: str) -> None:
    facts = {"mean": [0.5] * 3, "std": [0.2] * 3}
    model = Model(built(fusion=fusion), label, facts, {"classes": ["a", "b"]}).eval()
    pixels = torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    image, same = pixels[[2, 0, 2, 1, 0]], torch.tensor([7, 3, 7, 5, 3])
    ids = torch.arange(1, 31).view(5, 6)
    given = torch.tensor([[1, 1], [1, 1], [0, 1], [1, 0], [1, 1]])
    inputs = {"image": image, "input_ids": ids, "attention_mask": torch.ones_like(ids), "given": given}
    seen: list[int] = []
    model.net.image.register_forward_pre_hook(lambda _, found: seen.append(len(found[0])))  # type: ignore[union-attr]
    one, other = model(**inputs), model(**inputs, same=same)
    torch.testing.assert_close(one, other)
    assert fusion == "cross" or seen == [5, 3]
