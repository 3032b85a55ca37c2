"""Scores of spans: exact ones, as CoNLL's shared tasks and seqeval count them.

A model's outputs are `logits` [N, W, L, K] of the tags of each token in each window, `offsets` [N, W, L, 3] of the
tokens (start, end, begins: `fields.windows`) and, of one that learns them, `transitions` [N, K + 1, K] from tag to tag,
of which `fields.tags` makes spans.

Definitions:

- span_f1, span_precision, span_recall: over all spans of all rows together; a span is right if its first and its last
  character and its label are (Tjong Kim Sang and De Meulder 2003, https://aclanthology.org/W03-0419; seqeval, mode
  strict, IOB2). Span F1 is PRIMARY: most words are outside of spans, so an accuracy of words is high for a model that
  finds none.
- macro_f1: unweighted mean over the labels.
- token_accuracy: share of words with the right tag. Words are those of the model's tokenizer, or of the floor.
- exact_match: share of rows of which all spans are right.

Beside them `metrics` has how many of the spans that are no true ones are a true one with another label (`type`), a part
of one, or more, with its label (`boundary`), both (`both`), or touch none (`spurious`), and how many true ones none
touches (`missed`).

A label that no row has is left out of the macro mean. A row without an answer (a NaN) has no spans, and no word right.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.evaluation import per_class
from chainrule.evaluation.primary import Facts, Found, Metrics, Outputs, Primary, Score
from chainrule.fields import tags
from chainrule.fields.tags import Span
from chainrule.fields.windows import END

PRIMARY = Primary("span_f1", more_is_better=True, unit="share")
SCORES = (
    Score("span_f1", "Span F1", more_is_better=True),
    Score("span_precision", "Precision of spans", more_is_better=True),
    Score("span_recall", "Recall of spans", more_is_better=True),
    Score("macro_f1", "Macro F1", more_is_better=True),
    Score("token_accuracy", "Accuracy of words", more_is_better=True),
    Score("exact_match", "Exact match", more_is_better=True),
)
HEADLINE = ("span_precision", "span_recall")
"""Scores shown beside PRIMARY where there is little room."""
CALIBRATED = (
    "Probabilities of words are calibrated on the validation split; that of a span is the product of its words'."
)
ERRORS = ("type", "boundary", "both", "spurious", "missed")
"""What a span can be that is not right, and a true one that is not met at all."""


class Answer(NamedTuple):
    """What is said of a row: its spans, and its words with their tags, [T, 2] and [T]."""

    spans: list[Span]
    places: np.ndarray
    tags: np.ndarray


def answers(outputs: Outputs) -> list[Answer]:
    """Return what is said of each row; of one without an answer nothing, and no tag."""
    found = []
    for words in tags.rows(outputs):
        if np.isfinite(words.scores).all():
            found.append(Answer(tags.spans(words), words.places, words.path))
        else:
            found.append(Answer([], words.places, np.full(len(words.places), -1)))
    return found


def statistics(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return, float64 [N, 3C + 9], what each row adds; `target` int [N, S, 3] of label, start and end, or -1.

    In order: spans of each label rightly said, said, and true; right words, words; right rows, rows; ERRORS. Raises
    ValueError when the arrays do not fit together.
    """
    classes, logits = len(facts["classes"]), outputs["logits"]
    if len(logits) != len(target) or logits.shape[-1] != tags.count(classes):
        raise ValueError(f"spans {target.shape}, logits {logits.shape} and {classes} classes do not fit")
    found = np.zeros((len(target), 3 * classes + 4 + len(ERRORS)))
    for row, (own, true) in enumerate(zip(answers(outputs), tags.listed(np.asarray(target)), strict=True)):
        found[row] = [*_counted(own.spans, true, classes), *_words(own, target[row]), *_whole(own, true),
                      *_mistaken(own.spans, true).values()]  # fmt: skip
    return found


def _counted(said: Sequence[Span], true: Sequence[Span], classes: int) -> np.ndarray:
    right = {span[:3] for span in true}
    kinds = ([span.label for span in said if span[:3] in right], [span.label for span in said],
             [span.label for span in true])  # fmt: skip
    return np.concatenate([np.bincount(labels, minlength=classes) for labels in kinds])


def _words(own: Answer, target: np.ndarray) -> tuple[int, int]:
    return int((own.tags == tags.of_words(target, own.places)).sum()), len(own.places)


def _whole(own: Answer, true: Sequence[Span]) -> tuple[bool, int]:
    answered = not len(own.tags) or bool((own.tags >= 0).all())
    return answered and {span[:3] for span in own.spans} == {span[:3] for span in true}, 1


