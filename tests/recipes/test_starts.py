"""What a recipe cannot start from is said with every other mistake, before any work."""

import re
from typing import Any

import pytest

import shipped
from chainrule.recipes.check import find_mistakes

HUB = {"from": "huggingface", "name": "somebody/tiny"}


def said(base: Any, recipe: str = "digits", **others: dict[str, Any]) -> list[str]:
    """Return the mistakes of the shipped file, in which a recipe has another base; others: blocks changed as well."""
    params = shipped.params()
    params["recipes"][recipe]["base"] = base
    for name, changed in others.items():
        params["recipes"][name] |= changed
    return [str(mistake) for mistake in find_mistakes(params)]


@pytest.mark.parametrize(
    ("base", "lines"),
    [
        (
            {"from": "hugingface", "name": "x"},
            ["base.from: found 'hugingface'; one of .*did you mean 'huggingface'"],
        ),
        ({"from": "torchvision"}, ["base.name: found nothing; is needed"]),
        ({"from": "timm", "name": ""}, ["base.name: found ''"]),
        ({"from": "timm", "name": "resnet18", "rev": "x"}, ["base.rev: .*unknown key; .*did you mean 'revision'"]),
        ({"from": "timm/resnet18", "name": "x"}, ["base.from: found 'timm/resnet18'; timm stands alone"]),
        (
            {"from": "mlflow", "name": "digits"},
            ["base.name: found 'digits'; models:/NAME@ALIAS or"],
        ),
        ({"from": "finetuned/digit"}, ["base.from: found 'finetuned/digit'; .*: reviews"]),
        ({"from": "finetuned/digits"}, ["base.from: found 'finetuned/digits'; .*another recipe is needed"]),
        ({"from": "finetuned"}, ["base.from: found 'finetuned/'; .*another recipe is needed"]),
        ("nothing", ["base: found 'nothing'"]),
    ],
)
def test_a_mistaken_base_is_one_line_with_its_key(base: Any, lines: list[str]) -> None:
    found = [line for line in said(base) if ".base" in line]
    assert len(found) == len(lines), found
    for line, pattern in zip(found, lines, strict=True):
        assert re.search(f"recipes.digits.{pattern}", line), line


def test_all_of_it_is_said_at_once_with_the_net_that_is_needed() -> None:
    found = said({"from": "huggingface"}, reviews={"base": {"from": "torchvision", "name": "x"}})
    assert any("recipes.digits.base.from" in line and "modality text" in line for line in found)
    assert any("recipes.digits.base.name" in line for line in found)
    assert any("recipes.reviews.base.from" in line and "modality image" in line for line in found)
    assert any("net.name" in line and "transformers" in line for line in said(HUB, "reviews"))
    assert not [line for line in said({"from": "mlflow", "name": "models:/digits@champion"}) if "digits.base" in line]
    assert not [line for line in said({"from": "mlflow", "name": "models:/digits/3"}) if "digits.base" in line]


def test_another_recipe_must_be_of_this_ones_kind_and_net_and_come_first() -> None:
    (found,) = [line for line in said({"from": "finetuned/reviews"}) if "modality" in line]
    assert "its modality is text, this recipe's image" in found
    params = shipped.params()
    params["recipes"]["more"] = {**params["recipes"]["digits"], "base": {"from": "pretrained/digits"}}
    assert find_mistakes(params) == []
    params["recipes"]["digits"]["base"] = {"from": "finetuned/more"}
    assert {mistake.path for mistake in find_mistakes(params)} == {"recipes.digits.base.from", "recipes.more.base.from"}
    assert any("one has to come first" in str(mistake) for mistake in find_mistakes(params))
