"""Groups that must not be cut apart: connected components over pairs of rows."""

from collections.abc import Sequence

import numpy as np


def unify_groups(groups: Sequence[str], pairs: np.ndarray) -> list[str]:
    """Return the groups [N] of the rows after joining those that `pairs` (int [P, 2], row indices) connect.

    Rows of one group belong together from the start. A component takes the smallest name of its groups, so
    names depend neither on the order of the rows nor on that of the pairs.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(groups):
        return []
    names, member = np.unique(np.asarray(groups, dtype=object), return_inverse=True)
    ends = member[np.asarray(pairs, dtype=np.int64).reshape(-1, 2)]
    graph = coo_array((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(len(names), len(names)))
    _, component = connected_components(graph, directed=False)
    # `names` is sorted, so the first of a component is its smallest
    _, smallest = np.unique(component, return_index=True)
    return [str(name) for name in names[smallest[component]][member]]
