"""Floors of texts that are written for texts: the source itself, and a dictionary out of words that occur together."""

import numpy as np
import pytest

from chainrule.evaluation.floors import wording
from chainrule.fields.wording import encode, texts

SOURCES = ["the house", "the book", "a book", "a red house."]
WRITTEN = ["das Haus", "das Buch", "ein Buch", "ein rotes Haus."]


def test_words_that_occur_together_are_each_others_meaning() -> None:
    found = wording.dictionary(SOURCES, WRITTEN, seed=0)
    assert {word: found[word] for word in ("the", "house", "book", "a", "red")} == {
        "the": "das",
        "house": "Haus",
        "book": "Buch",
        "a": "ein",
        "red": "rotes",
    }


def test_a_text_is_written_word_for_word_and_its_signs_close_up() -> None:
    meaning = {"the": "das", "book": "Buch", ".": ".", ",": ","}
    assert wording.word_for_word("the book, the zebra.", meaning) == "das Buch, das zebra."


def test_both_are_answers_to_the_test_rows() -> None:
    found = wording.floors(None, [SOURCES], encode(WRITTEN, {}), [["the red book", "x"]], {}, seed=0)
    assert {name: texts(each["text"]) for name, each in found.items()} == {
        "copy": ["the red book", "x"],
        "dictionary": ["das rotes Buch", "x"],
    }


def test_more_words_than_are_looked_at_are_drawn_by_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "LINKS", 12)
    one, two = (wording.dictionary(SOURCES, WRITTEN, seed=3) for _ in range(2))
    assert one == two and 0 < len(one) < 5


def test_rows_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match="2 training rows and 1 texts"):
        wording.floors(None, [["a", "b"]], np.ones((1, 3), np.int32), [["a"]], {}, seed=0)
