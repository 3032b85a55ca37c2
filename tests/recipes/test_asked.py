"""A task whose fields the source does not give, and what columns are of no field, each in one line with the remedy."""

from typing import Any

from chainrule.recipes.asked import not_given, unknown_kinds
from chainrule.tasks.field import Field

PAIR = (Field("first", "text", "input"), Field("second", "text", "input"), Field("label", "label", "target"))
PRICE = (Field("image", "image", "input"), Field("price", "number", "target"))


def said(fields: tuple[Field, ...], source: dict[str, Any], incoming: dict[str, Any] | None = None) -> list[str]:
    block = {"source": source, "incoming": incoming or {"kind": "delimited", "header": True}}
    return [str(mistake) for mistake in not_given(block, "mine", fields, "recipes.r")]


def test_a_source_of_one_text_gives_no_pair() -> None:
    source, incoming = said(PAIR, {"kind": "class_files"}, {"kind": "class_files"})
    assert source == (
        "recipes.r.source.kind: found 'class_files'; it gives text and label, and task mine needs first and second as "
        "well; a source with columns is needed: delimited, excel, hub, json_lines, parquet"
    )
    assert incoming == source.replace("source.kind", "incoming.kind").replace("hub, ", ""), "a hub takes nothing in"
    assert said(PAIR, {"kind": "delimited", "header": True}) == []


def test_folders_give_no_number_and_a_table_does() -> None:
    (line,) = said(PRICE, {"kind": "image_folder"})
    assert "it gives image and label, and task mine needs price as well" in line
    assert said(PRICE, {"kind": "delimited", "header": True}) == []


def test_columns_are_of_fields_and_names_of_classes_are_of_labels() -> None:
    options = {"kind": "delimited", "header": True, "columns": {"frist": "a", "label": ["x", "y"]}}
    unknown, several = said(PAIR, options)
    assert unknown.startswith("recipes.r.source.columns.frist: found 'a'; no field of the task; its fields are first, ")
    assert unknown.endswith("; did you mean 'first'?")
    assert several.startswith(
        "recipes.r.source.columns.label: found ['x', 'y']; one column is needed: label is a label"
    )
    assert said(PRICE, {"kind": "delimited", "header": True, "labels": {"1": "one"}}) == [
        "recipes.r.source.labels: found {'1': 'one'}; null is needed: the price is a number, and labels names classes"
    ]


def test_a_field_of_an_unknown_kind_is_named_with_the_nearest() -> None:
    (mistake,) = unknown_kinds("mine", (Field("price", "numbr", "target"),), "recipes.r")
    assert str(mistake).startswith(
        "recipes.r.task: found 'mine'; its field price is of an unknown kind 'numbr'; one of "
    )
    assert str(mistake).endswith("; did you mean 'number'?")
