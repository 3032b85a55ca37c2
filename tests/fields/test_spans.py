"""Spans: read, refused with reasons, moved with the text, made tags of words and back."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.fields import offsets, spans, tags, text
from chainrule.fields.names import renaming
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError

NORMALISE = {"lowercase": False, "strip_html": True, "min_characters": 1, "max_characters": 60}
CLASSES = ["LOC", "PER"]


def of(*found: tuple[int, int, str]) -> str:
    return json.dumps([list(each) for each in found])


def test_spans_are_in_order_and_each_once() -> None:
    value, repairs = spans.normalise(of((5, 9, "PER"), (0, 3, "LOC"), (5, 9, "PER")))
    assert spans.read(value) == [(0, 3, "LOC"), (5, 9, "PER")] and repairs == ["repeated_span"]
    assert spans.normalise(value) == (value, [])


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (of((0, 5, "PER"), (4, 9, "LOC")), "overlapping_spans"),
        (of((0, 5, "PER"), (0, 5, "LOC")), "overlapping_spans"),
        (of((5, 5, "PER")), "inverted_span"),
        (of((5, 2, "PER")), "inverted_span"),
        (of((-1, 2, "PER")), "span_outside_text"),
        ("PER", "unreadable_spans"),
        ('[[0, 2, ""]]', "unreadable_spans"),
        ('[[0, "2", "PER"]]', "unreadable_spans"),
        ('[[true, 2, "PER"]]', "unreadable_spans"),
        ('{"start": 0}', "unreadable_spans"),
    ],
)
def test_what_is_no_list_of_spans_is_rejected_with_a_reason(raw: str, reason: str) -> None:
    with pytest.raises(Reject) as found:
        spans.normalise(raw)
    assert found.value.reason == reason


def test_a_span_behind_the_text_is_rejected() -> None:
    with pytest.raises(Reject, match="PER from 3 to 9 of 8 characters") as found:
        spans.located(of((3, 9, "PER")), "abcdefgh", "abcdefgh")
    assert found.value.reason == "span_outside_text"


@pytest.mark.parametrize(
    ("before", "marked", "after"),
    [
        ("Mr.  Smith \t went", ["Smith"], ["Smith"]),
        ("<p>In <b>New</b>  York &amp; Bonn</p>", ["<b>New</b>  York", "Bonn"], ["New York", "Bonn"]),
        ("Cafe\u0301 Zoe\u0308 in Ko\u0308ln", ["Zoe\u0308", "Ko\u0308ln"], ["Zo\u00eb", "K\u00f6ln"]),
        ("  Anna met Otto", ["Anna", "Otto"], ["Anna", "Otto"]),
        ("北京 大学", ["北京", "大学"], ["北京", "大学"]),
        ("the end of a long text that is cut before Paris is named here at last", ["long", "Paris"], ["long", "Paris"]),
    ],
)
def test_spans_move_with_what_cleaning_makes_of_a_text(before: str, marked: list[str], after: list[str]) -> None:
    own = [(before.index(part), before.index(part) + len(part), "X") for part in marked]
    clean, _ = text.normalise(before.encode(), **NORMALISE)
    value, _ = spans.located(of(*own), before, clean)
    assert [clean[start:end] for start, end, _ in spans.read(value)] == after


def test_a_span_of_which_nothing_is_left_is_counted() -> None:
    before = "x" * 50 + " and Paris at the very end of it Rome"
    clean, _ = text.normalise(before.encode(), **NORMALISE)
    own = [(before.index(name), before.index(name) + len(name), "LOC") for name in ("Paris", "Rome")]
    value, repairs = spans.located(of(*own), before, clean)
    assert [clean[start:end] for start, end, _ in spans.read(value)] == ["Paris"] and "lost_span" in repairs


@given(st.text("ab \u0301", max_size=20), st.text("ab c", max_size=20))
def test_places_stay_within_the_text_and_in_order(before: str, after: str) -> None:
    places = [(at, at + 1) for at in range(len(before))]
    found = [place for place in offsets.moved(before, after, places) if place is not None]
    assert all(0 <= start < end <= len(after) for start, end in found)
    assert [start for start, _ in found] == sorted(start for start, _ in found)
    if before == after:
        assert [before[s:e] for s, e in found] == [letter for letter in before if not letter.isspace()]


def test_an_altered_copy_keeps_its_spans_whole() -> None:
    words = "yesterday Anna Maria flew from Bad Homburg to the sea."
    own = [(words.index(name), words.index(name) + len(name), label) for name, label in
           (("Anna Maria", "PER"), ("Bad Homburg", "LOC"))]  # fmt: skip
    changed, value = spans.altered(of(*own), words, lambda part: part.upper() + "!")
    assert changed == "YESTERDAY! Anna Maria FLEW FROM! Bad Homburg TO THE SEA.!"
    assert [changed[start:end] for start, end, _ in spans.read(value)] == ["Anna Maria", "Bad Homburg"]


def test_labels_are_renamed_and_spans_of_those_that_are_dropped_go() -> None:
    rename = renaming({"map": {"PERSON": "PER"}, "drop": ["MISC"]})
    assert rename is not None
    value, repairs = spans.renamed(of((0, 2, "PERSON"), (3, 4, "MISC")), rename)
    assert spans.read(value) == [(0, 2, "PER")] and repairs == ["renamed_label"]


def test_encoded_spans_come_back() -> None:
    values = [of((0, 3, "LOC"), (5, 9, "PER")), of(), of((2, 4, "PER"))]
    facts = spans.fit(values)
    assert facts == {"classes": CLASSES}
    encoded = spans.encode(values, facts)
    assert encoded.tolist() == [[[0, 0, 3], [1, 5, 9]], [[-1] * 3] * 2, [[1, 2, 4], [-1] * 3]]
    assert [spans.read(value) for value in spans.decode(encoded, facts)] == [spans.read(value) for value in values]
    with pytest.raises(DataError, match="label 'ORG' is none of"):
        spans.encode([of((0, 1, "ORG"))], facts)


def test_what_contradicts_and_what_splits_keep() -> None:
    assert spans.contradictory([of((0, 3, "LOC")), of((0, 3, "PER"))])
    assert not spans.contradictory([of((0, 3, "LOC")), of((1, 4, "LOC"))])
    assert spans.strata([of((0, 1, "PER"), (2, 3, "LOC")), of((0, 1, "PER")), of()]) == ["LOC", "PER", spans.NONE]
    assert spans.unlearnable([of()]) and not spans.unlearnable([of((0, 1, "PER"))])


# Tags


def certain(names: list[int]) -> np.ndarray:
    """Return logits of tags that are all but certain."""
    return np.where(np.eye(5)[names] > 0, 9.0, 0.0)


def test_tags_of_words_and_back() -> None:
    words = "Anna Maria flew to Rome".split()  # noqa: SIM905
    starts = np.cumsum([0, *(len(word) + 1 for word in words[:-1])])
    places = np.stack([starts, starts + [len(word) for word in words]], axis=1)
    encoded = np.array([[1, 0, 10], [0, 19, 23], [-1, -1, -1]])
    found = tags.of_words(encoded, places)
    assert [tags.names(CLASSES)[tag] for tag in found] == ["B-PER", "I-PER", "O", "O", "B-LOC"]
    back = tags.spans(tags.Words(places, np.log(np.eye(5)[found] + 1e-9), found))
    assert [span[:3] for span in back] == [(1, 0, 10), (0, 19, 23)]
    assert all(span.probability == pytest.approx(1) for span in back)


def may(path: np.ndarray, count: int) -> bool:
    """Whether each tag may stand behind the one before it."""
    return bool(tags.allowed(count)[np.concatenate([[count], path[:-1]]), path].all())


@given(st.integers(1, 5), st.integers(1, 2), st.integers(0, 10_000))
def test_of_all_tags_the_likeliest_are_found_and_every_probability_is_theirs(
    length: int, classes: int, seed: int
) -> None:
    count = tags.count(classes)
    drawn = np.random.default_rng(seed)
    scores = drawn.normal(size=(length, count))
    follow = np.where(tags.allowed(count), drawn.normal(size=(count + 1, count)), tags.NEVER)
    paths = np.stack(np.meshgrid(*[range(count)] * length, indexing="ij"), axis=-1).reshape(-1, length)
    before = np.concatenate([np.full((len(paths), 1), count), paths[:, :-1]], axis=1)
    sums = scores[np.arange(length), paths].sum(axis=1) + follow[before, paths].sum(axis=1)
    found = tags.likeliest(scores, follow)
    assert may(found, count) and found.tolist() == paths[sums.argmax()].tolist()
    chances = np.exp(sums - sums.max()) / np.exp(sums - sums.max()).sum()
    each = np.stack([np.bincount(paths[:, word], chances, count) for word in range(length)])
    assert np.exp(tags.marginals(scores, follow)) == pytest.approx(each, abs=1e-9)


@given(st.integers(1, 30), st.integers(0, 10_000))
def test_a_tag_that_cannot_stand_where_it_does_is_never_said_however_sure_its_word_is(length: int, seed: int) -> None:
    drawn = np.random.default_rng(seed)
    logits = np.where(np.eye(5)[drawn.integers(0, 5, length)] > 0, 0.0, tags.NEVER)[None]
    offsets = np.stack([np.arange(length), np.arange(length) + 1, np.ones(length, int)], axis=1)[None]
    for follow in (None, drawn.normal(size=(6, 5)) * 50):
        found = tags.words(logits, offsets, follow)
        assert may(found.path, 5)
        assert np.exp(found.scores).sum(axis=1) == pytest.approx(1)


def test_what_follows_what_decides_where_words_are_in_doubt() -> None:
    offsets = np.array([[[0, 2, 1], [3, 5, 1]]])
    logits = np.array([[[0.0, 9, 0, 0, 0], [1.0, 0, 0.9, 0, 0]]])
    assert tags.words(logits, offsets).path.tolist() == [1, 0]
    goes_on = np.zeros((6, 5))
    goes_on[1, 2] = 1.0
    assert tags.words(logits, offsets, goes_on).path.tolist() == [1, 2]


def test_a_token_in_two_windows_is_told_by_the_one_with_more_context() -> None:
    # Letters 0 to 5 in the first window, 2 to 7 in the second, which is filled up; each between the ends of a window.
    places = np.zeros((2, 9, 3), np.int64)
    for window, first in enumerate((0, 2)):
        for step in range(6):
            places[window, 1 + step] = first + step, first + step + 1, 1
    logits = np.zeros((2, 9, 5))
    logits[0, :, 1] = logits[1, :, 3] = 5.0  # which window said so
    found = tags.words(logits, places)
    assert found.places.tolist() == [[at, at + 1] for at in range(8)]
    assert found.scores.argmax(axis=1).tolist() == [1, 1, 1, 1, 3, 3, 3, 3]
    assert np.exp(found.scores).sum(axis=1) == pytest.approx(1)


def test_a_word_is_told_by_its_first_token_and_ends_with_its_last() -> None:
    places = np.array([[[0, 0, 0], [0, 3, 1], [3, 5, 0], [6, 8, 1], [0, 0, 0]]])
    found = tags.words(certain([0, 3, 4, 0, 0])[None], places)
    assert found.places.tolist() == [[0, 5], [6, 8]] and found.scores.argmax(axis=1).tolist() == [3, 0]
    nothing = tags.words(np.zeros((1, 2, 5)), np.zeros((1, 2, 3), np.int64))
    assert tags.spans(nothing) == []


def test_a_span_s_probability_is_that_of_all_its_words() -> None:
    scores = np.log(np.array([[0.1, 0.1, 0.1, 0.6, 0.1], [0.1, 0.1, 0.1, 0.2, 0.5]]))
    (span,) = tags.spans(tags.Words(np.array([[0, 2], [3, 5]]), scores, scores.argmax(axis=1)))
    assert span[:3] == (1, 0, 5) and span.probability == pytest.approx(0.3)
