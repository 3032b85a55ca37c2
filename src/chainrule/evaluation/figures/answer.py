"""What a page shows of answers to questions: how near they come, how sure they are, by question word and by length."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.evaluation import style
from chainrule.evaluation.mistakes import answer as mistakes
from chainrule.evaluation.primary import Facts, Outputs
from chainrule.evaluation.scores.answer import right, scored, sure, tokens
from chainrule.evaluation.shown import Picture, Table, Worst
from chainrule.fields import answer as field
from chainrule.fields.text import words

if TYPE_CHECKING:
    import pandas as pd

BESIDE = ("f1", "exact_match")
"""Scores that are drawn beside the floors' scores."""
BINS = 10
LENGTHS = ((1, "1 word"), (2, "2 words"), (5, "3 to 5 words"), (10, "6 to 10 words"))
"""Up to how many words an answer is called what; characters of scripts without blanks are words."""
LONGER, NO_ANSWER, OTHER = "over 10 words", "no answer", "other"
ASKING = (
    *("how many", "how much", "how long", "how", "what", "when", "where", "which", "who", "whom", "whose", "why"),
    *("wie viele", "wie viel", "wie", "was", "wann", "wo", "welche", "welcher", "welches", "welchen", "welchem"),
    *("wer", "wem", "wen", "wessen", "warum", "wofür", "womit", "wodurch", "wohin", "woher"),
    *("多少", "什么时候", "为什么", "怎么", "如何", "什么", "哪里", "哪", "谁", "几", "何"),
)
"""Words that questions are asked by, in English, German and Chinese; the longer go before those they begin with."""


def grouped(rows: "pd.DataFrame") -> dict[str, list[str]]:
    """Return what test rows [N] can be grouped by besides their columns: question_word and answer_length."""
    return {
        "question_word": [question_word(question) for question in rows["question"]],
        "answer_length": [_length(field.read(value)) for value in rows["answers"]],
    }


def question_word(question: str) -> str:
    """Return the first word of a question that it is asked by, or OTHER."""
    said = words(question.casefold())
    spaced, solid = f" {' '.join(said)} ", "".join(said)
    found = [
        (at, place, word)
        for place, word in enumerate(ASKING)
        if (at := spaced.find(f" {word} ") if word[0] < "\u3000" else solid.find(word)) >= 0
    ]
    return min(found)[2] if found else OTHER


def _length(answers: Sequence[field.Answer]) -> str:
    if not answers:
        return NO_ANSWER
    count = len(tokens(answers[0].text))
    return next((name for most, name in LENGTHS if count <= most), LONGER)


def pictures(outputs: Outputs, target: np.ndarray, facts: Facts) -> list[Picture]:
    """Return the pictures of answers to test rows; `target` int [N, K, 2 + A]."""
    shared, certain = scored(outputs, target)[:, 1], sure(outputs)
    return [
        Picture("overlap", "F1 of the answers to the test rows", lambda path: overlap(shared, path), wide=False),
        Picture(
            "sureness",
            "F1 of the surest answers to the test rows",
            lambda path: sureness(shared, certain, path),
            wide=False,
        ),
    ]


def overlap(shared: np.ndarray, path: Path) -> None:
    """Draw how many rows have which F1, float64 [N]."""
    figure, axes = style.house_figure(style.HALF, style.HALF * 0.7)
    axes.hist(shared, bins=np.linspace(0, 1, BINS + 1), color=style.BLUE)
    axes.set(xlabel="F1 with the nearest right answer", ylabel="test rows")
    none, whole = (shared == 0).mean(), (shared == 1).mean()
    style.title(axes, "How near the answers come", f"{whole:.0%} have the very words, {none:.0%} none of them")
    style.save(figure, path)


def sureness(shared: np.ndarray, certain: np.ndarray, path: Path) -> None:
    """Draw the mean F1 of the surest rows, of all on the right; both float64 [N]."""
    figure, axes = style.house_figure(style.HALF, style.HALF * 0.7)
    ranked = shared[np.argsort(-certain, kind="stable")]
    count = np.arange(1, len(ranked) + 1)
    least = max(0, min(len(ranked) // 20, len(ranked) - 1))
    axes.plot(count[least:] / len(ranked), (np.cumsum(ranked) / count)[least:], color=style.BLUE)
    axes.set(xlabel="share of rows answered, the surest first", ylabel="their mean F1", xlim=(0, 1), ylim=(0, 1.02))
    axes.xaxis.set_major_formatter(style.percents())
    style.title(axes, "Answering the surest alone", "flat: how sure the model is says little")
    style.save(figure, path)


def tables(outputs: Outputs, target: np.ndarray, facts: Facts, scores: Mapping[str, Any]) -> list[Table]:
    """Return how often answers are wrong in which way, and how well those of which length are told."""
    shared, rows = scored(outputs, target), len(target)
    kinds = [
        (name, f"{len(places):,}", f"{len(places) / rows:.1%}")
        for name, places in mistakes.confused(outputs, target, facts)
    ]
    exact = int(shared[:, 0].sum())
    kinds.insert(0, ("a right answer, to the word", f"{exact:,}", f"{exact / rows:.1%}"))
    lengths = [_length([field.Answer(each, 0) for each in own]) for own in right(target)]
    by_length = []
    for name in (*(name for _, name in LENGTHS), LONGER, NO_ANSWER):
        own = shared[[length == name for length in lengths]]
        if len(own):
            by_length.append((name, f"{len(own):,}", f"{own[:, 1].mean():.4f}", f"{own[:, 0].mean():.4f}"))
    return [
        Table("How answers are wrong", ("", "test rows", "share"), kinds),
        Table("By length of the answer", ("the first right answer", "test rows", "F1", "exact match"), by_length),
    ]


def notes(scores: Mapping[str, Any]) -> list[str]:
    """Return what is to be said below the table of scores."""
    said = "By the definition of SQuAD: case, punctuation and the English articles do not count"
    return [f"{said}; of scripts without blanks the F1 is one of characters."]


def warnings(scores: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the scores must know."""
    return ["no test row has an answer: the scores say little"] if scores["f1_of_answered"]["value"] is None else []


def worst(outputs: Outputs, target: np.ndarray, facts: Facts, most: int) -> Worst:
    """Return at most `most` wrong rows, those with the least F1 first, of these the surest."""
    shared, certain = scored(outputs, target)[:, 1], sure(outputs)
    order = np.lexsort((-certain, shared))
    chosen = order[shared[order] < 1][:most]
    return Worst(
        "Worst answers",
        "Test rows whose answers have least in common with a right one, the surest first: look for wrong targets.",
        "None: every test row was answered to the word.",
        mistakes.wrong(outputs, target, facts, chosen),
    )
