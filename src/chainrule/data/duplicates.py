"""Groups that must not be cut apart: which pairs of rows tie, and the connected components over those."""

from collections.abc import Sequence

import numpy as np


def anchored(pairs: np.ndarray) -> np.ndarray:
    """Return which of the pairs (int [P, 2], first < second) tie a row to its anchor, as bool [P].

    Likeness is not transitive: a chain of small steps must not make strangers one group. Rows are taken in
    their order: one that is like earlier anchors belongs to the first of these, any other is an anchor itself.
    So all rows that are tied together are like one of them, and rows that come later leave the earlier ones'
    ties as they were.
    """
    order = np.lexsort((pairs[:, 0], pairs[:, 1]))
    tied = np.zeros(len(pairs), bool)
    members: set[int] = set()
    for at, (first, second) in zip(order.tolist(), pairs[order].tolist(), strict=True):
        if first not in members and second not in members:
            members.add(second)
            tied[at] = True
    return tied


def unify_groups(groups: Sequence[str], pairs: np.ndarray) -> list[str]:
    """Return the groups [N] of the rows after joining those that `pairs` (int [P, 2], row indices) connect.

    Rows of one group belong together from the start. A component takes the smallest name of its groups, so
    names depend neither on the order of the rows nor on that of the pairs.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(pairs):
        return [str(name) for name in groups]
    names, member = np.unique(np.asarray(groups, dtype=object), return_inverse=True)
    ends = member[np.asarray(pairs, dtype=np.int64).reshape(-1, 2)]
    graph = coo_array((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(len(names), len(names)))
    _, component = connected_components(graph, directed=False)
    # `names` is sorted, so the first of a component is its smallest
    _, smallest = np.unique(component, return_index=True)
    return [str(name) for name in names[smallest[component]][member]]
