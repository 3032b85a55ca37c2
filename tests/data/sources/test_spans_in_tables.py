"""Spans in JSON Lines and in cells: objects or lists, and what is no list of spans."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from chainrule.data.sources import delimited, json_lines
from chainrule.tasks.token_classification.fields import fields

FIELDS = fields("text")


def rows(path: Path, *lines: dict[str, Any], **options: Any) -> pd.DataFrame:
    (path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return json_lines.read(path / "rows.jsonl", fields=FIELDS, **options)


def test_objects_and_lists_are_spans(tmp_path: Path) -> None:
    found = rows(
        tmp_path,
        {"text": "Anna met Otto", "spans": [{"start": 0, "end": 4, "label": "PER", "text": "Anna"}, [9, 13, "PER"]]},
        {"text": "nobody came", "spans": []},
        {"text": "who knows"},
    )
    assert found["spans"].tolist()[:2] == ['[[0, 4, "PER"], [9, 13, "PER"]]', "[]"]
    assert pd.isna(found["spans"].iloc[2]) and found["problem"].isna().all()


def test_another_column_and_names_of_labels(tmp_path: Path) -> None:
    found = rows(tmp_path, {"text": "Anna", "label": [[0, 4, "p"]]}, {"text": "Rome", "label": [[0, 4, "x"]]},
                 columns={"spans": "label"}, labels={"p": "PER"})  # fmt: skip
    assert found["spans"].iloc[0] == '[[0, 4, "PER"]]' and found["problem"].iloc[1] == "unknown_label: 'x'"


def test_what_is_no_list_of_spans_is_a_problem_of_its_row(tmp_path: Path) -> None:
    wrong: list[Any] = ["PER", {"start": 0}, [[0, 4]], [[0, 4, 7]], [{"start": "0", "end": 4, "label": "PER"}], 3]
    found = rows(tmp_path, *({"text": "Anna", "spans": each} for each in wrong), {"text": "Otto", "spans": []})
    assert [str(problem).partition(":")[0] for problem in found["problem"]] == ["unreadable_spans"] * 6 + ["None"] or (
        found["problem"].iloc[:6].str.startswith("unreadable_spans").all()
    )
    assert pd.isna(found["problem"].iloc[6])


def test_a_cell_may_hold_json(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text('text;spans\nAnna met Otto;"[[0, 4, ""PER""]]"\nnobody;\n')
    found = delimited.read(tmp_path / "rows.csv", fields=FIELDS, delimiter=";")
    assert found["spans"].iloc[0] == '[[0, 4, "PER"]]' and pd.isna(found["spans"].iloc[1])
