"""How likely it is that rows of a slice fail so often by chance alone.

Where rows are right or wrong: Fisher's exact test, one-sided. Where they are more or less far off: the rank sum of
Wilcoxon 1945, whose normal approximation holds from twenty rows on. Rows of one group are no independent witnesses; so
what a slice and the rest hold is divided by their design effects (Rao and Scott 1992, "A simple method for the analysis
of clustered binary data"), 1 + (m - 1) r: m is how many rows of its group a row meets on average, r how alike the rows
of a group are (the intraclass correlation, by analysis of variance).
"""

import numpy as np

Sizes = np.ndarray | float


def is_yes_or_no(bad: np.ndarray) -> bool:
    """Whether rows are right or wrong, 0 or 1, and not more or less far off."""
    return bool(np.isin(bad, (0, 1)).all())


def ranks(bad: np.ndarray) -> np.ndarray:
    """Return what is summed over rows: `bad` itself where it is 0 or 1, otherwise its ranks; float64 [N]."""
    if is_yes_or_no(bad):
        return bad.astype(np.float64)
    _, place, times = np.unique(bad, return_inverse=True, return_counts=True)
    return (np.cumsum(times) - (times - 1) / 2)[place]  # equal ones share the mean of their ranks


def by_chance(
    ranked: np.ndarray, rows: np.ndarray, sums: np.ndarray, inside: Sizes = 1.0, outside: Sizes = 1.0
) -> np.ndarray:
    """Return p [M] of M slices: that as many rows, drawn blindly, sum up to as much or more.

    ranked [N]: of all rows; rows [M] and sums [M]: what each slice holds; inside, outside: design effects [M].
    """
    from scipy.special import ndtr

    everything = len(ranked)
    if not is_yes_or_no(ranked):
        rest = everything - rows
        apart = sums / rows - (ranked.sum() - sums) / rest
        return np.asarray(ndtr(-apart / (ranked.std(ddof=1) * np.sqrt(inside / rows + outside / rest))))
    wrong = ranked.sum()
    # Rounded so that the slice never looks worse than it is.
    hits, misses = np.floor(sums / inside), np.ceil((rows - sums) / inside)
    others, right = np.ceil((wrong - sums) / outside), np.floor((everything - rows - wrong + sums) / outside)
    total = hits + misses + others + right
    return _drawn_as_many(hits, hits + misses, hits + others, total)


def _drawn_as_many(hits: np.ndarray, drawn: np.ndarray, wrong: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Return the chance [M] to draw `hits` wrong rows or more; 1 where that is no more than is to be expected.

    SciPy's hypergeometric distribution takes seconds for the tens of thousands of slices of a search.
    """
    from scipy.special import gammaln

    found = np.ones(len(hits))
    many = hits * total > drawn * wrong
    k, n, w, t = hits[many], drawn[many], wrong[many], total[many]

    def ways(whole: np.ndarray, part: np.ndarray) -> np.ndarray:
        return np.asarray(gammaln(whole + 1) - gammaln(part + 1) - gammaln(whole - part + 1))

    first = np.exp(ways(w, k) + ways(t - w, n - k) - ways(t, n))
    term, tail = np.ones(len(k)), np.ones(len(k))
    while (term > 1e-9 * tail).any():  # each term is what its ratio makes of the one before
        term = term * (w - k) * (n - k) / ((k + 1) * (t - w - n + k + 1))
        tail += term
        k = k + 1
    found[many] = np.minimum(first * tail, 1)
    return found


def least_possible(ranked: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the smallest p [M] that slices of so many rows could have, were every wrong row in them."""
    most = np.minimum(rows, ranked.sum())
    return by_chance(ranked, rows, most) if is_yes_or_no(ranked) else np.zeros(len(rows))


def alike(bad: np.ndarray, index: np.ndarray) -> float:
    """Return the intraclass correlation of rows in groups, from 0 to 1; index int64 [N]: the group of each row."""
    every = np.bincount(index)
    held = every > 0
    rows, sizes, sums = len(bad), every[held], np.bincount(index, bad)[held]
    groups = len(sizes)
    if not 1 < groups < rows:
        return 0.0
    between = float((sums**2 / sizes).sum() - bad.sum() ** 2 / rows) / (groups - 1)
    within = float((bad**2).sum() - (sums**2 / sizes).sum()) / (rows - groups)
    usual = (rows - float((sizes**2).sum()) / rows) / (groups - 1)
    whole = between + (usual - 1) * within
    return min(max((between - within) / whole, 0.0), 1.0) if whole > 0 else 0.0


def design_effect(index: np.ndarray, correlation: float) -> float:
    """Return by how much fewer rows the rows of a part stand for; index int64 [n]: their groups."""
    sizes = np.bincount(index)
    return 1 + (float((sizes**2).sum()) / len(index) - 1) * correlation
