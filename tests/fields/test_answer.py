"""Answers in their passage: found, moved along with it, or rejected with the reason; and read out of logits."""

import numpy as np
import pytest

from chainrule.data.columns import columns
from chainrule.data.normalising import normal, normalisers
from chainrule.fields import answer
from chainrule.fields.reject import Reject
from chainrule.fields.windows import code_points

COLUMNS = columns("question_answering", "text")
OPTIONS = {"lowercase": False, "strip_html": True, "min_characters": 1, "max_characters": 60, "long": "cut"}


def cleaned(context: str, *given: tuple[str, int]) -> tuple[str, tuple[answer.Answer, ...], tuple[str, ...]]:
    value = answer.written([answer.Answer(*each) for each in given])
    raw = (b"Where?", context.encode())
    found = normal(raw, value, None, None, COLUMNS, normalisers(COLUMNS, OPTIONS))
    return found.inputs[1], answer.read(found.target), found.repairs


def test_an_answer_moves_with_what_cleaning_makes_of_its_passage() -> None:
    context, found, repairs = cleaned("  Rome  is &amp; was\u00a0old, e\u0301t\u00e9", ("was", 17), ("e\u0301t", 26))
    assert context == "Rome is & was old, été"
    assert [context[each.start : each.end] for each in found] == [each.text for each in found] == ["was", "ét"]
    assert "moved_answer" not in repairs


def test_an_offset_that_is_a_little_off_is_repaired_and_counted() -> None:
    context, (found,), repairs = cleaned("It is red and it is green.", ("green", 17))
    assert (found.start, context[found.start : found.end]) == (20, "green")
    assert "moved_answer" in repairs
    _, (found,), repairs = cleaned("It is red.", (" red", 5))
    assert (found, "trimmed_answer" in repairs) == (answer.Answer("red", 6), True)


@pytest.mark.parametrize(
    ("context", "given", "reason"),
    [
        ("It is red.", ("blue", 6), "answer_not_in_context"),
        ("red or red or so", ("red", 4), "answer_elsewhere"),
        ("x" * 300 + " red", ("red", 2), "answer_elsewhere"),
        ("It is red.", ("red", -400), "answer_elsewhere"),
        ("It is red.", ("  ", 2), "empty_answer"),
        ("word " * 20 + "red", ("red", 100), "answer_cut"),
    ],
)
def test_an_answer_that_is_not_where_it_should_be_is_rejected(
    context: str, given: tuple[str, int], reason: str
) -> None:
    with pytest.raises(Reject) as found:
        cleaned(context, given)
    assert found.value.reason == reason


def test_an_empty_side_is_rejected_and_no_answer_is_one() -> None:
    with pytest.raises(Reject) as found:
        normal((b" ", b"It is red."), "[]", None, None, COLUMNS, normalisers(COLUMNS, OPTIONS))
    assert found.value.reason == "missing_question"
    assert cleaned("It is red.")[1] == ()


@pytest.mark.parametrize("raw", ["red", '[["red", 3]]', '[{"text": "red"}]', '{"text": "red", "start": 3}'])
def test_what_is_no_answer_is_rejected(raw: str) -> None:
    with pytest.raises(Reject, match="unreadable_answer"):
        answer.normalise(raw)


def test_encoded_answers_come_back() -> None:
    values = [answer.written([answer.Answer("北京", 3), answer.Answer("é", 0)]), "[]"]
    facts = answer.fit(values)
    assert facts == {"longest": 2, "none": 0.5}
    assert answer.decode(answer.encode(values, facts), facts) == values


def test_in_a_copy_answers_stay_whole() -> None:
    value = answer.written([answer.Answer("old Rome", 4), answer.Answer("Rome", 8)])
    copy, found = answer.altered(value, "the old Rome by night", str.upper)
    assert copy == "THE old Rome BY NIGHT"
    assert [copy[each.start : each.end] for each in answer.read(found)] == ["old Rome", "Rome"]


def logits(
    text: str, windows: list[list[tuple[int, int]]], limits: tuple[float, float] = (20, 0), **peaks: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Return outputs of one row whose logits are 0 but 5 at start and end, (window, token) each; token 0 is none."""
    size = 1 + max(map(len, windows))
    found = {name: np.zeros((1, len(windows), size)) for name in ("start_logits", "end_logits")}
    offsets = np.zeros((1, len(windows), size, 2))
    for window, tokens in enumerate(windows):
        offsets[0, window, 0] = answer.NONE
        offsets[0, window, 1 : 1 + len(tokens)] = tokens
    for name, place in peaks.items():
        found[f"{name}_logits"][0][place] = 5
    passage = code_points(text)[None].astype(np.float64)
    return {**found, "offsets": offsets, "passage": passage, "limits": np.array([limits])}


TEXT, TOKENS = "red or green car", [(0, 3), (4, 6), (7, 12), (13, 16)]


def told(outputs: dict[str, np.ndarray]) -> answer.Told:
    return answer.told(outputs)[0]


def test_the_likeliest_span_is_told_with_its_probability() -> None:
    found = told(logits(TEXT, [TOKENS], start=(0, 3), end=(0, 4)))
    assert (found.text, found.start, found.end) == ("green car", 7, 16)
    assert found.score == pytest.approx(2 * (5 - np.log(np.exp(5) + 4)))
    assert found.none == pytest.approx(2 * -np.log(np.exp(5) + 4))


def test_an_end_stands_behind_its_start_and_no_answer_is_longer_than_those_learnt_from() -> None:
    backwards = told(logits(TEXT, [TOKENS], start=(0, 4), end=(0, 1)))
    assert backwards.text in ("red", "car")
    assert told(logits(TEXT, [TOKENS], (10, 0), start=(0, 1), end=(0, 4))).text != TEXT


def test_windows_share_one_distribution_and_padding_windows_change_nothing() -> None:
    twice = told(logits(TEXT, [TOKENS[:3], TOKENS[2:]], start=(0, 3), end=(1, 2)))
    assert twice.text == "green car"  # it begins in one window and ends in the next
    one = logits(TEXT, [TOKENS[:3], TOKENS[2:]], start=(1, 1), end=(1, 1))
    wide = {
        name: np.pad(array, [(0, 0), (0, 2), (0, 5), *[(0, 0)] * (array.ndim - 3)])
        for name, array in one.items()
        if name not in ("passage", "limits")
    }
    assert told({**one, **wide, "passage": np.pad(one["passage"], [(0, 0), (0, 9)])}) == told(one)


def test_no_answer_has_the_first_tokens_of_all_windows() -> None:
    found = told(logits(TEXT, [TOKENS[:3], TOKENS[2:]], start=(1, 0), end=(0, 0)))
    # Of four tokens, one of which is in both windows, and of none in both: 5 ones and 2, one of which is e⁵.
    assert found.none == pytest.approx(2 * np.log((1 + np.exp(5)) / (6 + np.exp(5))))


def test_none_is_told_where_it_is_likelier_by_more_than_the_line() -> None:
    def said(line: float) -> str:
        return answer.answered(logits(TEXT, [TOKENS], (20, line), start=(0, 0), end=(0, 0)), {})[0][0]

    assert said(0) == "[]"
    assert said(11) != "[]" != said(answer.NEVER)


def test_a_row_that_is_no_number_has_no_answer() -> None:
    outputs = logits(TEXT, [TOKENS])
    outputs["start_logits"][0, 0, 1] = np.nan
    assert told(outputs).text == "" and np.isinf(told(outputs).score)
