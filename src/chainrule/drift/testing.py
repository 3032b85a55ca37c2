"""Two samples compared: label balance, inputs, vocabulary and the model's features, with one honest level for all."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from chainrule.drift import statistics, units
from chainrule.drift.sample import Sample
from chainrule.drift.units import Units
from chainrule.system.errors import ChainruleError

ALPHA = 0.01
"""The chance that rows of the same kind are flagged, all tests together. A look a day is a false alarm in 100 days."""
SHOWN = 12
"""Words that a report names."""
DRAWN = 400
"""Points of a sample in the picture of the features."""


class Test(NamedTuple):
    """One question that was asked."""

    name: str
    """What was compared: "labels", "brightness", "words", "features"."""
    about: str
    """"label balance", "input", "vocabulary", "features" or "answers"."""
    statistic: str
    value: float
    """The statistic as textbooks have it."""
    p: float
    """Share of permutations that differ at least as much."""
    corrected: float
    """The same, corrected for the number of tests."""
    flagged: bool
    stability: float | None
    """Population stability index; None where there are no bins."""
    said: str
    """What was seen, in words: means, or shares."""


class Words(NamedTuple):
    """Words that only one sample has, the most frequent first, with their number in it."""

    new: list[tuple[str, int]]
    gone: list[tuple[str, int]]
    unknown: float
    """Share of the current words that the reference does not have."""


@dataclass(frozen=True)
class Report:
    """What was found. `flagged` is True if any test is; nothing is flagged where nothing could be said."""

    alpha: float
    seed: int
    flagged: bool
    undecided: str
    """Why nothing could be said, in words; "" where tests were made."""
    tests: tuple[Test, ...]
    rows: tuple[int, int]
    """Rows of reference and current that there were."""
    used: tuple[int, int]
    """Those that were compared."""
    units: tuple[int, int]
    """What was permuted: rows or groups of the two."""
    unit: str
    """"row" or "group"."""
    notes: tuple[str, ...]
    shares: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    """By "labels" and "predictions": the share of each class in reference and current."""
    words: Words | None = None
    points: tuple[np.ndarray, np.ndarray] | None = None
    """The features' two main directions, float [N, 2], of at most DRAWN rows of each sample; for a picture only."""


def between(reference: Sample, current: Sample, *, alpha: float = ALPHA, seed: int = 0) -> Report:
    """Compare current rows with a reference, by everything that both samples have.

    alpha: the chance, all tests together, that rows of the same kind are flagged; seed: of the permutations, the same
    gives the same report. Groups are permuted whole where the reference has enough of them; else rows are, and the
    report says so. Under 20 rows, or with too few groups, there is no verdict and the report says why. Raises
    ChainruleError if alpha is not between 0.002 and 0.5: beyond, 999 permutations cannot tell.
    """
    if not 0.002 <= alpha <= 0.5:
        raise ChainruleError(f"drift: a level of {alpha:g} cannot be tested; choose one from 0.002 to 0.5")
    # Matrices so small gain nothing from threads, and sums in one order give the same report on any number of cores.
    with threadpool_limits(1, "blas"):
        return _between(reference, current, alpha, seed)


def _between(reference: Sample, current: Sample, alpha: float, seed: int) -> Report:
    rng = np.random.default_rng(seed)
    rows = (len(reference), len(current))
    found = units.make(reference.groups, current.groups, rows, rng)
    notes = (found.note, *_notes("reference", reference), *_notes("current", current))
    used = (len(found.reference), len(found.current))
    undecided = units.too_few(found, rows, alpha)
    tests: tuple[Test, ...] = ()
    if not undecided:
        tests = _tests(reference, current, found, alpha, rng)
        if not tests:
            undecided = "the samples have nothing in common that could be compared"
    return Report(
        alpha=alpha,
        seed=seed,
        flagged=any(test.flagged for test in tests),
        undecided=undecided,
        tests=tests,
        rows=(rows[0] + reference.left_out, rows[1] + current.left_out),
        used=used,
        units=found.counts,
        unit=found.kind,
        notes=notes,
        shares=_shares(reference, current),
        words=_words(reference, current),
        points=_points(reference, current),
    )


def _notes(name: str, sample: Sample) -> list[str]:
    notes = [f"{name}: {note}" for note in sample.notes]
    if sample.left_out:
        notes.append(f"{sample.left_out:,} {name} rows were left out: {len(sample):,} are enough")
    return notes


class _Asked(NamedTuple):
    name: str
    about: str
    statistic: str
    found: np.ndarray
    value: float
    stability: float | None
    said: str


def _tests(
    reference: Sample, current: Sample, found: Units, alpha: float, rng: np.random.Generator
) -> tuple[Test, ...]:
    assigned = units.assignments(found, rng)
    asked = [
        *_label_tests(reference, current, found, assigned),
        *_number_tests(reference, current, found, assigned),
        *_word_tests(reference, current, found, assigned),
        *_vector_tests(reference, current, found, assigned),
    ]
    if not asked:
        return ()
    single, corrected = statistics.p_values(np.column_stack([one.found for one in asked]))
    return tuple(
        Test(
            one.name,
            one.about,
            one.statistic,
            one.value,
            float(p),
            float(safe),
            bool(safe <= alpha),
            one.stability,
            one.said,
        )
        for one, p, safe in zip(asked, single, corrected, strict=True)
    )


