"""Interactions in memory: places of users and items, their features, and what training rows tell of both."""

import base64
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chainrule.fields.interaction import ITEM, NOBODY, OTHER, ROLES, USER, encode, places
from chainrule.system.errors import DataError
from chainrule.system.files import read_json, write_json

FACTS = "interactions.json"
MOST_BITS = 2**32
"""Users times items whose meetings are kept in a model, an eighth of it in bytes."""
_USED = ("users", "items", "user_counts", "item_counts", "number", "category", "of_item", "places", "mean")


class Inputs:
    """The inputs of all rows by name, with targets [N] (or none), as the training loop takes them."""

    cut = 0

    def __init__(self, inputs: Mapping[str, Tensor], target: Tensor | None, *, unknown: float = 0.0) -> None:
        """Keep the rows, by the names of `fields.interaction.encode`.

        unknown: share of the users, and of the items, that a training batch does not name.
        """
        self.inputs, self.target, self.unknown = dict(inputs), target, unknown

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.inputs[USER])

    def order(self, batch_size: int, generator: torch.Generator | None) -> list[Tensor]:
        """Return the batches of one pass as row indices, shuffled by the generator; in row order without one."""
        rows = torch.arange(len(self)) if generator is None else torch.randperm(len(self), generator=generator)
        return list(torch.split(rows, batch_size))

    def take(self, index: Tensor, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Return the inputs of these rows by name, with a generator some of them of nobody, and target [B]."""
        batch = {name: array[index] for name, array in self.inputs.items()}
        if generator is not None and self.unknown:
            for role in ROLES:
                gone = torch.rand(len(index), generator=generator) < self.unknown
                batch[role] = torch.where(gone, NOBODY, batch[role])
        return batch if self.target is None else batch | {"target": self.target[index]}


def held(values: Sequence[Any], decode: Callable[[Sequence[Any]], list[Any]], once: bool = False) -> list[Any]:
    """Return decoded rows, which are small."""
    return decode(values)


def of_fields(fields: list[list[Any]], target: Tensor | None, facts: Mapping[str, Any], **distort: Any) -> Inputs:
    """Return the rows in their one input field as arrays."""
    (rows,) = fields
    made = {name: torch.from_numpy(array) for name, array in encode(rows, facts).items()}
    return Inputs(made, target, **distort)


def fit_facts(
    fields: list[list[Any]],
    tokenizer: dict[str, Any] | None,
    base: dict[str, Any] | None = None,
    normalise: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what training rows tell of users, items and their features; base: what the base's net knows, which wins.

    tokenizer: pretrain.tokenizer; normalise: clean.normalise, with the names of the features. Plain data: users, items
    (names, the place of each is its index and 1), user_counts, item_counts (training rows of each), number, category,
    of_item (names of features), places (by category the place of each value, from 1), mean and std of numbers, told (by
    role numbers and categories of each place, None and OTHER where not known) and seen (who met what, a bit each, as
    base64). Raises DataError for more users times items than MOST_BITS.
    """
    assert tokenizer is not None and normalise is not None  # the full check of params.yaml refuses less
    if base is not None:
        return base
    (rows,) = fields
    counts = {role: Counter(row[role] for row in rows) for role in ROLES}
    facts: dict[str, Any] = {f"{role}s": sorted(counts[role], key=lambda name: (len(name), name)) for role in ROLES}
    users, items = len(facts["users"]), len(facts["items"])
    if users * items > MOST_BITS:
        raise DataError(f"{users:,} users times {items:,} items are more than {MOST_BITS:,}: leave rare ones out")
    facts |= {f"{role}_counts": [counts[role][name] for name in facts[f"{role}s"]] for role in ROLES}
    facts |= {name: list(normalise[name]) for name in ("number", "category", "of_item")}
    facts["places"] = {column: _places(rows, column, tokenizer["fewest"]) for column in facts["category"]}
    numbers = np.array([[row[column] for column in facts["number"]] for row in rows], np.float64)
    there = [own[~np.isnan(own)] for own in numbers.reshape(len(rows), -1).T]
    facts["mean"] = [float(own.mean()) if len(own) else 0.0 for own in there]
    facts["std"] = [float(own.std()) or 1.0 if len(own) else 1.0 for own in there]
    known = places(facts)
    facts["told"] = {role: _told(rows, role, facts, known[role]) for role in ROLES}
    facts["seen"] = base64.b64encode(_seen(rows, known).tobytes()).decode("ascii")
    return facts


def columns(facts: Mapping[str, Any], role: str, kind: str) -> list[int]:
    """Return which of the features of a kind, number or category, tell of user or item, by their order."""
    of_item = set(facts["of_item"])
    return [place for place, name in enumerate(facts[kind]) if (name in of_item) is (role == ITEM)]


def seen_bits(facts: Mapping[str, Any]) -> np.ndarray:
    """Return who met what in training rows, uint8 [users + 1, ceil(items / 8)], the lowest bit first."""
    width = -(-len(facts["items"]) // 8)
    return np.frombuffer(base64.b64decode(facts["seen"]), np.uint8).reshape(-1, width).copy()


def _seen(rows: Sequence[Mapping[str, Any]], known: Mapping[str, Mapping[str, int]]) -> np.ndarray:
    met = np.zeros((len(known[USER]) + 1, len(known[ITEM])), bool)
    met[[known[USER][row[USER]] for row in rows], [known[ITEM][row[ITEM]] - 1 for row in rows]] = True
    return np.packbits(met, axis=1, bitorder="little")


def _places(rows: Sequence[Mapping[str, Any]], column: str, fewest: int) -> dict[str, int]:
    """Return the places of a category's values, the commonest first; those of fewer rows than `fewest` have none."""
    counts = Counter(row[column] for row in rows if row[column] is not None)
    names = sorted((name for name, count in counts.items() if count >= fewest), key=lambda name: (-counts[name], name))
    return {name: place for place, name in enumerate(names, OTHER + 1)}


def _told(
    rows: Sequence[Mapping[str, Any]], role: str, facts: Mapping[str, Any], known: Mapping[str, int]
) -> dict[str, list[list[Any]]]:
    """Return what the last training row that says it says of each place's features; NOBODY has none."""
    numbers = [facts["number"][place] for place in columns(facts, role, "number")]
    categories = [facts["category"][place] for place in columns(facts, role, "category")]
    found: list[dict[str, Any]] = [{} for _ in range(len(known) + 1)]
    for row in rows:
        own = found[known[row[role]]]
        own |= {column: row[column] for column in (*numbers, *categories) if row[column] is not None}
    return {
        "numbers": [[own.get(column) for column in numbers] for own in found],
        "categories": [[facts["places"][column].get(own.get(column), OTHER) for column in categories] for own in found],
    }


def beside_base(facts: dict[str, Any], base: dict[str, Any], block: dict[str, Any]) -> list[str]:
    """Return in words what a base does not give of what a recipe asks for: it knows the users and items it met."""
    return ["users and items are those that the base met; others are strangers to its net"]


def net_arguments(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a net that the rows decide: how many users and items, and what is told of each."""
    return {
        **{f"{role}s": len(facts[f"{role}s"]) + 1 for role in ROLES},
        **{f"{role}_numbers": len(columns(facts, role, "number")) for role in ROLES},
        **{f"{role}_categories": list(_sizes(facts, role)) for role in ROLES},
    }


def _sizes(facts: Mapping[str, Any], role: str) -> Iterator[int]:
    for place in columns(facts, role, "category"):
        yield len(facts["places"][facts["category"][place]]) + 1


def net_inputs(facts: dict[str, Any], rows: int) -> tuple[Tensor, ...]:
    """Return what a net is called with for so many rows of these facts: place, numbers and categories of both."""
    found: list[Tensor] = []
    for role in ROLES:
        found += [
            torch.zeros(rows, dtype=torch.int64),
            torch.zeros(rows, len(columns(facts, role, "number"))),
            torch.zeros(rows, len(columns(facts, role, "category")), dtype=torch.int64),
        ]
    return tuple(found)


def save_facts(facts: dict[str, Any], folder: Path) -> None:
    """Write the facts where `load_facts` finds them."""
    write_json(folder / FACTS, facts)


def load_facts(folder: Path) -> dict[str, Any]:
    """Read the facts that `save_facts` wrote."""
    facts: dict[str, Any] = read_json(folder / FACTS)
    return facts


def preprocessing(facts: dict[str, Any], normalise: dict[str, Any]) -> dict[str, Any]:
    """Return what a server does to a row before the graph, which knows who met what."""
    return {"normalise": normalise, "facts": {name: facts[name] for name in _USED}}
