import json
import re
import socket

import pandas as pd
import pytest

from chainrule.data.columns import columns, of_fields
from chainrule.data.validation import Table, after_clean, after_split, failure_message, to_html, validate, view
from chainrule.fields import number
from chainrule.system.errors import ParamsError
from chainrule.tasks.field import Field
from chainrule.tasks.text_classification import rows as rules

FRAME = pd.DataFrame({"id": ["a", "b", "c"], "n": [1, 2, 30], "label": ["x", "y", "<z>"]})
GOOD = ("expect_column_values_to_be_unique", {"column": "id"})
LARGE = ("expect_column_values_to_be_between", {"column": "n", "min_value": 0, "max_value": 10})
UNKNOWN = ("expect_column_values_to_be_in_set", {"column": "label", "value_set": ["x", "y"]})
MEAN = ("expect_column_mean_to_be_between", {"column": "n", "min_value": 0, "max_value": 1})
ABSENT = ("expect_column_values_to_not_be_null", {"column": "m"})


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_a_report_names_each_expectation_in_order_with_what_was_found():
    report = validate(FRAME, [MEAN, GOOD, LARGE, UNKNOWN, ABSENT], "clean")
    assert report["name"] == "clean"
    assert report["success"] is False
    assert report["rows"] == 3
    kinds = [(entry["type"], entry["kwargs"]) for entry in report["expectations"]]
    assert kinds == [MEAN, GOOD, LARGE, UNKNOWN, ABSENT]
    found = [
        (entry["success"], entry["observed"], entry["unexpected"], entry["ids"]) for entry in report["expectations"]
    ]
    assert found == [
        (False, 11.0, 0, []),
        (True, None, 0, []),
        (False, None, 1, ["c"]),
        (False, None, 1, ["c"]),
        (False, None, 0, []),
    ]
    assert report["expectations"][4]["error"] == 'Error: The column "m" in BatchData does not exist.'
    assert all(entry["error"] is None for entry in report["expectations"][:4])


def test_a_report_is_json_and_the_same_on_every_run(capsys):
    first, second = (json.dumps(validate(FRAME, [GOOD, LARGE, ABSENT], "clean")) for _ in range(2))
    assert first == second
    assert validate(FRAME, [GOOD], "clean")["success"] is True
    assert "".join(capsys.readouterr()) == ""


def test_the_first_twenty_offending_rows_are_named_in_order():
    frame = pd.DataFrame({"id": [f"r{n}" for n in range(50)], "n": [99] * 50})
    entry = validate(frame, [LARGE], "clean")["expectations"][0]
    assert entry["unexpected"] == 50
    assert entry["ids"] == [f"r{n}" for n in range(20)]


@pytest.mark.parametrize(
    ("expectation", "message"),
    [
        (("expect_the_best", {}), "expect_the_best is no expectation"),
        (
            ("expect_column_values_to_be_unique", {"colunm": "id"}),
            "expect_column_values_to_be_unique colunm=id: ",
        ),
    ],
)
def test_a_wrong_expectation_is_refused(expectation, message):
    with pytest.raises(ParamsError, match=message):
        validate(FRAME, [expectation], "clean")


def test_the_failure_message_names_expectations_and_rows_on_one_line():
    report = validate(FRAME, [GOOD, LARGE, MEAN, ABSENT], "clean")
    assert failure_message(report) == (
        "3 of 4 checks failed: "
        "not so: Every n is from 0 to 10: 1 rows, ids c; "
        "not so: The mean n is from 0 to 1: found 11; "
        'not so: No m is missing: Error: The column "m" in BatchData does not exist.'
    )


def test_the_failure_message_says_what_helps_where_that_is_known():
    frame = pd.DataFrame({"id": ["a", "b"], "width": [640, 800], "height": [480, 600]})
    one = "expect_column_unique_value_count_to_be_between"
    sides = [(one, {"column": column, "min_value": 1, "max_value": 1}) for column in ("width", "height")]
    assert failure_message(validate(frame, sides, "clean")) == (
        "2 of 2 checks failed: not so: All images are equally wide: found 2; "
        "not so: All images are equally high: found 2; "
        "set clean.normalise.size, such as 64, or what a pretrained net takes (often 224): every image is then scaled "
        "and cut to that side"
    )


