"""Texts in windows: every token is in one, words stay where they stand, and the first text of a pair is in each."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from chainrule.fields.windows import BEGINS, END, SHAPE, SHAPES, START, arrays, fold, shape, tokens_at_most
from chainrule.training.inputs.text import SPECIAL, character_tokenizer, train_tokenizer

WORDS = "the Quick brown-fox, jumps over lazy dogs und Überläufer 12 times in NATO halls. ".split()  # noqa: SIM905
TEXTS = [" ".join(WORDS * times) for times in (1, 2, 5)]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(TEXTS, 120)


def rules(max_length: int, overlap: int, most: int = 100) -> dict[str, Any]:
    return {"max_length": max_length, "windows": {"overlap": overlap, "most": most}}


def words(tokenizer: Tokenizer, text: str) -> list[tuple[int, int]]:
    """Return where each token of a text stands, as the tokenizer itself says."""
    return tokenizer.encode(text, add_special_tokens=False).offsets


@given(max_length=st.integers(16, 60), overlap=st.integers(0, 4), times=st.integers(0, 6))
def test_windows_overlap_and_hold_every_token(tokenizer: Tokenizer, max_length: int, overlap: int, times: int) -> None:
    text = " ".join(WORDS * times)
    (found,) = fold(tokenizer, [text], rules(max_length, overlap))
    whole = tokenizer.encode(text, add_special_tokens=False)
    inner = [ids[1:-1] for ids in found.ids]
    joined = inner[0] + [token for ids in inner[1:] for token in ids[overlap:]]
    assert joined == whole.ids
    assert not found.cut
    assert all(len(ids) == max_length for ids in found.ids[:-1]) and len(found.ids[-1]) <= max_length
    places = np.concatenate([found.places[0][1:-1], *[each[1 + overlap : -1] for each in found.places[1:]]])
    assert [tuple(each) for each in places[:, [START, END]].tolist()] == words(tokenizer, text)
    before = [None, *whole.word_ids]
    assert places[:, BEGINS].tolist() == [int(a != b) for a, b in zip(before, whole.word_ids, strict=False)]


def test_what_frames_a_text_is_nowhere_and_pieces_are_known_by_how_they_are_written(tokenizer: Tokenizer) -> None:
    text = "NATO Quick the 12."
    (found,) = fold(tokenizer, [text], rules(60, 4))
    assert found.places[0][[0, -1]].tolist() == [[0] * 4] * 2
    inner = found.places[0][1:-1]
    assert "".join(text[start:end] for start, end in inner[:, [START, END]]) == text.replace(" ", "")
    first = {text[start:end]: SHAPES[how] for start, end, begins, how in inner.tolist() if begins}
    assert first["."] == "sign" and SHAPES[inner[0, SHAPE]] in ("upper", "capital")


@pytest.mark.parametrize(
    ("piece", "name"),
    [("Quick", "capital"), ("A", "capital"), ("NATO", "upper"), ("U.S", "upper"), ("quick", "lower"), ("iPod", "mixed"),
     ("12", "digits"), ("-", "sign"), ("", "sign"), ("北京", "letters"), ("Über", "capital")],
)  # fmt: skip
def test_shapes(piece: str, name: str) -> None:
    assert SHAPES[shape(piece)] == name


def test_what_is_behind_the_last_window_is_left_out_and_said(tokenizer: Tokenizer) -> None:
    (whole,), (cut,) = (list(fold(tokenizer, [TEXTS[2]], rules(20, 4, most))) for most in (100, 2))
    assert cut.ids == whole.ids[:2] and cut.cut and not whole.cut
    assert tokens_at_most(20, 4, 2) == 2 + len({*range(18), *range(14, 32)})


def test_each_window_of_a_pair_begins_with_its_first_text_and_places_are_of_the_second(tokenizer: Tokenizer) -> None:
    asked = "over lazy dogs"
    (found,) = fold(tokenizer, [(asked, TEXTS[1])], rules(40, 8))
    first = tokenizer.encode(asked, add_special_tokens=False).ids
    end = tokenizer.token_to_id("[SEP]")
    assert len(found.ids) > 1
    assert all(ids[1 : len(first) + 2] == [*first, end] and ids[-1] == end for ids in found.ids)
    assert all(not places[: len(first) + 2].any() for places in found.places)
    own = [places[len(first) + 2 : -1, [START, END]] for places in found.places]
    met = np.concatenate([own[0], *[each[8:] for each in own[1:]]])
    assert [tuple(each) for each in met.tolist()] == words(tokenizer, TEXTS[1])


def test_the_first_text_of_a_pair_takes_half_a_window_at_most(tokenizer: Tokenizer) -> None:
    (found,) = fold(tokenizer, [(TEXTS[2], TEXTS[1])], rules(40, 10))
    assert all(len(ids) <= 40 for ids in found.ids)
    first = [ids.index(tokenizer.token_to_id("[SEP]")) - 1 for ids in found.ids]
    assert len(set(first)) == 1 and 10 < first[0] <= 20


def test_a_character_is_a_word_of_its_own() -> None:
    tokenizer = character_tokenizer(["北京大学 在北京"], 50)
    (found,) = fold(tokenizer, ["在北京 学"], rules(16, 0))
    assert found.places[0][1:-1, [START, END, BEGINS]].tolist() == [[at, at + 1, 1] for at in range(5)]
    assert found.ids[0][0] == SPECIAL.index("[CLS]")


def test_a_row_as_a_graph_takes_it(tokenizer: Tokenizer) -> None:
    (found,) = fold(tokenizer, [TEXTS[1]], rules(40, 8))
    made = arrays(found, pad_id=0)
    count, longest = len(found.ids), max(map(len, found.ids))
    assert made["input_ids"].shape == made["attention_mask"].shape == (1, count, longest)
    assert made["places"].shape == (1, count, longest, 4)
    assert made["attention_mask"].sum() == sum(map(len, found.ids))
    assert not made["places"][made["attention_mask"] == 0].any()
