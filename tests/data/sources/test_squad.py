"""SQuAD's JSON, and its copies in tables, through the readers, and what is wrong in them."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from chainrule.data.columns import columns
from chainrule.data.reading import reader
from chainrule.fields import answer
from chainrule.inspection import detection
from chainrule.inspection.examples import Options
from chainrule.system.errors import DataError

COLUMNS = columns("question_answering", "text")


def question(name: str, *answers: tuple[str, int], **more: Any) -> dict[str, Any]:
    return {"id": name, "question": f"{name}?", "answers": [{"text": t, "answer_start": s} for t, s in answers], **more}


def squad(path: Path, *qas: Any, title: str = "Rome", context: Any = "It is red.") -> Path:
    data = [{"title": title, "paragraphs": [{"context": context, "qas": list(qas)}]}]
    path.write_text(json.dumps({"version": "v2.0", "data": data}, ensure_ascii=False), encoding="utf-8")
    return path


def read(path: Path, kind: str = "squad", **options: Any) -> pd.DataFrame:
    return reader(kind, COLUMNS)(path, **options)


def test_each_question_is_a_row_of_its_article(tmp_path: Path) -> None:
    none = question("b", is_impossible=True)
    rows = read(squad(tmp_path / "a.json", question("a", ("red", 6), ("It", 0)), none, question("c")))
    assert rows["id"].tolist() == [f"all/00001/0001/000{number}" for number in (1, 2, 3)]
    assert set(rows["group"]) == {"Rome"} and rows["part"].isna().all() and rows["problem"].isna().all()
    assert answer.read(rows["answers"][0]) == (answer.Answer("red", 6), answer.Answer("It", 0))
    assert rows["answers"][1] == "[]" and pd.isna(rows["answers"][2])
    assert rows["question"][0] == b"a?" and rows["origin"][1] == "a.json:b"


def test_what_is_no_question_is_a_row_with_its_problem(tmp_path: Path) -> None:
    broken = {"id": "b", "question": "b?", "answers": [{"text": "red"}]}
    rows = read(squad(tmp_path / "a.json", {"id": "a"}, broken, "c"))
    assert [problem.partition(":")[0] for problem in rows["problem"]] == [
        "not_a_question",
        "unreadable_answer",
        "not_a_question",
    ]
    assert read(squad(tmp_path / "b.json", context=7))["problem"][0].startswith("not_a_paragraph")


@pytest.mark.parametrize("content", ["[1]", "{}", '{"data": []}', "{", '{"data": 3}'])
def test_another_form_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=r"a\.json"):
        read(tmp_path / "a.json")


def test_a_folder_says_its_parts(tmp_path: Path) -> None:
    squad(tmp_path / "train-v2.0.json", question("a", ("red", 6)))
    squad(tmp_path / "dev-v2.0.json", question("b", ("red", 6)), title="Oslo")
    rows = read(tmp_path)
    assert sorted(rows["part"]) == ["train", "validation"]
    found = detection.detect(tmp_path, Options())
    assert found.source["files"] == {"train": "train-v2.0.json", "test": "dev-v2.0.json"}
    assert (found.task, found.target, found.rows, found.split) == ("question_answering", "answer", 2, {"test": 0})


@pytest.mark.parametrize(
    "cell",
    [{"text": ["red"], "answer_start": [6]}, [{"text": "red", "answer_start": 6}], '{"text": ["red"], "start": [6]}'],
)
def test_copies_in_tables_are_read(tmp_path: Path, cell: Any) -> None:
    row = {"title": "Rome", "question": "a?", "context": "It is red.", "answers": cell}
    none = {**row, "question": "b?", "answers": {"text": [], "answer_start": []}}
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(each) + "\n" for each in (row, none)))
    rows = read(tmp_path / "a.jsonl", "json_lines", group="title")
    assert answer.read(rows["answers"][0]) == (answer.Answer("red", 6),)
    assert rows["answers"][1] == "[]" and set(rows["group"]) == {"Rome"}
    found = detection.detect(tmp_path / "a.jsonl", Options())
    assert (found.task, found.source["kind"], found.source["group"]) == ("question_answering", "json_lines", "title")


def test_files_that_are_no_parts_are_to_be_named(tmp_path: Path) -> None:
    for language in ("en", "de"):
        squad(tmp_path / f"x.{language}.json", question("a", ("red", 6)))
    with pytest.raises(DataError, match="--data"):
        detection.detect(tmp_path, Options())
