"""Users and items in, the score of each pair out; in evaluation also where the item stands in the whole catalogue."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.fields.interaction import ITEM, NOBODY, ROLES, USER
from chainrule.training.inputs.interaction import columns, seen_bits

MOST = 100
"""Items of a list at most."""
LAST = -1e30
"""The score of an item that a user met in training: no list has it."""
KEPT = 10
"""Items of a list that are kept of each of many rows."""


class Model(nn.Module):
    """A net of users and items, with its answer, who met what, and what is told of both."""

    seen: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, kind: Any, facts: Mapping[str, Any], target: Mapping[str, Any]) -> None:
        """Take who met what and what is told of both from the facts of the inputs; kind: of `training.targets`."""
        super().__init__()
        self.net, self.said = net, kind.answer
        self.inputs = given(facts)
        self.constants = tuple(kind.constants(target))
        for name, constant in kind.constants(target).items():
            self.register_buffer(name, constant)
        self.register_buffer("seen", torch.from_numpy(seen_bits(facts)))
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(facts[name], dtype=torch.float32))
        for role in ROLES:
            counts = torch.tensor([0, *facts[f"{role}_counts"]], dtype=torch.float32)
            self.register_buffer(f"{role}_counts", counts)
            for kind_of, dtype in (("numbers", torch.float32), ("categories", torch.int64)):
                told = facts["told"][role][kind_of]
                cells = [[torch.nan if cell is None else cell for cell in row] for row in told]
                self.register_buffer(f"{role}_{kind_of}", torch.tensor(cells, dtype=dtype))
                places = torch.tensor(columns(facts, role, {"numbers": "number", "categories": "category"}[kind_of]))
                self.register_buffer(f"{role}_{kind_of}_at", places.to(torch.int64))

    def forward(
        self, user: Tensor, item: Tensor, numbers: Tensor | None = None, categories: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the outputs by name of user and item int64 [B], numbers float32 [B, N], categories int64 [B, C].

        In evaluation beside the answer: rank [B], the item's place in the catalogue of I items for this user, without
        those that the user met in training, from 1, I + 1 of an unknown item; top [B, K], the first K = min(MOST, I) of
        that order, and top_values, what is said of each (LAST of those that the user met); user_place, the user given;
        activity and popularity [B], training rows of user and item; catalogue [B], I.
        """
        who, what = self.known(USER, user), self.known(ITEM, item)
        of_users, of_items = self._of(USER, who, numbers, categories), self._of(ITEM, what, numbers, categories)
        scores = pairs(of_users, of_items)
        constants = {name: self.get_buffer(name) for name in self.constants}
        outputs: dict[str, Tensor] = self.said(scores, constants, bounded=not self.training)
        if self.training:
            return outputs
        catalogue = self.catalogue(of_users)
        own = torch.where(what > NOBODY, catalogue.gather(1, (what - 1).clamp(min=0).unsqueeze(1)).squeeze(1), scores)
        met = self.met(who)
        rank = _rank(catalogue, met, what, own)
        left = torch.where(met, LAST, catalogue)
        top_scores, top = left.topk(min(MOST, catalogue.shape[1]), dim=1)
        said = self.said(top_scores, constants, bounded=True)["value"]
        return {
            **outputs,
            "rank": rank,
            "top": top + 1,
            "top_values": torch.where(top_scores > LAST / 2, said, LAST),
            "user_place": user + 0,  # a graph's output is no input of it
            "activity": self.get_buffer("user_counts")[who],
            "popularity": self.get_buffer("item_counts")[what],
            "catalogue": torch.full_like(what, catalogue.shape[1]),
        }

    @staticmethod
    def kept(outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what is kept of the outputs of many rows: of lists their beginnings."""
        return {name: array[:, :KEPT] if name.startswith("top") else array for name, array in outputs.items()}

    def contrast(
        self, negatives: int | None, user: Tensor, item: Tensor, numbers: Any = None, categories: Any = None
    ) -> tuple[Tensor, Tensor]:
        """Return the scores of pairs [B], and those of other items float32 [B, n], LAST of what the users met.

        negatives: how many items are drawn for each row, all alike likely; None: all of the catalogue are asked.
        """
        who, what = self.known(USER, user), self.known(ITEM, item)
        of_users = self._of(USER, who, numbers, categories)
        positive = pairs(of_users, self._of(ITEM, what, numbers, categories))
        met = self.met(who)
        if negatives is None:
            others = self.catalogue(of_users)
            met = met.scatter(1, (what - 1).clamp(min=0).unsqueeze(1), True)
            return positive, torch.where(met, LAST, others)
        drawn = torch.randint(1, len(self.get_buffer("item_counts")), (len(user), negatives), device=user.device)
        every = self._of_catalogue()
        others = (of_users[:, None, :-1] * every[drawn - 1, :-1]).sum(-1) + every[drawn - 1, -1] + of_users[:, -1:]
        taken = met.gather(1, drawn - 1) | (drawn == what.unsqueeze(1))
        return positive, torch.where(taken, LAST, others)

    def vectors(self, **inputs: Tensor) -> Tensor:
        """Return what the net makes of users and items, float32 [B, 2 · (D + 1)]: their vectors side by side."""
        more = inputs.get("numbers"), inputs.get("categories")
        return torch.cat([self._of(role, self.known(role, inputs[role]), *more) for role in ROLES], dim=1)

    def of_vectors(self, vectors: Tensor) -> dict[str, Tensor]:
        """Return the answer to what `vectors` returns."""
        constants = {name: self.get_buffer(name) for name in self.constants}
        found: dict[str, Tensor] = self.said(pairs(*vectors.chunk(2, dim=1)), constants, bounded=True)
        return found

    def features(self, item: Tensor, **more: Tensor) -> Tensor:
        """Return the vectors of the items of rows, float32 [B, D]: items that the same users like lie side by side."""
        vectors: Tensor = self._of(ITEM, self.known(ITEM, item), more.get("numbers"), more.get("categories"))
        return vectors[:, :-1]

    def known(self, role: str, places: Tensor) -> Tensor:
        """Return places int64 [B], NOBODY for those that training did not meet."""
        there = (places > NOBODY) & (places < len(self.get_buffer(f"{role}_counts")))
        return torch.where(there, places, NOBODY)

    def met(self, users: Tensor) -> Tensor:
        """Return which items of the catalogue users met in training, bool [B, I]."""
        powers = torch.tensor([1, 2, 4, 8, 16, 32, 64, 128], dtype=torch.uint8, device=users.device)
        bits = (self.seen[users].unsqueeze(-1) & powers) != 0
        return bits.flatten(1)[:, : len(self.get_buffer("item_counts")) - 1]

    def catalogue(self, of_users: Tensor) -> Tensor:
        """Return the scores [B, I] of all items for users [B, D + 1]."""
        every = self._of_catalogue()
        return of_users[:, :-1] @ every[:, :-1].T + every[:, -1] + of_users[:, -1:]

    def _of_catalogue(self) -> Tensor:
        items = torch.arange(1, len(self.get_buffer("item_counts")), device=self.seen.device)
        return self._of(ITEM, items, None, None)

    def _of(self, role: str, places: Tensor, numbers: Tensor | None, categories: Tensor | None) -> Tensor:
        """Return what the net makes of users or items [B] and their features: those given, else those of training."""
        of_numbers, of_categories = (self.get_buffer(f"{role}_{kind}")[places] for kind in ("numbers", "categories"))
        at_numbers, at_categories = (self.get_buffer(f"{role}_{kind}_at") for kind in ("numbers", "categories"))
        if numbers is not None and len(at_numbers):
            own = numbers[:, at_numbers]
            of_numbers = torch.where(own.isnan(), of_numbers, own)
        if categories is not None and len(at_categories):
            codes = categories[:, at_categories]
            of_categories = torch.where(codes > 0, codes, of_categories)
        scaled = torch.nan_to_num((of_numbers - self.mean[at_numbers]) / self.std[at_numbers])
        found: Tensor = self.net.get_submodule(f"{role}s")(places, scaled, of_categories)
        return found


def pairs(of_users: Tensor, of_items: Tensor) -> Tensor:
    """Return the score [B] of each pair of vectors [B, D + 1], whose last number is a bias."""
    return (of_users[:, :-1] * of_items[:, :-1]).sum(-1) + of_users[:, -1] + of_items[:, -1]


def _rank(catalogue: Tensor, met: Tensor, items: Tensor, own: Tensor) -> Tensor:
    """Return the place from 1 of items int64 [B] of scores [B] among those not met; of equal scores the first leads."""
    size = catalogue.shape[1]
    before = torch.arange(1, size + 1, device=items.device) < items.unsqueeze(1)
    better = (catalogue > own.unsqueeze(1)) | ((catalogue == own.unsqueeze(1)) & before)
    return torch.where(items > NOBODY, (better & ~met).sum(dim=1) + 1, size + 1)


def given(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the inputs of which there are columns."""
    features = {"numbers": facts["number"], "categories": facts["category"]}
    return (USER, ITEM, *(name for name, own in features.items() if own))


def example(facts: dict[str, Any], batch: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Return random inputs of a model, one in a few of an unknown user or item."""
    found = {role: torch.randint(0, len(facts[f"{role}s"]) + 3, (batch,), generator=generator) for role in ROLES}
    found["numbers"] = torch.randn(batch, len(facts["number"]), generator=generator)
    drawn = [
        torch.randint(0, len(facts["places"][column]) + 1, (batch,), generator=generator)
        for column in facts["category"]
    ]
    found["categories"] = torch.stack(drawn, dim=1) if drawn else torch.zeros(batch, 0, dtype=torch.int64)
    return {name: found[name] for name in given(facts)}


def parity_shapes(facts: dict[str, Any]) -> list[dict[str, int]]:
    """Return the shapes at which an export is compared with its model."""
    return [{"batch": 1}, {"batch": 3}, {"batch": 8}]


def dynamic_shapes(facts: dict[str, Any]) -> dict[str, dict[int, str]]:
    """Return the names of the axes that may vary, by input."""
    return {name: {0: "batch"} for name in given(facts)}


def padding(facts: dict[str, Any]) -> dict[str, int]:
    """Return what fills a varying axis besides the batch, by input: interactions have none."""
    return {}
