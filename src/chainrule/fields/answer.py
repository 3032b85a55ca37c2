"""A target that is the answer to a question: a span of the passage, one of several that are right, or none.

In the rows it is a JSON list of {"text", "start"}, where `start` counts Unicode code points of the passage, the last of
the task's inputs; an empty list says that the passage holds no answer. In training a row is int32 [K, 2 + A]: of each
of its answers the start, the end (exclusive) and the code points, filled up with 0; -1, -1 stand where there is none.

What a graph says of a row is start_logits and end_logits [W, L] of its windows' tokens, and unchanged what places them:
offsets [W, L, 2], where each token begins and ends in the passage; NONE, NONE at the first token of each window, which
stands for "no answer"; 0, 0 at all others; passage [C], the code
points of the passage, 0 behind its end; and limits [2]: the characters of the longest answer that is given, and by how
many nats "no answer" must be likelier than the best span to be given.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.fields import offsets, spans
from chainrule.fields.measured import Measured
from chainrule.fields.names import Renaming
from chainrule.fields.reject import Reject
from chainrule.fields.text import words
from chainrule.fields.windows import code_points

DTYPE = "str"
ONE = "an answer"
STRATUM = "kind of question"
"""What one of `strata` is called in messages."""
ANSWERED, UNANSWERED = "with an answer", "without an answer"
NONE = -1
"""What stands for the place of an answer where there is none."""
NEAR = 100
"""Code points by which an offset may be wrong: where the answer stands once as near as that, it is meant."""
MOST = 100
"""Right answers that a row may have."""
OUTPUTS = ("start_logits", "end_logits", "offsets", "passage", "limits")
NEVER = 1e4
"""A line of nats that no answer passes."""


class Answer(NamedTuple):
    """A span of the passage, in code points, `end` exclusive."""

    text: str
    start: int

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)


class Told(NamedTuple):
    """What is told of a row: the likeliest span, its text, log-probability, and that of there being no answer.

    line: by how much the last must be larger than that of the span.
    """

    start: int
    end: int
    text: str
    score: float
    none: float
    line: float


def absent(value: Any) -> bool:
    """Whether a cell holds nothing, or blanks alone; an empty list is an answer: there is none in the passage."""
    return value is None or value != value or not str(value).strip()


def written(answers: Collection[Answer]) -> str:
    """Return answers as rows hold them."""
    return json.dumps([each._asdict() for each in answers], ensure_ascii=False)


def read(value: str) -> tuple[Answer, ...]:
    """Return the answers that a row's value holds."""
    return tuple(Answer(**each) for each in json.loads(value))


def tidied(met: Collection[str]) -> dict[str, str | None]:
    """Return nothing: an answer is to be found in its passage as it is written."""
    return {}


def united(met: Collection[str], known: Collection[str] = ()) -> dict[str, str]:
    """Return nothing: how a number is written tells no two answers apart."""
    return {}


def normalise(raw: str) -> tuple[str, list[str]]:
    """Return the answers as rows hold them, each once, and what had to be repaired; `located` looks for them.

    Raises Reject: unreadable_answer, too_many_answers.
    """
    try:
        found = [Answer(str(each["text"]), int(each["start"])) for each in json.loads(raw)]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Reject("unreadable_answer", f"{raw[:60]!r} is no list of texts with their start") from None
    if len(found) > MOST:
        raise Reject("too_many_answers", f"{len(found):,} right answers, at most {MOST} are read")
    once = list(dict.fromkeys(found))
    return written(once), ["repeated_answer"] if len(once) < len(found) else []


def located(value: str, before: str, after: str) -> tuple[str, list[str]]:
    """Return answers to a passage as it was read where they are once cleaning has made another of it, and repairs.

    Repairs: trimmed_answer (blanks around it), moved_answer (it stands elsewhere than its offset says, once within NEAR
    code points). Raises Reject: empty_answer, answer_not_in_context, answer_elsewhere (it is in the passage, but not
    where it is said to be), answer_cut (nothing of it is left of the passage).
    """
    repairs: list[str] = []
    found = []
    for answer in read(value):
        bare = answer.text.strip()
        if not bare:
            raise Reject("empty_answer", "an answer of blanks; an empty list says that there is none")
        start = answer.start + answer.text.index(bare)
        repairs += ["trimmed_answer"] if bare != answer.text else []
        standing = _standing(bare, start, before)
        repairs += ["moved_answer"] if standing != start else []
        found.append(Answer(bare, standing))
    if before == after:
        return written(dict.fromkeys(found)), list(dict.fromkeys(repairs))
    moved = []
    for each, place in zip(found, offsets.moved(before, after, [(a.start, a.end) for a in found]), strict=True):
        if place is None:
            raise Reject("answer_cut", f"{each.text[:40]!r} is beyond the {len(after):,} characters that are kept")
        moved.append(Answer(after[slice(*place)], place[0]))
    return written(dict.fromkeys(moved)), list(dict.fromkeys(repairs))


