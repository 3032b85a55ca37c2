"""The model of users and items: lists in the order of a brute search, and what it learns a ranking from."""

import numpy as np
import pytest
import torch

from chainrule.nets import matrix_factorisation, two_towers
from chainrule.training.bodies.interaction import LAST, Model
from chainrule.training.inputs import interaction as inputs
from chainrule.training.targets import click, rating

NORMALISE = {"number": ["age"], "category": ["genre"], "of_item": ["genre"]}
TARGET = {"mean": 3.0, "std": 1.5, "lowest": 1.0, "highest": 5.0, "relevant": 3.0}


def rows() -> list[dict[str, object]]:
    drawn = np.random.default_rng(0)
    met = drawn.random((9, 21)) < 0.4
    return [
        {"user": f"u{user}", "item": f"i{item}", "age": float(20 + user), "genre": "ab"[item % 2]}
        for user, item in zip(*np.nonzero(met), strict=True)
    ]


@pytest.fixture
def facts() -> dict[str, object]:
    return inputs.fit_facts([rows()], {"fewest": 2}, normalise=NORMALISE)


def model(facts: dict[str, object], kind: object = rating, towers: bool = False) -> Model:
    torch.manual_seed(0)
    arguments = inputs.net_arguments(facts)
    if towers:
        net = two_towers.build(**arguments, factors=4, layers=1, width=8, dropout=0.0)
    else:
        net = matrix_factorisation.build(**arguments, factors=4, dropout=0.0)
    for weight in net.parameters():
        torch.nn.init.normal_(weight)
    return Model(net, kind, facts, TARGET).eval()


@pytest.mark.parametrize("towers", [False, True])
def test_a_list_is_that_of_a_brute_search(facts: dict[str, object], towers: bool) -> None:
    learnt = model(facts, towers=towers)
    made = inputs.of_fields([rows()], None, facts)
    batch = made.take(torch.arange(len(made)), None)
    with torch.no_grad():
        found = learnt(**batch)
        users, items = len(facts["users"]), len(facts["items"])  # type: ignore[arg-type]
        # Every pair by itself: no list is asked for.
        every = np.array(
            [
                [
                    learnt.train()(torch.tensor([user + 1]), torch.tensor([item + 1]))["value"].item()
                    for item in range(items)
                ]
                for user in range(users)
            ]
        )
    met = np.zeros((users, items), bool)
    met[batch["user"].numpy() - 1, batch["item"].numpy() - 1] = True
    for row in range(0, len(made), 7):
        user, item = int(batch["user"][row]) - 1, int(batch["item"][row]) - 1
        left = np.where(met[user], -np.inf, every[user])
        assert int(found["rank"][row]) == 1 + (left > every[user, item]).sum()
        order = np.argsort(-left, kind="stable")[: int((~met[user]).sum())]
        assert found["top"][row][: len(order)].tolist() == (order + 1).tolist()
        assert (found["top_values"][row][len(order) :] == LAST).all()
        assert found["activity"][row] == met[user].sum() and found["popularity"][row] == met[:, item].sum()


def test_answers_stay_on_the_scale_and_learning_may_leave_it(facts: dict[str, object]) -> None:
    learnt = model(facts)
    torch.nn.init.constant_(learnt.net.get_parameter("users.biases.weight"), 100.0)
    one = torch.tensor([1])
    assert learnt(one, one)["value"].item() == 5.0
    assert learnt.train()(one, one)["value"].item() > 100


def test_a_stranger_is_the_one_that_training_has_in_place_of_some(facts: dict[str, object]) -> None:
    learnt = model(facts)
    most = len(facts["users"]) + 5  # type: ignore[arg-type]
    found = learnt(torch.tensor([0, most, most + 1]), torch.tensor([1, 1, 99_999]))
    assert found["value"][0] == found["value"][1]
    assert found["rank"][2] == len(facts["items"]) + 1  # type: ignore[arg-type]
    assert found["activity"].tolist() == [0, 0, 0] and found["user_place"].tolist() == [0, most, most + 1]


def test_what_a_request_tells_of_a_user_goes_before_what_training_knows(facts: dict[str, object]) -> None:
    learnt = model(facts, towers=True)
    one = torch.tensor([1])
    learnt.train()  # nothing is cut off at the ends of the scale
    own = learnt(one, one, numbers=torch.tensor([[20.0]]), categories=torch.tensor([[0]]))["value"]
    assert learnt(one, one, numbers=torch.tensor([[torch.nan]]), categories=torch.tensor([[0]]))["value"] == own
    assert learnt(one, one, numbers=torch.tensor([[90.0]]), categories=torch.tensor([[0]]))["value"] != own


def test_a_ranking_learns_from_what_its_users_did_not_meet(facts: dict[str, object]) -> None:
    learnt = model(facts, click)
    batch = inputs.of_fields([rows()], torch.ones(len(rows())), facts).take(torch.arange(len(rows())), None)
    given = {name: batch[name] for name in learnt.inputs}
    with torch.no_grad():
        positive, others = learnt.contrast(None, **given)
    met = learnt.met(batch["user"])
    assert ((others == LAST) == met).all()
    for name, expected in (
        ("softmax", (torch.cat([positive[:, None], others], 1).softmax(1)[:, 0].log() * -1).mean()),
        ("bpr", -torch.sigmoid(positive[:, None] - others).log().mean()),
    ):
        assert click.Ranking(learnt, name, None)(batch)["loss"].item() == pytest.approx(expected.item(), rel=1e-5)
    torch.manual_seed(3)
    first = click.Ranking(learnt, "bpr", 4)(batch)["loss"]
    torch.manual_seed(3)
    assert click.Ranking(learnt, "bpr", 4)(batch)["loss"] == first


def test_some_rows_of_a_batch_are_of_nobody(facts: dict[str, object]) -> None:
    made = inputs.of_fields([rows()], None, facts, unknown=0.5)
    found = made.take(torch.arange(len(made)), torch.Generator().manual_seed(0))
    assert 0.3 < (found["user"] == 0).float().mean() < 0.7 and 0.3 < (found["item"] == 0).float().mean() < 0.7
    assert (made.take(torch.arange(len(made)), None)["user"] > 0).all()
