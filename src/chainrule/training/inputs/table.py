"""Rows of a table in memory: numbers, categories and words as arrays, and what training rows tell of the columns.

What is told is the feature tokenizer (Gorishniy et al. 2021, https://arxiv.org/abs/2106.11959, section 3.3, call so
what turns columns into features): the places of categories, what fills gaps, scales, and pieces of the numbers' ranges.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from chainrule.fields.encoding import DATE_PARTS, OTHER, Row, category, encode, numbers, sizes
from chainrule.system.errors import DataError, ParamsError
from chainrule.system.files import read_json, write_json

FACTS = "table.json"
# Decoded rows take far more memory than their numbers.
DECODED_TOGETHER = 10_000
_CENTRES: dict[str, Callable[[np.ndarray], np.floating[Any]]] = {"median": np.median, "mean": np.mean}


class Held(NamedTuple):
    """Rows as they are in memory already, and what decodes some of them."""

    values: Sequence[Any]
    decode: Callable[[Sequence[Any]], list[dict[str, Any]]]

    def parts(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows, some at a time."""
        for start in range(0, len(self.values), DECODED_TOGETHER):
            yield self.decode(self.values[start : start + DECODED_TOGETHER])


class Inputs:
    """The inputs of all rows by name, with targets [N, …] (or none), as the training loop takes them."""

    cut = 0

    def __init__(
        self,
        inputs: Mapping[str, Tensor],
        target: Tensor | None,
        facts: Mapping[str, Any],
        *,
        noise: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        """Keep the rows, by the names of `fields.encoding`, and how each training batch is distorted.

        noise: standard deviation of what is added to numbers, in those of the training rows. dropout: share of the
        cells that go missing.
        """
        self.inputs, self.target, self.noise, self.dropout = dict(inputs), target, noise, dropout
        self._std = torch.tensor(facts["std"], dtype=torch.float32)
        self._absent = torch.tensor([facts["absent"][column] for column in facts["category"]], dtype=torch.int64)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.inputs.values())))

    def order(self, batch_size: int, generator: torch.Generator | None) -> list[Tensor]:
        """Return the batches of one pass as row indices, shuffled by the generator; in row order without one."""
        rows = torch.arange(len(self)) if generator is None else torch.randperm(len(self), generator=generator)
        return list(torch.split(rows, batch_size))

    def take(self, index: Tensor, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Return the inputs of these rows by name, distorted with a generator, and target [B, …]."""
        batch = {name: array[index] for name, array in self.inputs.items()}
        if generator is not None:
            batch = self._distorted(batch, generator)
        return batch if self.target is None else batch | {"target": self.target[index]}

    def _distorted(self, batch: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        if self.noise and "numbers" in batch:
            noise = torch.randn(batch["numbers"].shape, generator=generator)
            batch = batch | {"numbers": batch["numbers"] + self.noise * self._std * noise}
        if self.dropout:
            missing = {"numbers": torch.tensor(torch.nan), "categories": self._absent, "words": torch.tensor(0)}
            for name, cells in batch.items():
                gone = torch.rand(cells.shape[:2], generator=generator) < self.dropout
                gone = gone.unsqueeze(-1) if cells.ndim > gone.ndim else gone
                batch = batch | {name: torch.where(gone, missing[name], cells)}
        return batch


def held(values: Sequence[Any], decode: Callable[[Sequence[Any]], list[dict[str, Any]]], once: bool = False) -> Held:
    """Return rows as they are held in memory, however often they are looked at."""
    return Held(values, decode)


def of_fields(fields: list[Held], target: Tensor | None, facts: dict[str, Any], **distort: Any) -> Inputs:
    """Return the rows in their one input field as arrays."""
    (rows,) = fields
    parts = [encode(part, facts) for part in rows.parts()]
    joined = {name: torch.from_numpy(np.concatenate([part[name] for part in parts])) for name in parts[0]}
    return Inputs(joined, target, facts, **distort)


def fit_facts(
    fields: list[Held],
    tokenizer: dict[str, Any] | None,
    base: dict[str, Any] | None = None,
    normalise: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what training rows tell of their columns, as `fields.encoding` and the model around a net take it.

    tokenizer: the section `pretrain.tokenizer`. base: what the base's net takes, which wins. normalise: the section
    `clean.normalise`, with the names of the columns by kind. Of numbers there are, in the order of `numbers`: names,
    fill (for a gap), mean and std (of what is filled, std never 0), edges (of the pieces, standardised) and gaps (which
    may be missing). Raises DataError where no column tells rows apart, and ParamsError where a base knows a column that
    the recipe has not.
    """
    assert tokenizer is not None and normalise is not None  # the full check of params.yaml refuses a table without
    (rows,) = fields
    columns = {kind: list(normalise[kind]) for kind in ("number", "date", "category", "boolean", "text")}
    if base is not None:
        _refuse_lacking(base, columns)
        return base
    every = [(column, tuple(DATE_PARTS)) for column in columns["date"]]
    categories = [*columns["category"], *columns["boolean"]]
    counts: dict[str, Counter[str | None]] = {column: Counter() for column in categories}
    found = []
    for part in rows.parts():
        found.append(numbers(part, columns["number"], every))
        _count(part, counts)
    measured, parts = _differing(np.concatenate(found), len(columns["number"]), every)
    told = [f"{column} {name}" for column in columns["date"] for name in parts[column]]
    facts = {
        "number": columns["number"],
        "date": columns["date"],
        "parts": parts,
        "category": categories,
        **_places(counts, tokenizer["fewest"], tokenizer["missing"]["category"]),
        "text": columns["text"],
        "words": {"most": tokenizer["words"], "buckets": tokenizer["buckets"]},
        "names": [*columns["number"], *told],
        **_scales(measured, _CENTRES[tokenizer["missing"]["number"]], tokenizer["bins"]),
    }
    if not (facts["names"] or facts["category"] or facts["text"]):
        raise DataError("clean.normalise: the dates are all the same, and there is no other column to learn from")
    return facts


def _refuse_lacking(base: Mapping[str, Any], columns: Mapping[str, Sequence[str]]) -> None:
    known = {**columns, "category": [*columns["category"], *columns["boolean"]]}
    for kind in ("number", "date", "category", "text"):
        if lacking := [column for column in base[kind] if column not in known[kind]]:
            raise ParamsError(
                f"clean.normalise.{kind}: the base knows {', '.join(lacking)} as well; list what it knows"
            )


def _count(rows: Sequence[Row], counts: dict[str, Counter[str | None]]) -> None:
    for column, count in counts.items():
        count.update(category(row[column]) for row in rows)


def _differing(
    measured: np.ndarray, columns: int, dates: Sequence[tuple[str, Sequence[str]]]
) -> tuple[np.ndarray, dict[str, list[str]]]:
    """Return the numbers without those parts of dates that are the same in all rows, and the names of the others."""
    kept = [True] * columns
    parts: dict[str, list[str]] = {}
    for column, names in dates:
        differ = [_spread(measured[:, place]) > 1e-6 for place in range(len(kept), len(kept) + len(names))]
        parts[column] = [name for name, differs in zip(names, differ, strict=True) if differs]
        kept += differ
    return measured[:, np.array(kept, bool)], parts


def _spread(values: np.ndarray) -> float:
    there = values[~np.isnan(values)]
    return float(np.ptp(there)) if len(there) else 0.0


def _places(counts: Mapping[str, Counter[str | None]], fewest: int, missing: str) -> dict[str, Any]:
    """Return the places of categories by column: the commonest first, those of equal counts by name.

    A category of fewer rows than `fewest` is OTHER. A gap has a place of its own, behind all others, where training
    rows have as many gaps, or is the commonest category.
    """
    places: dict[str, dict[str, int]] = {}
    absent: dict[str, int] = {}
    for column, count in counts.items():
        gaps = count.pop(None, 0)
        names = sorted((name for name in count if name is not None), key=lambda name: (-count[name], name))
        places[column] = {name: place for place, name in enumerate(names, OTHER + 1) if count[name] >= fewest}
        own = len(places[column]) + 1 if gaps >= fewest else OTHER
        commonest = min(places[column].values(), default=OTHER)
        absent[column] = {"own": own, "most_frequent": commonest}[missing]
    return {"places": places, "absent": absent}


def _scales(measured: np.ndarray, centre: Callable[[np.ndarray], np.floating[Any]], bins: int) -> dict[str, list[Any]]:
    """Return fill, mean, std, edges and gaps of numbers float32 [N, columns]; of a column of gaps alone 0 and 1."""
    scales: dict[str, list[Any]] = {name: [] for name in ("fill", "mean", "std", "edges", "gaps")}
    for values in measured.astype(np.float64).T:
        gap = np.isnan(values)
        there = values[~gap] if not gap.all() else np.zeros(1)
        fill = float(centre(there))
        filled = np.where(gap, fill, values)
        mean, std = float(filled.mean()), float(filled.std()) or 1.0
        found = (fill, mean, std, _edges((there - mean) / std, bins), bool(gap.any()))
        for name, value in zip(scales, found, strict=True):
            scales[name].append(value)
    return scales


def _edges(values: np.ndarray, bins: int) -> list[float]:
    """Return the edges of at most so many pieces with as many different values each; those of one value are round it.

    Different ones: of a column that is mostly 0, pieces with as many rows each would leave hardly one to all the rest.
    """
    different = np.unique(values)
    edges = np.unique(np.quantile(different, np.linspace(0, 1, bins + 1)).astype(np.float32)).astype(float).tolist()
    return edges if len(edges) > 1 else [edges[0] - 0.5, edges[0] + 0.5]


def beside_base(facts: dict[str, Any], base: dict[str, Any], block: dict[str, Any]) -> list[str]:
    """Return in words what a base's columns do not give of what a recipe asks for; block: as it is written."""
    if "tokenizer" in block.get("pretrain", {}):
        return ["pretrain.tokenizer: the base's wins, its net knows the columns by it"]
    return []


def net_arguments(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a net for tables that the rows decide."""
    return {
        "edges": facts["edges"],
        "gaps": sum(facts["gaps"]),
        "categories": sizes(facts),
        "texts": len(facts["text"]),
        "buckets": facts["words"]["buckets"],
    }


def net_inputs(facts: dict[str, Any], rows: int) -> tuple[Tensor | None, ...]:
    """Return what a net is called with for so many rows of these facts: numbers, gaps, categories and words."""
    numbers, gaps = torch.zeros(rows, len(facts["mean"])), torch.zeros(rows, sum(facts["gaps"]))
    categories = torch.zeros(rows, len(facts["category"]), dtype=torch.int64)
    words = torch.ones(rows, len(facts["text"]), facts["words"]["most"], dtype=torch.int64)
    return tuple(array if array.shape[1] else None for array in (numbers, gaps, categories, words))


def save_facts(facts: dict[str, Any], folder: Path) -> None:
    """Write the facts where `load_facts` finds them."""
    write_json(folder / FACTS, facts)


def load_facts(folder: Path) -> dict[str, Any]:
    """Read the facts that `save_facts` wrote."""
    facts: dict[str, Any] = read_json(folder / FACTS)
    return facts


def preprocessing(facts: dict[str, Any], normalise: dict[str, Any]) -> dict[str, Any]:
    """Return what a server does to a row before the graph, which fills gaps and scales numbers itself.

    shown, for a form: by column of numbers and dates [lowest, usual, highest] of the training rows, nulls of a date
    that is the same in all of them.
    """
    used = ("number", "fill", "date", "parts", "category", "places", "absent", "text", "words")
    return {"normalise": normalise, "facts": {name: facts[name] for name in used}, "shown": _shown(facts)}


def _shown(facts: Mapping[str, Any]) -> dict[str, list[Any]]:
    measured = {}
    for name, *of in zip(*(facts[key] for key in ("names", "fill", "mean", "std", "edges")), strict=True):
        fill, mean, std, edges = of
        measured[name] = [edges[0] * std + mean, fill, edges[-1] * std + mean]
    shown: dict[str, list[Any]] = {column: _rounded(measured[column]) for column in facts["number"]}
    for column in facts["date"]:
        timed = "day_sine" in facts["parts"][column]
        days = measured.get(f"{column} day", [None] * 3)
        shown[column] = [None if day is None else _moment(day, timed) for day in days]
    return shown


def _rounded(values: Sequence[float]) -> list[float | int]:
    """Return numbers to as many digits as the largest of them has in float32, whole ones as int."""
    largest = max(map(abs, values))
    rounded = [round(float(value), 5 - math.floor(math.log10(largest))) if largest else 0.0 for value in values]
    return [int(value) if value.is_integer() else value for value in rounded]


def _moment(day: float, timed: bool) -> str:
    """Return a number of days since 1970 as ISO 8601."""
    moment = np.datetime64(0, "s") + np.timedelta64(600 * round(day * 144), "s")  # float32 knows days to two minutes
    return str(moment if timed else (moment + np.timedelta64(12, "h")).astype("datetime64[D]"))