def _standing(text: str, start: int, whole: str) -> int:
    """Return where an answer stands in its passage as that was found."""
    if start >= 0 and whole.startswith(text, start):
        return start
    low = max(0, start - NEAR)
    near = places(whole[low : max(low, start + NEAR + len(text))], text)
    if len(near) == 1:
        return low + near[0]
    said = f"{text[:40]!r}, said to be at {start:,} of {len(whole):,}"
    everywhere = places(whole, text)
    if not everywhere:
        raise Reject("answer_not_in_context", said)
    raise Reject("answer_elsewhere", f"{said}, stands at {', '.join(f'{place:,}' for place in everywhere[:4])}")


def places(text: str, part: str) -> list[int]:
    """Return where a part begins in a text, each time."""
    found, at = [], text.find(part)
    while at >= 0:
        found.append(at)
        at = text.find(part, at + 1)
    return found


def altered(value: str, text: str, alter: Callable[[str], str]) -> tuple[str, str]:
    """Return an altered copy of a passage, and its answers: these stay whole, what stands between them is altered."""
    own = sorted(read(value), key=lambda each: (each.start, each.end))
    apart: list[tuple[int, int, str]] = []
    for each in own:
        if apart and each.start < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(apart[-1][1], each.end), "answer")
        else:
            apart.append((each.start, each.end, "answer"))
    copy, kept = spans.altered(spans.written(apart), text, alter)
    pairs = list(zip(apart, spans.read(kept), strict=True))
    found = [
        Answer(each.text, each.start - was[0] + now[0])
        for each in read(value)
        for was, now in pairs
        if was[0] <= each.start < was[1]
    ]
    return copy, written(found)


def renamed(value: str, rename: Renaming) -> tuple[str, list[str]]:
    """Return the answers as they are: clean.labels speaks of names."""
    return value, []


def contradictory(values: Collection[str]) -> bool:
    """Whether the same question about the same passage cannot have all of these: some say that it has no answer."""
    return len({value == "[]" for value in values}) > 1


def classes(values: Sequence[str]) -> list[tuple[str, ...]]:
    """Return what a model must have met to give each answer: nothing, it may point at any words."""
    return [()] * len(values)


def strata(values: Sequence[str]) -> list[str]:
    """Return what splits keep in proportion: questions with and without an answer."""
    return [UNANSWERED if value == "[]" else ANSWERED for value in values]


def unlearnable(values: Sequence[str]) -> str:
    """Return why nothing can be learnt from these answers, or ""."""
    if any(value != "[]" for value in values):
        return ""
    return f"{'all without an answer' if len(values) else 'none'}, and some rows need one"


def refusal(values: Sequence[str]) -> str:
    """Return why these are hardly answers, or ""."""
    return ""


def warnings(values: Collection[str]) -> list[str]:
    """Return which answers are likely a mistake, in words: those as long as a passage."""
    long = [each.text for value in values for each in read(value) if len(each.text) > 1000]
    return [f"{len(long):,} answers are longer than 1,000 characters, such as {long[0][:60]!r}"] if long else []


