"""What simple models see in interactions: who met what, as a sparse matrix of users and items."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Row = Mapping[str, Any]
BLOCK = 1024
"""Items whose likeness to all others is computed at a time."""
USERS = 256
"""Users whose scores of all items are in memory at a time."""
UNKNOWN = -1


class Pairs(NamedTuple):
    """Training and other rows by number, from 0; UNKNOWN of what training did not meet.

    user, item: int64 [N_train] each; asked_user, asked_item: int64 [N] of the other rows; asked_place: int64 [N], which
    user a row is of, strangers told apart; users, items: how many training met.
    """

    user: np.ndarray
    item: np.ndarray
    asked_user: np.ndarray
    asked_item: np.ndarray
    asked_place: np.ndarray
    users: int
    items: int

    def matrix(self, values: np.ndarray) -> "csr_array":
        """Return float64 [users, items] of values [N_train], 0 where nobody met."""
        from scipy.sparse import csr_array

        shape = (self.users, self.items)
        return csr_array((np.asarray(values, np.float64), (self.user, self.item)), shape=shape)


def features(train: Sequence[Sequence[Row]], test: Sequence[Sequence[Row]]) -> Pairs:
    """Return training and other rows by number; one input field."""
    (seen,), (asked,) = train, test
    known: dict[str, dict[str, int]] = {}
    for role in ("user", "item"):
        names = sorted({row[role] for row in seen}, key=lambda name: (len(name), name))
        known[role] = {name: place for place, name in enumerate(names)}
    met = [np.array([known[role][row[role]] for row in seen], np.int64) for role in ("user", "item")]
    others = [np.array([known[role].get(row[role], UNKNOWN) for row in asked], np.int64) for role in ("user", "item")]
    _, place = np.unique([row["user"] for row in asked], return_inverse=True)
    (user, item), (asked_user, asked_item) = met, others
    return Pairs(user, item, asked_user, asked_item, place, len(known["user"]), len(known["item"]))


def ranks(pairs: Pairs, scores: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the place of each asked item, from 1, int64 [N], for its user, without what the user met in training.

    scores: of users by number, or UNKNOWN, int64 [B], the scores [B, items]; of equal ones the first leads. An item
    that training did not meet stands behind all.
    """
    met = pairs.matrix(np.ones(len(pairs.user)))
    found = np.full(len(pairs.asked_user), pairs.items + 1)
    users, whose = np.unique(pairs.asked_user, return_inverse=True)
    places = np.arange(pairs.items)
    for start in range(0, len(users), USERS):
        some = users[start : start + USERS]
        told = np.asarray(scores(some), np.float64)
        left = np.ones(told.shape, bool)
        left[some != UNKNOWN] = met[some[some != UNKNOWN]].toarray() == 0
        for row in np.flatnonzero((whose >= start) & (whose < start + USERS) & (pairs.asked_item != UNKNOWN)):
            own, item = told[whose[row] - start], pairs.asked_item[row]
            better = (own > own[item]) | ((own == own[item]) & (places < item))
            found[row] = 1 + np.count_nonzero(better & left[whose[row] - start])
    return found


def popular(pairs: Pairs) -> Callable[[np.ndarray], np.ndarray]:
    """Return the scores by which what most users met comes first, whoever asks."""
    counts = np.bincount(pairs.item, minlength=pairs.items).astype(np.float64)
    return lambda users: np.tile(counts, (len(users), 1))


def nearest(pairs: Pairs, alike: "csr_array") -> Callable[[np.ndarray], np.ndarray]:
    """Return the scores by which what is like all that a user met comes first; of a stranger popularity."""
    met, most = pairs.matrix(np.ones(len(pairs.user))), popular(pairs)

    def scores(users: np.ndarray) -> np.ndarray:
        found = most(users)
        known = users != UNKNOWN
        found[known] = (met[users[known]] @ alike.T).toarray()
        return found

    return scores


class Biases(NamedTuple):
    """The mean rating, and by how much users and items differ from it: [users + 1] and [items + 1], 0 the last."""

    mean: float
    user: np.ndarray
    item: np.ndarray

    def of(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return what is said of pairs, float64 [N]; UNKNOWN is the last of each."""
        return np.asarray(self.mean + self.user[users] + self.item[items])


def biases(user: np.ndarray, item: np.ndarray, rating: np.ndarray, users: int, items: int) -> Biases:
    """Return the biases of users and items by their ratings [N], drawn to 0 by so many ratings of none.

    Koren 2010, "Factor in the neighbors", https://doi.org/10.1145/1644873.1644874, section 2.2: items by 25, users by
    10.
    """
    mean = float(rating.mean())
    of_items = np.bincount(item, rating - mean, items) / (25 + np.bincount(item, minlength=items))
    rest = rating - mean - of_items[item]
    of_users = np.bincount(user, rest, users) / (10 + np.bincount(user, minlength=users))
    return Biases(mean, np.append(of_users, 0.0), np.append(of_items, 0.0))


def likeness(matrix: "csr_array", shrinkage: float, neighbours: int) -> "csr_array":
    """Return the cosine of each item with its most alike others, float64 [items, items], a row of neighbours each.

    Drawn to 0 where few met both: times n / (n + shrinkage) of the n users who did (Bell and Koren 2007,
    https://doi.org/10.1145/1345448.1345465).
    """
    from scipy.sparse import csr_array, vstack

    columns = matrix.tocsc()
    norms = np.sqrt(np.asarray((matrix * matrix).sum(axis=0)).ravel())
    met = (matrix != 0).astype(np.float64).tocsc()
    rows = []
    for start in range(0, columns.shape[1], BLOCK):
        own = slice(start, start + BLOCK)
        both = (met[:, own].T @ met).toarray()
        alike = (columns[:, own].T @ columns).toarray() / np.maximum(np.outer(norms[own], norms), 1e-12)
        alike *= both / (both + shrinkage) if shrinkage else 1.0
        alike[np.arange(len(alike)), np.arange(start, start + len(alike))] = 0.0
        most = min(neighbours, alike.shape[1])
        least = np.partition(alike, -most, axis=1)[:, -most][:, None]
        rows.append(csr_array(np.where((alike >= least) & (alike > 0), alike, 0.0)))
    return vstack(rows).tocsr()
