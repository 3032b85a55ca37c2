import pandas as pd
import pytest

from chainrule.data.columns import Columns, columns
from chainrule.data.validation import after_clean, after_split, validate, view
from chainrule.tasks.image_classification import rows as image_rows
from chainrule.tasks.text_classification import rows as text_rows

COUNT = 12
PICTURES = columns("image_classification", "image")
TEXTS = columns("text_classification", "text")


def clean_rows(column: str) -> pd.DataFrame:
    names = [f"r{n}" for n in range(COUNT)]
    return pd.DataFrame(
        {
            "id": pd.Series(names, dtype="str"),
            "group": pd.Series(names, dtype="str"),
            column: [b"bytes" if column == "image" else "some words"] * COUNT,
            "label": pd.Series(["a", "b"] * (COUNT // 2), dtype="str"),
            "part": pd.Series([None] * COUNT, dtype="str"),
            "origin": pd.Series(names, dtype="str"),
        }
    )


def pictures(**changes: object) -> pd.DataFrame:
    return pd.DataFrame({"width": 8, "height": 8, "mean": [float(n) for n in range(COUNT)]}).assign(**changes)


def texts(**changes: object) -> pd.DataFrame:
    return pd.DataFrame({"characters": [10] * COUNT, "words": 2}).assign(**changes)


def failed(report: dict) -> list[str]:
    return [
        f"{entry['type']} {entry['kwargs'].get('column')}" for entry in report["expectations"] if not entry["success"]
    ]


def check_pictures(rows: pd.DataFrame, described: pd.DataFrame, size: int | None = 8) -> list[str]:
    expected = image_rows.expectations("label", ["a", "b"])
    suite = after_clean(PICTURES, {"mode": "L", "size": size, "max_pixels": 99}, expected)
    return failed(validate(view(rows, PICTURES, image_rows, [described]), suite, "clean"))


def check_texts(rows: pd.DataFrame, described: pd.DataFrame) -> list[str]:
    suite = after_clean(TEXTS, {"min_characters": 5, "max_characters": 20}, text_rows.expectations("label", ["a", "b"]))
    return failed(validate(view(rows, TEXTS, text_rows, [described]), suite, "clean"))


def test_good_rows_pass_after_clean():
    assert check_pictures(clean_rows("image"), pictures()) == []
    assert check_pictures(clean_rows("image"), pictures(width=99), size=None) == []
    several = pictures(width=[8, 9] * (COUNT // 2))
    assert check_pictures(clean_rows("image"), several, size=None) == [
        "expect_column_unique_value_count_to_be_between width"
    ]
    assert check_texts(clean_rows("text"), texts()) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"id": "same"}, ["expect_column_values_to_be_unique id"]),
        ({"group": [None] * COUNT}, ["expect_column_values_to_not_be_null group"]),
        ({"text": [""] * COUNT}, ["expect_column_values_to_not_be_null text"]),
        ({"part": "dev"}, ["expect_column_values_to_be_in_set part"]),
        (
            {"label": ["a", "b"] * 5 + ["a", "c"]},
            ["expect_column_values_to_be_in_set label", "expect_column_values_to_be_between rows_of_class"],
        ),
        ({"label": "a"}, ["expect_column_distinct_values_to_contain_set label"]),
    ],
)
def test_bad_rows_fail_after_clean(change, expected):
    assert check_texts(clean_rows("text").assign(**change), texts()) == expected


def test_unlabelled_rows_pass_after_clean():
    rows = clean_rows("text")
    extra = clean_rows("text").assign(id=[f"u{n}" for n in range(COUNT)], label=None, part="unlabelled")
    both = pd.concat([rows, extra], ignore_index=True)
    assert check_texts(both, pd.concat([texts(), texts()])) == []


def test_sizes_and_lengths_out_of_range_fail():
    assert check_pictures(clean_rows("image"), pictures(width=99)) == ["expect_column_values_to_be_between width"]
    assert check_pictures(clean_rows("image"), pictures(height=1)) == ["expect_column_values_to_be_between height"]
    assert check_pictures(clean_rows("image"), pictures(mean=7.0)) == ["expect_column_stdev_to_be_between mean"]
    assert check_texts(clean_rows("text"), texts(characters=21)) == ["expect_column_values_to_be_between characters"]


@pytest.mark.parametrize("fields", [PICTURES, TEXTS])
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"group": "one"}, ["expect_column_values_to_be_between splits_of_group"]),
        (
            {"split": ["train"] * 8 + ["validation"] * 4},
            ["expect_column_unique_value_count_to_be_between in_test"],
        ),
        ({"label": ["a", "b"] * 4 + ["a", "a", "a", "a"]}, []),
        ({"label": ["a"] * 8 + ["a", "b"] * 2}, ["expect_column_values_to_be_between classes_not_trained"]),
        (
            {"split": ["trian"] * 2 + ["train"] * 6 + ["validation"] * 2 + ["test"] * 2},
            ["expect_column_values_to_be_in_set split"],
        ),
    ],
)
def test_the_suite_after_split_finds(fields: Columns, change, expected):
    rows = clean_rows(fields.inputs[0].name)
    rows = rows.assign(split=["train"] * 8 + ["validation"] * 2 + ["test"] * 2).assign(**change)
    described = pictures() if fields is PICTURES else texts()
    seen = view(rows, fields, text_rows, [described])
    assert failed(validate(seen, after_split(fields), "split")) == expected