def _label_tests(reference: Sample, current: Sample, found: Units, assigned: np.ndarray) -> list[_Asked]:
    asked = []
    for name in reference.labels.keys() & current.labels.keys():
        one, other = reference.labels[name][found.reference], current.labels[name][found.current]
        classes, codes = np.unique(np.append(one, other), return_inverse=True)
        seen = statistics.chi_square(codes, found.of_row, assigned)
        counts = [np.bincount(part, minlength=len(classes)) for part in (codes[: len(one)], codes[len(one) :])]
        shares = [part / part.sum() for part in counts]
        most = int(np.abs(shares[1] - shares[0]).argmax())
        said = f"{classes[most]}: {shares[0][most]:.1%} before, {shares[1][most]:.1%} now"
        index = statistics.stability_index(*counts)
        about = "label balance" if name in ("labels", "predictions") else "input"
        asked.append(_Asked(name, about, "chi-square", seen, float(seen[0] ** 3), index, said))
    return sorted(asked)


def _number_tests(reference: Sample, current: Sample, found: Units, assigned: np.ndarray) -> list[_Asked]:
    asked = []
    for name in reference.numbers:
        if name not in current.numbers:
            continue
        one, other = reference.numbers[name][found.reference], current.numbers[name][found.current]
        pooled = np.append(one, other)
        seen = statistics.ks(pooled, found.of_row, assigned)
        edges = statistics.bins(pooled)
        counts = [np.bincount(np.searchsorted(edges, part), minlength=len(edges) + 1) for part in (one, other)]
        index = statistics.stability_index(*counts)
        about = "answers" if name in reference.answers else "input"
        said = f"mean {one.mean():.4g} before, {other.mean():.4g} now"
        asked.append(_Asked(name, about, "Kolmogorov-Smirnov", seen, float(seen[0]), index, said))
    return asked


def _word_tests(reference: Sample, current: Sample, found: Units, assigned: np.ndarray) -> list[_Asked]:
    if reference.words is None or current.words is None:
        return []
    texts = [reference.words[place] for place in found.reference] + [current.words[place] for place in found.current]
    counts, names = statistics.word_counts(texts)
    if not names:
        return []
    often = statistics.words_chi_square(counts, found.of_row, assigned)
    unknown = statistics.unknown_share(counts, found.of_row, assigned)
    usual = float(np.median(unknown[1:]))
    said = f"{unknown[0]:.1%} of the current words are not in the reference; {usual:.1%} would be usual"
    return [
        _Asked(
            "words", "vocabulary", "chi-square", often, float(often[0] ** 3), None, _most_moved(counts, names, found)
        ),
        _Asked("unknown words", "vocabulary", "share", unknown, float(unknown[0]), None, said),
    ]


def _most_moved(counts: sparse.csr_array, names: list[str], found: Units) -> str:
    first = len(found.reference)
    shares = [np.asarray(part.sum(axis=0), np.float64).ravel() for part in (counts[:first], counts[first:])]
    shares = [part / max(part.sum(), 1) for part in shares]
    moved = (shares[1] - shares[0]) ** 2 / (shares[0] + shares[1])
    order = np.argsort(-moved, kind="stable")[:3]
    return ", ".join(f"{names[word]} {shares[0][word]:.2%} before, {shares[1][word]:.2%} now" for word in order)


def _vector_tests(reference: Sample, current: Sample, found: Units, assigned: np.ndarray) -> list[_Asked]:
    asked = []
    for name in reference.vectors:
        one, other = reference.vectors[name], current.vectors.get(name)
        if other is None or one.shape[1] != other.shape[1]:
            continue
        pooled = np.concatenate([one[found.reference], other[found.current]])
        seen = statistics.told_apart(pooled, found.of_row, assigned)
        about = "features" if name == "features" else "answers" if name in reference.answers else "input"
        said = f"a classifier tells them apart with an area of {seen[0]:.3f} under its ROC; chance is 0.5"
        asked.append(_Asked(name, about, "classifier", seen, float(seen[0]), None, said))
    return asked


def _shares(reference: Sample, current: Sample) -> dict[str, dict[str, tuple[float, float]]]:
    found = {}
    for name in sorted(reference.labels.keys() & current.labels.keys()):
        one, other = reference.labels[name], current.labels[name]
        if len(one) and len(other):
            classes = np.unique(np.append(one, other))
            found[name] = {str(each): (float((one == each).mean()), float((other == each).mean())) for each in classes}
    return found


def _words(reference: Sample, current: Sample) -> Words | None:
    if reference.words is None or current.words is None:
        return None
    one, other = (Counter(word for text in sample.words or () for word in text) for sample in (reference, current))
    new, gone = ({word: count for word, count in a.items() if word not in b} for a, b in ((other, one), (one, other)))
    lists = [sorted(found.items(), key=lambda item: (-item[1], item[0]))[:SHOWN] for found in (new, gone)]
    return Words(lists[0], lists[1], sum(new.values()) / max(other.total(), 1))


def _points(reference: Sample, current: Sample) -> tuple[np.ndarray, np.ndarray] | None:
    one, other = reference.vectors.get("features"), current.vectors.get("features")
    if one is None or other is None or not len(one) or not len(other) or one.shape[1] != other.shape[1]:
        return None
    one, other = one[:DRAWN], other[:DRAWN]
    pooled = np.concatenate([one, other])
    centred = pooled - pooled.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    # A direction has no sign of its own; this gives it one.
    main = (
        directions[:2]
        * np.sign(directions[:2][np.arange(min(2, len(directions))), np.abs(directions[:2]).argmax(1)])[:, None]
    )
    flat = centred @ main.T
    if flat.shape[1] < 2:
        return None
    return flat[: len(one)], flat[len(one) :]
