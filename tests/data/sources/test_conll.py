"""Words and their tags in columns: which scheme, which text, where a document ends, and what is wrong with a line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.data.formats import conll
from chainrule.data.sources.conll import read
from chainrule.system.errors import DataError
from chainrule.tasks.token_classification.fields import fields

FIELDS = fields("text")
TWO = "Anna B-PER\nMaria I-PER\nmet O\nOtto B-PER\n. O\n\nRome B-LOC\nslept O\n"


def rows(path: Path, text: str, name: str = "some.conll", **options: Any) -> pd.DataFrame:
    path.mkdir(exist_ok=True)
    (path / name).write_text(text, encoding="utf-8")
    return read(path / name, fields=FIELDS, **options)


def said(frame: pd.DataFrame) -> list[list[tuple[str, str]]]:
    """Return the words and the label of each span of each row."""
    return [
        [(text.decode()[start:end], label) for start, end, label in json.loads(spans)] if isinstance(spans, str) else []
        for text, spans in zip(frame["text"], frame["spans"], strict=True)
    ]


def test_a_row_is_a_sentence_and_spans_are_places_in_its_text(tmp_path: Path) -> None:
    found = rows(tmp_path, TWO)
    assert [text.decode() for text in found["text"]] == ["Anna Maria met Otto .", "Rome slept"]
    assert said(found) == [[("Anna Maria", "PER"), ("Otto", "PER")], [("Rome", "LOC")]]
    assert found["id"].tolist() == ["all/000001", "all/000007"] == found["group"].tolist()
    assert found["origin"].tolist() == ["some.conll:1", "some.conll:7"]
    assert found["problem"].isna().all() and found["part"].isna().all()
    assert found.attrs["noted"] == {"sentences with tags of IOB2": 2}


@pytest.mark.parametrize(
    ("tags", "scheme", "expected"),
    [
        ("O B-PER I-PER O", "IOB2", [(1, 2, "PER")]),
        ("O I-PER I-PER O", "IOB1", [(1, 2, "PER")]),
        ("I-PER B-PER I-LOC O", "IOB1", [(0, 0, "PER"), (1, 1, "PER"), (2, 2, "LOC")]),
        ("B-PER B-PER I-PER B-LOC", "IOB2", [(0, 0, "PER"), (1, 2, "PER"), (3, 3, "LOC")]),
        ("S-PER B-LOC I-LOC E-LOC", "BIOES", [(0, 0, "PER"), (1, 3, "LOC")]),
        ("U-PER B-LOC L-LOC O", "BIOES", [(0, 0, "PER"), (1, 2, "LOC")]),
        ("B-PER M-PER E-PER O", "BIOES", [(0, 2, "PER")]),
        ("PER PER O LOC", "IO", [(0, 1, "PER"), (3, 3, "LOC")]),
        ("B_PER I_PER O O", "IOB2", [(0, 1, "PER")]),
        ("O O O O", "IOB2", []),
    ],
)
def test_the_scheme_is_found_and_read(tags: str, scheme: str, expected: list[tuple[int, int, str]]) -> None:
    assert conll.scheme_of([tags.split()]) == scheme
    assert conll.spans(tags.split(), conll.scheme_of([tags.split()])) == (expected, None)


@pytest.mark.parametrize(
    ("tags", "scheme", "why"),
    [
        ("O I-PER", "IOB2", "'I-PER' behind 'O': I- begins no span in IOB2"),
        ("I-PER", "IOB2", "'I-PER' comes first: I- begins no span in IOB2"),
        ("B-PER I-LOC", "IOB2", "'I-LOC' behind 'B-PER': I- begins no span in IOB2"),
        ("B-PER O", "BIOES", "'O' behind 'B-PER': a span has no end"),
        ("B-PER", "BIOES", "'the end' behind 'B-PER': a span has no end"),
        ("O E-PER", "BIOES", "'E-PER' behind 'O': E- begins no span in BIOES"),
        ("O S-PER", "IOB2", "'S-PER' behind 'O': no tag of IOB2"),
        ("PER O", "IOB1", "'PER' comes first: no tag of IOB1"),
        ("B-PER O", "IO", "'B-PER' comes first: no tag of IO"),
    ],
)
def test_a_tag_against_the_scheme_is_said(tags: str, scheme: Any, why: str) -> None:
    assert conll.spans(tags.split(), scheme) == ([], why)


def test_a_sentence_with_such_a_tag_is_rejected_and_the_others_are_not(tmp_path: Path) -> None:
    found = rows(tmp_path, f"{TWO}\nthe O\nend I-LOC\n\n")
    assert found["problem"].tolist()[:2] == [None, None] or found["problem"].isna().tolist() == [True, True, False]
    assert found["problem"].iloc[2] == "tag_out_of_scheme: 'I-LOC' behind 'O': I- begins no span in IOB2"
    lenient = rows(tmp_path, f"{TWO}\nthe O\nend I-LOC\n\n", scheme="IOB1")
    assert said(lenient)[2] == [("end", "LOC")]


def test_uneven_lines_and_comments(tmp_path: Path) -> None:
    found = rows(tmp_path, f"# a file of names, by hand\n{TWO}\nthe O\nend\nbroken O\n\n# O\n. O\n")
    assert found["problem"].iloc[2] == "wrong_column_count: line 12, 2 columns are usual"
    assert found["text"].iloc[3] == b"# ." and found.attrs["noted"]["comments"] == 1


def test_columns_by_number_and_by_name(tmp_path: Path) -> None:
    text = "1 Anna NNP B-PER\n2 slept VBD O\n\n1 Rome NNP B-LOC\n2 too RB O\n"
    assert said(rows(tmp_path, text, columns={"text": 1}))[0] == [("Anna", "PER")]
    assert said(rows(tmp_path, text, columns={"text": 1, "spans": 3}))[1] == [("Rome", "LOC")]
    named = "id word pos tag\n" + text
    assert said(rows(tmp_path, named, columns={"text": "word", "spans": "tag"}))[0] == [("Anna", "PER")]
    with pytest.raises(DataError, match="there is no column 7; its lines have 4"):
        rows(tmp_path, text, columns={"spans": 7})
    with pytest.raises(DataError, match="names no column 'token'"):
        rows(tmp_path, named, columns={"text": "token"})


def test_tabs_keep_blanks_in_words(tmp_path: Path) -> None:
    assert said(rows(tmp_path, "New York\tB-LOC\nslept\tO\n"))[0] == [("New York", "LOC")]


def test_documents_are_groups(tmp_path: Path) -> None:
    found = rows(tmp_path, f"-DOCSTART- O\n\n{TWO}\n-DOCSTART- -X- O\n\n{TWO}")
    assert found["group"].tolist() == ["all/document 00000"] * 2 + ["all/document 00001"] * 2
    assert found.attrs["noted"]["documents"] == 2


def test_a_row_may_be_a_document(tmp_path: Path) -> None:
    found = rows(tmp_path, f"-DOCSTART- O\n\n{TWO}\n-DOCSTART- O\n\n{TWO}\nend I-LOC\n\n", rows="document")
    assert found["text"].iloc[0].decode() == "Anna Maria met Otto . Rome slept"
    assert said(found)[0] == [("Anna Maria", "PER"), ("Otto", "PER"), ("Rome", "LOC")]
    assert found["problem"].iloc[1] == "tag_out_of_scheme: 'I-LOC' comes first: I- begins no span in IOB2"
    assert len(rows(tmp_path, TWO, rows="document")) == 2


def test_between_single_characters_stands_nothing(tmp_path: Path) -> None:
    text = "在 O\n北 B-LOC\n京 I-LOC\n1 O\n9 O\n9 O\n8 O\n年 O\n"
    found = rows(tmp_path, text)
    assert found["text"].iloc[0].decode() == "在北京1998年" and said(found)[0] == [("北京", "LOC")]
    assert rows(tmp_path, text, between=" ")["text"].iloc[0].decode() == "在 北 京 1 9 9 8 年"


def test_parts_by_the_names_of_files(tmp_path: Path) -> None:
    for name in ("train.txt", "dev.txt", "test.txt"):
        (tmp_path / name).write_text(TWO)
    found = read(tmp_path, fields=FIELDS)
    assert found["part"].value_counts().to_dict() == {"train": 2, "validation": 2, "test": 2}
    assert found.attrs["parts"] == {"train.txt as train": 2, "dev.txt as validation": 2, "test.txt as test": 2}
    named = read(tmp_path, fields=FIELDS, files={"train": "dev.txt", "unlabelled": "test.txt"})
    assert named["part"].tolist() == ["train"] * 2 + ["unlabelled"] * 2
    assert named["spans"].isna().tolist() == [False, False, True, True]


def test_a_file_without_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no words"):
        rows(tmp_path, "-DOCSTART- O\n\n")


def test_schemes_say_the_same_of_any_spans() -> None:
    drawn = np.random.default_rng(0)
    for _ in range(200):
        spans, at = [], 0
        while at < 12:
            length, gap = int(drawn.integers(1, 4)), int(drawn.integers(0, 3))
            if at + gap + length > 12:
                break
            spans.append((at + gap, at + gap + length - 1, str(drawn.choice(["PER", "LOC"]))))
            at += gap + length
        assert conll.spans(_iob2(spans, 12), "IOB2") == (spans, None)
        assert conll.spans(_bioes(spans, 12), "BIOES") == (spans, None)
        assert conll.spans(_iob1(spans, 12), "IOB1") == (spans, None)


def _iob2(spans: list[tuple[int, int, str]], count: int) -> list[str]:
    tags = ["O"] * count
    for first, last, label in spans:
        tags[first : last + 1] = [f"B-{label}", *[f"I-{label}"] * (last - first)]
    return tags


def _iob1(spans: list[tuple[int, int, str]], count: int) -> list[str]:
    tags = _iob2(spans, count)
    ends = {(last + 1, label) for _, last, label in spans}
    for first, _, label in spans:
        if (first, label) not in ends:
            tags[first] = f"I-{label}"
    return tags


def _bioes(spans: list[tuple[int, int, str]], count: int) -> list[str]:
    tags = _iob2(spans, count)
    for first, last, label in spans:
        tags[last] = f"{'S' if first == last else 'E'}-{label}"
    return tags
