"""Statistics of two samples, each under every assignment of units at once.

Every function takes the pooled rows (reference first), the unit of each row, and assignments bool [B, U], and returns
float [B], larger where the samples differ more. They are increasing functions of the textbook statistics, on a scale
that is about normal under permutation: tests of different kinds can so be held against each other.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

LEVELS = 128
"""Most places at which two distribution functions are compared."""
FREQUENT = 5
"""Units that a word must occur in to count by itself."""
FOLDS = 10
BINS = 10
"""Most parts that numbers are cut into."""
NARROW, RIDGE = 4.0, 0.1
"""The classifier's kernel exp(-NARROW * squared distance / median) and its ridge: of those tried on held-back writers
of the digits, the strongest for 50 to 500 rows; wider kernels and stronger ridges see coarser differences only."""
FLOOR = 1e-4
"""The least share of a bin in a stability index: none at all would make it infinite."""


def stability_index(reference: np.ndarray, current: np.ndarray) -> float:
    """Return the population stability index of two vectors of counts or shares: at least 0, and 0 for equal shares.

    Symmetric: the sum over bins of (p - q) ln(p / q). Commonly read: under 0.1 alike, above 0.25 another population.
    """
    shares = [np.maximum(counts / counts.sum(), FLOOR) for counts in (np.asarray(reference), np.asarray(current))]
    return float(((shares[0] - shares[1]) * np.log(shares[0] / shares[1])).sum())


def bins(values: np.ndarray) -> np.ndarray:
    """Return inner edges that cut pooled values into at most BINS parts of about as many; int counts go by value."""
    distinct = np.unique(values)
    if len(distinct) <= BINS:
        return np.asarray((distinct[1:] + distinct[:-1]) / 2)
    return np.unique(np.quantile(values, np.arange(1, BINS) / BINS))


def ks(values: np.ndarray, of_row: np.ndarray, assigned: np.ndarray) -> np.ndarray:
    """Kolmogorov-Smirnov's largest distance of two distribution functions of numbers, float [N]."""
    levels = np.unique(np.quantile(values, np.arange(1, LEVELS) / LEVELS, method="inverted_cdf"))
    return _largest_gap((values[:, None] <= levels).astype(np.float64), of_row, assigned)


def chi_square(codes: np.ndarray, of_row: np.ndarray, assigned: np.ndarray) -> np.ndarray:
    """Cube root of Pearson's chi-square of homogeneity of classes, int [N]."""
    table = np.zeros((len(codes), int(codes.max()) + 1))
    table[np.arange(len(codes)), codes] = 1
    return _cube_root(_chi_square(_sums(table, of_row, assigned.shape[1]), assigned))


def words_chi_square(counts: sparse.csr_array, of_row: np.ndarray, assigned: np.ndarray) -> np.ndarray:
    """Cube root of the chi-square of how often each frequent word occurs, the others as one; counts int [N, V]."""
    units = _join(counts, of_row, assigned.shape[1])
    spread = np.asarray((units > 0).sum(axis=0)).ravel() >= FREQUENT
    dense = units[:, np.flatnonzero(spread)].toarray().astype(np.float64)
    rest = np.asarray(units.sum(axis=1)).ravel() - dense.sum(axis=1)
    return _cube_root(_chi_square(np.column_stack([dense, rest]), assigned))


def unknown_share(counts: sparse.csr_array, of_row: np.ndarray, assigned: np.ndarray) -> np.ndarray:
    """Share of the current words that no reference unit has; counts int [N, V]."""
    units = _join(counts, of_row, assigned.shape[1]).astype(np.float32)
    presence = (units > 0).astype(np.float32)
    # A word is unknown to the reference where all units that have it are current.
    everywhere = np.asarray(presence.sum(axis=0)).ravel()
    shares = np.empty(len(assigned))
    for start in range(0, len(assigned), 100):
        current = assigned[start : start + 100].astype(np.float32)
        said = current @ units
        unknown = (current @ presence) >= everywhere - 0.5
        shares[start : start + 100] = (said * unknown).sum(axis=1) / np.maximum(said.sum(axis=1), 1)
    return shares


