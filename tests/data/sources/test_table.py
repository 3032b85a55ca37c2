"""The table of sources: its models fit the readers' arguments and refuse what a reader could not use."""

import importlib
import inspect
from typing import Any

import pytest
from pydantic import ValidationError

from chainrule.data.sources.catalogue import DEFAULTS, INCOMING, SOURCES
from chainrule.fields.catalogue import MODALITIES

TSV = {
    "path": "shared/sst2",
    "files": {"train": "train.tsv"},
    "delimiter": "\t",
    "quoting": False,
    "header": False,
    "columns": {"text": 0, "label": 1},
    "labels": {"0": "negative"},
    "separator": ",",
    "decimal": ".",
    "thousands": "",
    "named": "{}",
    "skip": 0,
    "group": None,
    "time": None,
    "part": None,
    "encoding": None,
    "max_cell": 1_000_000,
}


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_options_are_the_arguments_of_the_reader(kind: str) -> None:
    source = importlib.import_module(f"chainrule.data.sources.{kind}")
    read = source.read
    taken = inspect.signature(read).parameters
    assert set(SOURCES[kind].model_fields) == taken.keys() - {"section", "fields"}
    for name, default in DEFAULTS[kind].items():
        assert taken[name].default in (inspect.Parameter.empty, default), name
    # A source that does not say what it gives is told what is needed.
    assert hasattr(source, "GIVES") == ("fields" not in taken)
    assert SOURCES[kind].gives is not None or "fields" in taken
    # Sources of batches say which block their messages mean.
    assert (kind in INCOMING) == ("section" in taken)
    assert set(SOURCES[kind].modalities) <= set(MODALITIES)


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_every_option_is_described(kind: str) -> None:
    for field in SOURCES[kind].model_fields.values():
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
        (
            "delimited",
            TSV | {"columns": {"text": "text", "label": "label"}},
            "without a header columns.text and",
        ),
        (
            "delimited",
            TSV | {"columns": {"text": 1, "label": 1}},
            "label name one column twice, 1",
        ),
        ("delimited", TSV | {"columns": {"labels": []}}, "at least 1 item"),
        (
            "delimited",
            TSV | {"text": 0, "label": "y"},
            "stand under columns: columns: {text: 0, label: 'y'}",
        ),
        ("delimited", TSV | {"decimal": ";"}, "'.' or ','"),
        ("delimited", TSV | {"files": {"train": "a.csv", "test": "a.csv"}}, "names one file for two parts"),
        ("delimited", TSV | {"delimiter": '"'}, "no quote and no line end"),
        ("delimited", TSV | {"files": {"dev": "dev.tsv"}}, "'train', 'validation'"),
        ("delimited", TSV | {"encoding": "gbk2312"}, "unknown encoding: gbk2312; such as utf-8, gb18030"),
        ("class_files", {"path": "x", "files": {"a": "a", "b": "b"}, "encoding": "base64"}, "not a text encoding"),
        ("class_files", {"path": "x", "files": {"train": "a", "Testing": "b"}}, "train, Testing are parts of a split"),
        ("delimited", TSV | {"thousands": "."}, "decimal and thousands are both '.'"),
        ("delimited", TSV | {"named": "images/*.jpg"}, "should match pattern"),
        ("delimited", TSV | {"max_cell": 0}, "greater than or equal to 1"),
        ("delimited", TSV | {"part": 2}, "part and files both say which rows are which part"),
        ("delimited", TSV | {"header": ["text", "text"]}, "names two columns alike"),
        ("delimited", TSV | {"files": None, "part": "fold"}, "without a header part must be column numbers"),
        ("reviews", {"path": "x", "seed": 1, "labelled": 0, "unlabelled": 0}, "greater than or equal to 1"),
    ],
)
def test_options_that_a_reader_could_not_use_are_refused(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SOURCES[kind].model_validate(options)


def test_options_are_passed_on_as_plain_values() -> None:
    assert SOURCES["delimited"].model_validate(TSV).model_dump() == TSV
