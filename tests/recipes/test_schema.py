"""What editors and readers are told of params.yaml is what the check holds."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import shipped
from chainrule.recipes.options import page
from chainrule.recipes.schema import json_schema

ROOT = Path(__file__).parents[2]


@pytest.fixture
def params() -> dict[str, Any]:
    return shipped.params()


def findings(params: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft202012Validator(json_schema())
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(params)]


def test_the_json_schema_for_editors_is_current() -> None:
    written = json.loads((ROOT / "docs" / "params.schema.json").read_text())
    assert written == json_schema(), "run: python -m chainrule.recipes.check --schema > docs/params.schema.json"


def test_the_page_of_options_is_current() -> None:
    written = (ROOT / "docs" / "options.md").read_text()
    assert written == page(), "run: python -m chainrule.recipes.check --options > docs/options.md"


def test_the_command_prints_the_page() -> None:
    command = [sys.executable, "-m", "chainrule.recipes.check", "--options"]
    assert subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout == page()


def test_every_plug_in_stands_on_the_page() -> None:
    said = page()
    for name in (
        "net.name: torchvision",
        "source.kind: idx",
        "incoming.kind: delimited",
        "finetune.strategy.name: full",
    ):
        assert f"### `{name}`" in said
    assert "| `mask_ratio` | number > 0, < 1 | `0.5` | share of the patches that are hidden |" in said
    assert "| `gradient_clip` | number > 0 or null | `null`, or by modality or by task | largest gradient norm;" in said


def test_the_json_schema_accepts_the_projects_file(params: dict[str, Any]) -> None:
    assert findings(params) == []


@pytest.mark.parametrize(
    ("recipe", "place", "value", "said"),
    [
        ("digits", ("net", "name"), "dsd-net", "net.name: 'dsd-net' is not one of ['bag', 'bilstm', 'cnn', "),
        ("digits", ("source", "kind"), "images", "source.kind: 'images' is not one of ['arrays', "),
        ("reviews", ("pretrain", "objective", "name"), "mlm", "pretrain.objective.name: 'mlm' is not one of ['none', "),
        ("digits", ("net", "widht"), 3, "net: Additional properties are not allowed ('widht' was unexpected)"),
        ("digits", ("net", "width"), "wide", "net.width: 'wide' is not of type 'integer'"),
        ("digits", ("finetune", "distort", "drop"), 0.1, "finetune.distort: Additional properties are not allowed"),
        (
            "reviews",
            ("clean", "normalise", "lowercase"),
            "no",
            "clean.normalise.lowercase: 'no' is not of type 'boolean'",
        ),
        ("digits", ("pretrain", "tokenizer"), {}, "pretrain.tokenizer: {} is not of type 'null'"),
    ],
)
def test_a_mistake_is_one_finding_that_says_what_is_allowed(
    params: dict[str, Any], recipe: str, place: tuple[str, ...], value: Any, said: str
) -> None:
    block = params["recipes"][recipe]
    for key in place[:-1]:
        block = block[key]
    block[place[-1]] = value
    (finding,) = findings(params)
    assert finding.startswith(f"recipes.{recipe}.{said}")