def told_apart(vectors: np.ndarray, of_row: np.ndarray, assigned: np.ndarray) -> np.ndarray:
    """How well a classifier tells current rows from the others, as the area under its ROC; vectors float [N, D].

    A classifier two-sample test (Lopez-Paz and Oquab 2017, Revisiting classifier two-sample tests): kernel ridge
    regression of who is current, every row judged by a fit that has not seen its fold; a unit is never cut by a fold.
    Its predictions are linear in the labels, so one factorisation serves all assignments.
    """
    from scipy.spatial.distance import pdist, squareform
    from scipy.stats import rankdata

    squared = pdist(vectors, "sqeuclidean")
    typical = float(np.median(squared))
    if typical <= 0:
        return np.full(len(assigned), 0.5)
    kernel = squareform(np.exp(-NARROW * squared / typical))
    np.fill_diagonal(kernel, 1)
    means = kernel.mean(axis=0)
    kernel += means.mean() - means - means[:, None]
    kernel[np.diag_indices_from(kernel)] += RIDGE
    inverse = np.linalg.inv(kernel)
    current = assigned[:, of_row].T.astype(np.float64)
    centred = current - current.mean(axis=0)
    weights = inverse @ centred
    scores = np.empty_like(centred)
    # Neighbours by number are alike (files are in order): each goes to a fold of its own.
    for fold in range(FOLDS):
        held = np.flatnonzero(of_row % FOLDS == fold)
        if len(held):
            # What the rows' own fold adds to their fit comes off again without fitting anew.
            scores[held] = centred[held] - np.linalg.solve(inverse[np.ix_(held, held)], weights[held])
    ranks = rankdata(np.round(scores, 9), axis=0)
    count = current.sum(axis=0)
    above = (ranks * current).sum(axis=0) - count * (count + 1) / 2
    return np.asarray(above / (count * (len(current) - count)))


def p_values(found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (p-value of each test, the same corrected for their number), each [K], of statistics [B, K].

    The first row is what was seen, the others are permutations. The correction is Westfall and Young's (1993,
    Resampling-based multiple testing), step-down by the largest statistic: like Holm's it keeps the chance of any false
    alarm at the level, but it knows from the permutations how tests hang together, and so gives less away.
    """
    spread = found.std(axis=0)
    scaled = np.where(spread > 1e-12, (found - found.mean(axis=0)) / np.where(spread > 1e-12, spread, 1), 0.0)
    scaled = np.round(scaled, 9)  # sums in another order must not tell equal ones apart
    single = (scaled >= scaled[0]).mean(axis=0)
    order = np.argsort(-scaled[0], kind="stable")
    corrected = np.empty(len(order))
    highest = 0.0
    for place, test in enumerate(order):
        largest = scaled[:, order[place:]].max(axis=1)
        highest = max(highest, float((largest >= scaled[0, test]).mean()))
        corrected[test] = highest
    return single, corrected


def word_counts(texts: Sequence[Sequence[str]]) -> tuple[sparse.csr_array, list[str]]:
    """Return (how often each word occurs, int64 [N, V] sparse; the words, sorted)."""
    names = sorted({word for text in texts for word in text})
    numbers = {word: number for number, word in enumerate(names)}
    columns = [numbers[word] for text in texts for word in text]
    rows = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    shape = (len(texts), len(names))
    return sparse.csr_array((np.ones(len(columns), np.int64), (rows, columns)), shape=shape), names


def _sums(table: np.ndarray, of_row: np.ndarray, units: int) -> np.ndarray:
    """Add up the rows of every unit: [N, D] to [U, D]."""
    if units == len(table) and (of_row == np.arange(units)).all():
        return table
    found = np.zeros((units, table.shape[1]))
    np.add.at(found, of_row, table)
    return found


def _join(counts: sparse.csr_array, of_row: np.ndarray, units: int) -> sparse.csr_array:
    once = sparse.csr_array(
        (np.ones(len(of_row), np.int64), (of_row, np.arange(len(of_row)))), shape=(units, len(of_row))
    )
    return once @ counts


def _largest_gap(below: np.ndarray, of_row: np.ndarray, assigned: np.ndarray) -> np.ndarray:
    units = assigned.shape[1]
    sums, sizes = _sums(below, of_row, units), np.bincount(of_row, minlength=units).astype(np.float64)
    current = assigned.astype(np.float64)
    part, count = current @ sums, (current @ sizes)[:, None]
    return np.asarray(np.abs(part / count - (sums.sum(axis=0) - part) / (sizes.sum() - count)).max(axis=1))


def _chi_square(table: np.ndarray, assigned: np.ndarray) -> np.ndarray:
    """Pearson's chi-square of current against the rest, per assignment, of counts [U, C]."""
    total = table.sum(axis=0)
    current = assigned.astype(np.float64) @ table
    share = current.sum(axis=1, keepdims=True) / total.sum()
    expected = share * total
    # Of two rows with fixed column sums the second differs from its expectation by as much as the first.
    return np.asarray(((current - expected) ** 2 / np.maximum(expected * (1 - share), 1e-12)).sum(axis=1))


def _cube_root(values: np.ndarray) -> np.ndarray:
    """Wilson and Hilferty's (1931) transformation: chi-square becomes about normal."""
    return np.asarray(np.cbrt(values))