def test_no_check_of_the_tasks_is_told_in_the_librarys_words():
    pictures, texts = columns("image_classification", "image"), columns("text_classification", "text")
    pair = of_fields((Field("one", "text", "input"), Field("two", "text", "input"), Field("y", "number", "target")))
    labelled, lengths = rules.expectations("label", ["x"]), {"min_characters": 1, "max_characters": 9}
    suites = [
        *after_split(texts),
        *after_clean(pictures, {"size": None}, labelled),
        *after_clean(pictures, {"size": 8}, labelled),
        *after_clean(texts, lengths, labelled),
        *after_clean(pair, lengths, number.expectations("y", [1.0, 2.0])),
    ]
    page = to_html(validate(FRAME, suites, "x"), "x")
    shown = re.findall(r"<td>([^<]*)</td><td>", page)
    assert len(shown) == len(suites)
    assert not [text for text in shown if "_value" in text or "column" in text or "{" in text]
    assert "Every class has at least 2 rows" in shown
    assert "Every width is 8" in shown
    assert "Test has rows" in shown
    assert "Every number of characters of one is from 1 to 9" in shown
    assert "Every y is from 1 to 2" in shown


def test_the_page_shows_warnings_and_tables_escaped():
    table = Table("Rows of <each>", ("class", "rows"), [("<a>", "12"), ("b", "3")])
    page = to_html(validate(FRAME, [GOOD], "x"), "x", ["half of <the> rows"], [table])
    assert '<ul class="warnings"><li>half of &lt;the&gt; rows</li></ul>' in page
    assert "<h2>Rows of &lt;each&gt;</h2>" in page
    assert '<td>&lt;a&gt;</td><td class="number">12</td>' in page
    assert 'class="warnings"' not in to_html(validate(FRAME, [GOOD], "x"), "x").partition("<body>")[2]


def test_the_failure_message_stays_short():
    frame = pd.DataFrame({"id": [f"r{n}" for n in range(50)], "n": [99] * 50})
    assert failure_message(validate(frame, [LARGE], "clean")).endswith("50 rows, ids r0, r1, r2, r3, r4 and 45 more")


def test_the_page_is_self_contained_escaped_and_marks_what_failed():
    report = validate(
        FRAME,
        [GOOD, LARGE, ("expect_column_values_to_be_in_set", {"column": "label", "value_set": ["<i>"]})],
        "x",
    )
    page = to_html(report, "Rows of <digits>")
    assert "<title>Rows of &lt;digits&gt;</title>" in page
    assert "&lt;i&gt;" in page
    assert "<i>" not in page
    assert page.count("✓ yes") == 1
    assert page.count("✗ no") == 2
    assert page.count('<tr class="failed">') == 2
    assert "2 failed" in page
    assert '<td class="ids">c</td>' in page
    for fetched in ("http", "<script", "<link", "src=", "url(", "@import"):
        assert fetched not in page


def test_row_ids_are_escaped_on_the_page():
    frame = pd.DataFrame({"id": ["<a>"], "n": [99]})
    assert '<td class="ids">&lt;a&gt;</td>' in to_html(validate(frame, [LARGE], "x"), "Rows")


def rows_with_splits() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": list("abcdefg"),
            "group": ["g", "g", "h", "i", "j", "k", "u"],
            "text": ["one", "", "three", "four", "five", "six", None],
            "label": pd.Series(["x", "x", "x", "y", "y", "x", None], dtype="str"),
            "part": pd.Series([None, None, None, None, None, "test", "unlabelled"], dtype="str"),
        }
    )


def test_the_view_shows_what_suites_need():
    described = pd.DataFrame({"characters": [3, 0, 5, 4, 4, 3, 0]})
    seen = view(rows_with_splits(), columns("text_classification", "text"), rules, [described])
    assert seen["text"].isna().tolist() == [False, True, False, False, False, False, True]
    assert seen["characters"].tolist() == [3, 0, 5, 4, 4, 3, 0]
    assert seen["rows_of_class"].tolist()[:6] == [4, 4, 4, 2, 2, 4]
    assert "splits_of_group" not in seen


def test_the_view_of_split_rows_shows_groups_and_labels_of_splits():
    rows = rows_with_splits()
    rows["split"] = ["train", "validation", "train", "train", "validation", "test", "unlabelled"]
    seen = view(rows, columns("text_classification", "text"), rules, [pd.DataFrame(index=range(7))])
    assert seen["splits_of_group"].tolist() == [2, 2, 1, 1, 1, 1, 1]
    assert seen["in_validation"].dropna().tolist() == ["b", "e"]
    assert seen["classes_not_trained"].tolist() == [0] * 7
    assert view(rows.assign(split="test"), columns("text_classification", "text"), rules, [rows[["id"]].iloc[:, :0]])[
        "classes_not_trained"
    ].tolist() == [1] * 5 + [1, 0]
