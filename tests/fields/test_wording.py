"""A text that is to be written: what is turned away, what is put right, and its code points."""

import pytest

from chainrule.fields import wording
from chainrule.fields.reject import Reject


def test_texts_are_put_right_and_keep_their_letters() -> None:
    assert wording.normalise(" Ein  schöner Tag\u200b ") == ("Ein schöner Tag", ["control_characters", "whitespace"])


@pytest.mark.parametrize(
    ("source", "written", "reason"),
    [
        ("A man runs.", "A man runs.", "untranslated"),
        ("A dog.", "Hund " * 40, "absurd_length_ratio"),
        ("a dog runs " * 30, "Hund", "absurd_length_ratio"),
    ],
)
def test_what_does_not_belong_together_is_turned_away(source: str, written: str, reason: str) -> None:
    with pytest.raises(Reject) as found:
        wording.beside([source], written)
    assert found.value.reason == reason


def test_names_and_short_texts_may_be_alike_or_unlike() -> None:
    wording.beside(["Paris"], "Paris")
    wording.beside(["Hi"], "Einen guten Tag")


@pytest.mark.parametrize(("raw", "reason"), [("\u200b", "empty_wording"), ("ab " * 8000, "too_long_wording")])
def test_what_is_no_text_is_turned_away(raw: str, reason: str) -> None:
    with pytest.raises(Reject) as found:
        wording.normalise(raw)
    assert found.value.reason == reason


def test_code_points_are_the_text() -> None:
    values = ["", "Äpfel", "我😀", "a\ud800"]
    encoded = wording.encode(values, {})
    assert encoded.shape == (4, 5) and encoded.dtype == "int32"
    assert wording.decode(encoded, {}) == values


def test_references_say_by_which_tokens_they_are_counted() -> None:
    assert wording.fit(["Ein Hund.", "Eine Katze!"]) == {"characters": 11, "tokens": "13a"}
    assert wording.fit(["我喜欢你。", "OK 你好"])["tokens"] == "zh"
    assert wording.fit(["これはペンです", "はい"])["tokens"] == "char"