def mistakes(said: Sequence[Span], true: Sequence[Span]) -> list[tuple[str, Span | None, Span | None]]:
    """Return every mistake of a row: which of ERRORS, the span that was said, and the true one that it touches."""
    found: list[tuple[str, Span | None, Span | None]] = []
    right = {span[:3] for span in true}
    for span in said:
        if span[:3] in right:
            continue
        touched = [each for each in true if each.start < span.end and span.start < each.end]
        same = next((each for each in touched if each[1:3] == span[1:3]), None)
        alike = next((each for each in touched if each.label == span.label), None)
        kind = "type" if same else "boundary" if alike else "both" if touched else "spurious"
        found.append((kind, span, same or alike or (touched[0] if touched else None)))
    missed = (each for each in true if not any(each.start < span.end and span.start < each.end for span in said))
    return [*found, *(("missed", None, each) for each in missed)]


def _mistaken(said: Sequence[Span], true: Sequence[Span]) -> dict[str, int]:
    kinds = [kind for kind, _, _ in mistakes(said, true)]
    return {kind: kinds.count(kind) for kind in ERRORS}


def metrics(sums: np.ndarray, facts: Facts) -> Metrics:
    """Return the scores of sums [..., 3C + 9]: [...], or [..., C] for those of a label."""
    classes = len(facts["classes"])
    hits, said, true = (sums[..., part * classes : (part + 1) * classes] for part in range(3))
    right, words, whole, rows = (sums[..., 3 * classes + part] for part in range(4))
    each = per_class.scores(hits, said, true)
    every = [part.sum(axis=-1) for part in (hits, said, true)]
    any_true = every[2] > 0
    return {
        "span_f1": np.where(any_true, 2 * every[0] / np.maximum(every[1] + every[2], 1), np.nan),
        "span_precision": np.where(any_true, every[0] / np.maximum(every[1], 1), np.nan),
        "span_recall": np.where(any_true, every[0] / np.maximum(every[2], 1), np.nan),
        "macro_f1": per_class.mean(each["f1"]),
        "token_accuracy": np.where(words > 0, right / np.maximum(words, 1), np.nan),
        "exact_match": whole / rows,
        **each,
        **{kind: sums[..., 3 * classes + 4 + place] for place, kind in enumerate(ERRORS)},
    }


def details(found: Found, facts: Facts) -> dict[str, Any]:
    """Return the scores of each label, and how many mistakes are of which kind, as plain data."""
    errors = {kind: int(found.value[kind]) for kind in ERRORS}
    return {"per_class": per_class.details(found, facts["classes"]), "errors": errors}


def right(outputs: Outputs, target: np.ndarray, facts: Facts) -> np.ndarray:
    """Return which rows have just their spans, bool [N]."""
    true = tags.listed(np.asarray(target))
    return np.array([_whole(own, each)[0] for own, each in zip(answers(outputs), true, strict=True)], bool)


def agree(ours: Outputs, theirs: Outputs, facts: Facts) -> np.ndarray:
    """Return where two models say the same spans, bool [N]; no answer agrees with none."""
    pairs = zip(answers(ours), answers(theirs), strict=True)
    return np.array(
        [
            bool((one.tags >= 0).all() and (other.tags >= 0).all())
            and {span[:3] for span in one.spans} == {span[:3] for span in other.spans}
            for one, other in pairs
        ],
        bool,
    )


def comparable(outputs: Outputs, facts: Facts) -> np.ndarray:
    """Return what must not change with the rows beside one: the probabilities of tags [N, W, L, K], 0 at no token."""
    logits = np.asarray(outputs["logits"], np.float64)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    there = (outputs["offsets"][..., END] > 0)[..., None]
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True) * there)


def joined(facts: Sequence[Facts], names: Sequence[str]) -> Facts:
    """Return facts that several models and rows with these names have in common: all of the labels."""
    return {"classes": sorted({*names, *(name for each in facts for name in each["classes"])})}


def aligned(outputs: Outputs, facts: Facts, joint: Facts) -> Mapping[str, np.ndarray]:
    """Return a model's outputs over the labels of `joint`; others it never says."""
    logits = outputs["logits"]
    places = [0]
    for name in facts["classes"]:
        first = tags.begin(joint["classes"].index(name))
        places += [first, first + 1]
    every = tags.count(len(joint["classes"]))
    wide = np.full((*logits.shape[:-1], every), tags.NEVER, np.float64)
    wide[..., places] = logits
    found = {"logits": wide, "offsets": outputs["offsets"]}
    if "transitions" in outputs:
        follow = np.full((len(logits), every + 1, every), tags.NEVER, np.float64)
        follow[:, np.array([*places, every])[:, None], np.array(places)] = outputs["transitions"]
        found["transitions"] = follow
    return found
