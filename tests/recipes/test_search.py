"""What a recipe may say of its search, and what of params.yaml is written anew."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import shipped
from chainrule.recipes import check, rewriting
from chainrule.recipes.search import Range, candidates, with_values
from chainrule.system.errors import ParamsError


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("1e-5..1e-3:log", Range(1e-5, 1e-3, log=True)),
        ("2..8", Range(2, 8)),
        ("2..8:2", Range(2, 8, step=2)),
        ("0.0..0.3", Range(0.0, 0.3)),
        ("0..1:0.25", Range(0, 1, step=0.25)),
        (["adamw", "sgd"], ["adamw", "sgd"]),
    ],
)
def test_a_range_or_a_list_is_searched(given: Any, found: Any) -> None:
    assert candidates(given) == found


def test_whole_numbers_stay_whole_unless_an_end_or_the_step_is_not() -> None:
    assert candidates("2..8:2").whole and not candidates("0..1:0.25").whole and not candidates("1..8.0").whole


@pytest.mark.parametrize("given", ["8..2", "0..1:log", "2..8:9", "2-8", "fast", [], [[1]], [1, 1], 3])
def test_anything_else_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match=r"needed|first|begins|once|step"):
        candidates(given)


def test_every_mistake_of_a_space_is_said_at_once_with_its_place() -> None:
    params = shipped.params()
    params["recipes"]["reviews"]["search"] = {
        "sampler": "tree",
        "space": {
            "finetune.learning_rate": "1e-5..20:log",
            "finetune.optimizer": ["adamw", "adamm"],
            "finetune.lerning_rate": [1],
            "finetune.batch_size": "8-9",
            "split.test": [0.1],
            "net.width": [64, 66],
        },
    }
    said = "\n".join(map(str, check.find_mistakes(params)))
    space = "recipes.reviews.search.space"
    for expected in (
        "recipes.reviews.search.sampler: found 'tree'",
        f"{space}.finetune.learning_rate: recipes.reviews.finetune.learning_rate: found 20",
        f"{space}.finetune.optimizer: recipes.reviews.finetune.optimizer: found 'adamm'",
        "unknown key",
        f"{space}.finetune.batch_size: found '8-9'; a list of values, or LOW..HIGH",
        f"{space}.split.test: found 'split.test'; a dotted key of augment, net, pretrain, finetune is needed",
        f"{space}.net.width: recipes.reviews.net.width: found 66; a multiple of heads",
    ):
        assert expected in said
    assert len(said.splitlines()) == 7


def test_values_are_set_beside_what_is_there_and_in_blocks_that_are_not() -> None:
    block = {"net": {"name": "cnn"}, "pretrain": {"training": None}}
    changed = with_values(block, {"net.width": 8, "pretrain.training.epochs": 2, "augment.copies": 1})
    assert changed == {
        "net": {"name": "cnn", "width": 8},
        "pretrain": {"training": {"epochs": 2}},
        "augment": {"copies": 1},
    }
    assert block == {"net": {"name": "cnn"}, "pretrain": {"training": None}}


TEXT = """# mine
recipes:
  films: # the first
    net: {name: cnn, width: 8}   # small
    labels:
      {"0": finance, "1": realty,
       "2": stocks}
    finetune:
      epochs: 2 # few
      learning_rate: 1.0e-3

    export: {}
  other:
    finetune: {epochs: 2}
"""


def test_only_the_lines_of_what_is_changed_are_written_anew(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(TEXT)
    values = {"finetune.epochs": 5, "finetune.weight_decay": 0.01, "net.dropout": None}
    before, after = rewriting.rewritten(tmp_path, "films", values)
    assert before == TEXT
    assert yaml.safe_load(after) == {"recipes": {
        "films": with_values(yaml.safe_load(TEXT)["recipes"]["films"], values),
        "other": {"finetune": {"epochs": 2}},
    }}  # fmt: skip
    changed = [line for line in rewriting.difference(before, after).splitlines()[2:] if line[:1] in "+-"]
    assert changed == [
        "-    net: {name: cnn, width: 8}   # small",
        "+    net: {name: cnn, dropout: null, width: 8} # small",
        "-      epochs: 2 # few",
        "+      epochs: 5 # few",
        "+      weight_decay: 0.01",
    ]


def test_a_file_that_was_changed_meanwhile_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(TEXT)
    before, after = rewriting.rewritten(tmp_path, "films", {"finetune.epochs": 5})
    (tmp_path / "params.yaml").write_text(TEXT + "# mine, now\n")
    with pytest.raises(ParamsError, match="changed meanwhile"):
        rewriting.write(tmp_path, before, after)
    assert (tmp_path / "params.yaml").read_text() == TEXT + "# mine, now\n"
