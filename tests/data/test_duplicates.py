import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data.duplicates import anchored, unify_groups

groups = st.lists(st.sampled_from([f"g{n}" for n in range(8)]), min_size=1, max_size=12)


def test_chains_of_pairs_join_groups_under_the_smallest_name():
    assert unify_groups(["d", "b", "a", "c", "d"], np.array([[1, 3], [3, 4]])) == ["b", "b", "a", "b", "b"]


def test_without_pairs_or_rows_nothing_is_joined():
    assert unify_groups(["b", "a", "b"], np.zeros((0, 2), int)) == ["b", "a", "b"]
    assert unify_groups([], np.zeros((0, 2), int)) == []


def test_a_chain_of_small_steps_makes_no_one_group():
    chain = np.array([[n, n + 1] for n in range(6)])
    assert chain[anchored(chain)].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert anchored(np.zeros((0, 2), np.int64)).tolist() == []


@given(
    places=st.lists(st.integers(0, 40), min_size=2, max_size=15),
    more=st.lists(st.integers(0, 40), max_size=6),
)
def test_every_row_is_like_its_anchor_and_later_rows_change_nothing(places, more):
    def tied(points):
        near = [[i, j] for j in range(len(points)) for i in range(j) if abs(points[i] - points[j]) <= 3]
        pairs = np.array(near, np.int64).reshape(-1, 2)
        return pairs, pairs[anchored(pairs)]

    pairs, ties = tied(places)
    anchors = set(range(len(places))) - set(ties[:, 1].tolist())
    assert set(ties[:, 0].tolist()) <= anchors
    assert len(set(ties[:, 1].tolist())) == len(ties)
    assert not any({one, other} <= anchors for one, other in pairs.tolist())
    later = tied(places + more)[1].tolist()
    assert sorted(pair for pair in later if pair[1] < len(places)) == sorted(ties.tolist())


@given(names=groups, data=st.data())
def test_rows_share_a_group_exactly_when_a_chain_of_groups_and_pairs_connects_them(names, data):
    index = st.integers(0, len(names) - 1)
    pairs = data.draw(st.lists(st.tuples(index, index), max_size=8))
    reach = np.array([[one == other for other in names] for one in names])
    for one, other in pairs:
        reach[one, other] = reach[other, one] = True
    for _ in names:
        reach = reach @ reach
    found = unify_groups(names, np.array(pairs, int).reshape(-1, 2))
    assert (np.array([[one == other for other in found] for one in found]) == reach).all()
    assert found == [min(name for name, near in zip(names, row, strict=True) if near) for row in reach]


@given(names=groups, data=st.data())
def test_the_order_of_pairs_and_rows_does_not_matter(names, data):
    index = st.integers(0, len(names) - 1)
    pairs = np.array(data.draw(st.lists(st.tuples(index, index), max_size=8)), int).reshape(-1, 2)
    order = np.array(data.draw(st.permutations(range(len(names)))))
    place = np.argsort(order)
    found = unify_groups([names[at] for at in order], place[pairs][::-1, ::-1])
    assert found == [unify_groups(names, pairs)[at] for at in order]