def expectations(column: str, values: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return what clean rows must fulfil; `values` are those of the labelled ones."""
    return [("expect_column_values_to_match_regex", {"column": column, "regex": r"^\[.*\]$"})]


def fit(values: Sequence[str]) -> dict[str, Any]:
    """Return {"longest": characters of the longest answer, which bounds those that are given, "none": share}."""
    sets = [read(value) for value in values]
    longest = max((len(each.text) for own in sets for each in own), default=1)
    return {"longest": longest, "none": round(sum(not own for own in sets) / max(1, len(sets)), 6)}


def encode(values: Sequence[str], facts: Mapping[str, Any]) -> np.ndarray:
    """Return int32 [N, K, 2 + A] as the module says, K and A as large as these rows need, at least 1."""
    sets = [read(value) for value in values]
    most = max((len(own) for own in sets), default=1) or 1
    longest = max((len(each.text) for own in sets for each in own), default=1) or 1
    encoded = np.zeros((len(sets), most, 2 + longest), np.int32)
    encoded[:, :, :2] = NONE
    for row, own in enumerate(sets):
        for place, each in enumerate(own):
            encoded[row, place, :2] = each.start, each.end
            encoded[row, place, 2 : 2 + len(each.text)] = code_points(each.text)
    return encoded


def decode(encoded: np.ndarray, facts: Mapping[str, Any]) -> list[str]:
    """Return the answers of int [N, K, 2 + A] as rows hold them."""
    return [written(answers(row)) for row in np.asarray(encoded)]


def answers(row: np.ndarray) -> list[Answer]:
    """Return the answers of one encoded row, int [K, 2 + A]; none where there is none."""
    return [Answer(characters(each[2 : 2 + each[1] - each[0]]), int(each[0])) for each in row if each[0] != NONE]


def characters(codes: np.ndarray) -> str:
    """Return the text of code points; what is no character, such as 0, is left out."""
    return "".join(chr(int(code)) for code in codes if 0 < code <= 0x10FFFF)


def answered(outputs: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the answers that logits say, as rows hold them, and how sure they are: {"confidence": [N]}."""
    found = told(outputs)
    said = [written([] if is_none(each) else [Answer(each.text, each.start)]) for each in found]
    return said, {"confidence": np.array([probability(each) for each in found])}


def is_none(each: Told) -> bool:
    """Whether a row is told to have no answer: that is likelier than its best span by more than its line."""
    return not each.text or each.none - each.score > each.line


def probability(each: Told) -> float:
    """Return the probability of what is told of a row, the product of those of its start and its end."""
    return float(np.exp(each.none if is_none(each) else each.score))


def told(outputs: Mapping[str, np.ndarray]) -> list[Told]:
    """Return what logits say of each row, by `Told`; outputs: OUTPUTS, [N, …] each.

    A token that several windows show has the sum of its probabilities in them. The likeliest span is that with the
    largest sum of the log-probabilities of its start and its end, of no more characters than the limit. A row with a
    NaN has no answer: its text is empty, and its probabilities are 0.
    """
    return [_told(*row) for row in zip(*(outputs[name] for name in OUTPUTS), strict=True)]


def _told(start: np.ndarray, end: np.ndarray, offsets: np.ndarray, passage: np.ndarray, limits: np.ndarray) -> Told:
    nothing = Told(0, 0, "", -np.inf, -np.inf, NEVER)
    if not (np.isfinite(start).all() and np.isfinite(end).all() and np.isfinite(offsets).all()):
        return nothing
    places = np.asarray(offsets, np.int64).reshape(-1, 2)
    none, spoken = places[:, 0] == NONE, places[:, 1] > places[:, 0]
    if not spoken.any():
        return nothing
    tokens, at = np.unique(places[spoken], axis=0, return_inverse=True)
    begins, ends = (
        _shared(np.ravel(logits).astype(np.float64), none, spoken, at, len(tokens)) for logits in (start, end)
    )
    first, last, score = _best(begins[:-1], ends[:-1], tokens, round(float(limits[0])))
    text = characters(passage[tokens[first, 0] : tokens[last, 1]])
    return Told(
        int(tokens[first, 0]), int(tokens[last, 1]), text, score, float(begins[-1] + ends[-1]), float(limits[1])
    )


def _shared(logits: np.ndarray, none: np.ndarray, spoken: np.ndarray, at: np.ndarray, tokens: int) -> np.ndarray:
    """Return the log-probabilities of each token of the passage and, last, of none: [tokens + 1]."""
    shares = np.full(tokens + 1, -np.inf)
    np.logaddexp.at(shares, np.ravel(at), logits[spoken])
    if none.any():
        shares[-1] = np.logaddexp.reduce(logits[none])
    return np.asarray(shares - np.logaddexp.reduce(shares))


def _best(begins: np.ndarray, ends: np.ndarray, tokens: np.ndarray, longest: int) -> tuple[int, int, float]:
    """Return the first and the last token of the likeliest span, and its log-probability; a token alone may be long."""
    first = last = int((begins + ends).argmax())
    score = float(begins[first] + ends[first])
    for apart in range(1, len(tokens)):
        fits = tokens[apart:, 1] - tokens[:-apart, 0] <= longest
        if not fits.any():
            break
        sums = np.where(fits, begins[:-apart] + ends[apart:], -np.inf)
        place = int(sums.argmax())
        if sums[place] > score:
            first, last, score = place, place + apart, float(sums[place])
    return first, last, score


def traits(values: Sequence[str]) -> dict[str, np.ndarray]:
    """Return what rows can be told apart by: numbers [N] by name, of the first right answer."""
    firsts = [next(iter(read(value)), Answer("", 0)) for value in values]
    return {
        "words": np.array([len(words(each.text)) for each in firsts], np.float64),
        "place": np.array([each.start for each in firsts], np.float64),
    }


def compared(values: Sequence[str], facts: Mapping[str, Any]) -> tuple[list[str] | None, Measured]:
    """Return what drift compares of answers: how many words they have, where they stand, and whether there is one."""
    found = traits(values)
    none = np.array([value == "[]" for value in values], np.float64)
    return None, Measured(
        {"length in words": found["words"], "place in the passage": found["place"], "without an answer": none}, {}, None
    )
