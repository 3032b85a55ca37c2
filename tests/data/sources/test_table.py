"""The table of sources: its models fit the readers' arguments and refuse what a reader could not use."""

import importlib
import inspect
from typing import Any

import pytest
from pydantic import ValidationError

from chainrule.data.sources.table import SOURCES

TSV = {
    "path": "shared/sst2",
    "files": {"train": "train.tsv"},
    "delimiter": "\t",
    "quoting": False,
    "header": False,
    "text": 0,
    "label": 1,
    "labels": {"0": "negative"},
    "group": None,
}


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_options_are_the_arguments_of_the_reader(kind: str) -> None:
    read = importlib.import_module(f"chainrule.data.sources.{kind}").read
    assert set(SOURCES[kind].model_fields) == set(inspect.signature(read).parameters)
    assert SOURCES[kind].modality in ("image", "text")


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_every_option_is_explicit_and_described(kind: str) -> None:
    for field in SOURCES[kind].model_fields.values():
        assert field.is_required()
        assert field.description


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("digits", {"path": "x", "block": 0}, "greater than or equal to 1"),
        ("digits", {"path": "x"}, "Field required"),
        ("digits", {"path": "x", "block": 1, "blocks": 1}, "Extra inputs"),
        ("idx", {"path": "x", "classes": ["a", "a"]}, "names a class twice"),
        ("image_folder", {"path": "x", "group_pattern": "a"}, "has 0 groups"),
        ("image_folder", {"path": "x", "group_pattern": "("}, "no regular expression"),
        ("class_files", {"path": "x", "files": {"a": "a.txt"}}, "at least 2"),
        ("delimited", TSV | {"text": "text", "label": "label"}, "without a header text and label"),
        ("delimited", TSV | {"delimiter": '"'}, "other than a quote"),
        ("delimited", TSV | {"files": {"dev": "dev.tsv"}}, "'train', 'validation'"),
        ("reviews", {"path": "x", "seed": 1, "labelled": 0, "unlabelled": 0}, "greater than or equal to 1"),
    ],
)
def test_options_that_a_reader_could_not_use_are_refused(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SOURCES[kind].model_validate(options)


def test_options_are_passed_on_as_plain_values() -> None:
    assert SOURCES["delimited"].model_validate(TSV).model_dump() == TSV
