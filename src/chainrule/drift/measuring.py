"""Rows as the model would see them, and what is measured on them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.drift import features
from chainrule.drift.features import Inputs
from chainrule.drift.sample import MOST_ROWS, Sample, chosen
from chainrule.serving import bundle as bundles
from chainrule.serving import plain
from chainrule.serving.limits import Limits
from chainrule.system import plugins
from chainrule.system.errors import DataError
from chainrule.tasks.catalogue import TASKS

if TYPE_CHECKING:
    import pandas as pd


def rows_sample(bundle_folder: Path, rows: "pd.DataFrame", most: int = MOST_ROWS) -> Sample:
    """Encode clean rows as a server would, run the bundle's fp32 graph on them and measure them.

    rows: `id`, the columns of the input fields, and if there are any that of the target and `group`. At most `most`
    rows, whole groups as far as they go, are taken. Raises DataError if the bundle is not to be trusted, a row cannot
    be encoded, or the column of an input is missing.
    """
    bundle = bundles.read(bundle_folder, bundle_folder.name, "")
    _task(bundle)
    for column in (given.name for given in bundles.input_fields(bundle)):
        if column not in rows.columns:
            asked = f"rows without a column {column}, which {bundle_folder} is about"
            raise DataError(f"{asked}; they have {list(rows.columns)}")
    ids = rows["id"].astype(str).to_numpy() if "id" in rows else np.arange(len(rows)).astype(str)
    groups = None
    if "group" in rows:
        given = rows["group"].to_numpy()
        groups = np.where(rows["group"].isna(), ids, given).astype(str)
    kept = chosen(ids if groups is None else groups, most)
    tokenizer = _tokenizer(bundle)
    limits = Limits()
    encoded = []
    for index in kept:
        try:
            encoded.append(plain.prepare(bundle, rows.iloc[index], limits))
        except DataError as error:
            raise DataError(f"row {ids[index]}: {error}") from None
    (target,) = (given["name"] for given in bundle.signature["fields"] if given["role"] == "target")
    known = target in rows and not rows[target].iloc[kept].isna().any()
    targets = rows[target].iloc[kept].to_list() if known else None
    return _sample(bundle, encoded, tokenizer, targets, None if groups is None else groups[kept], len(rows) - len(kept))


def served_sample(bundle_folder: Path, inputs: Sequence[Inputs], left_out: int = 0) -> Sample:
    """Run the bundle's fp32 graph on inputs [1, ...] that a server got, and measure them; nothing tells their groups.

    left_out: rows that were seen but not given. Raises DataError as `rows_sample` does.
    """
    bundle = bundles.read(bundle_folder, bundle_folder.name, "")
    _task(bundle)
    rows = [_bare(row) for row in inputs]
    sample = _sample(bundle, rows, _tokenizer(bundle), None, None, left_out)
    if repeats := len(rows) - len({_content(row) for row in rows}):
        note = f"{repeats:,} of {len(rows):,} rows repeat another; a few that are sent over and over count as drift"
        return replace(sample, notes=(*sample.notes, note))
    return sample


def _content(row: Inputs) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, array.tobytes()) for name, array in sorted(row.items()))


def _bare(row: Inputs) -> Inputs:
    """Take off what filled a text up when it was sent together with longer ones."""
    mask = row.get("attention_mask")
    if mask is None:
        return row
    # A text in windows is filled up along both axes.
    sizes = (np.argwhere(mask[0]).max(axis=0, initial=0) + 1).tolist()
    return {name: array[(slice(None), *map(slice, sizes))] for name, array in row.items()}


def _sample(
    bundle: bundles.Bundle,
    rows: list[Inputs],
    tokenizer: Any,
    targets: list[Any] | None,
    groups: np.ndarray | None,
    left_out: int,
) -> Sample:
    if not rows:
        return Sample(left_out=left_out)
    path = bundle.variants["fp32"]
    facts = bundle.signature["target"]
    kind = plugins.load("fields", facts["kind"])
    kept = getattr(kind, "kept", None)
    if bundle.decoding is None:
        outputs = features.run(bundles.graph_bytes(bundle, "fp32"), path, rows, bundle.signature, kept)
    else:
        outputs = features.of_writer(bundle, rows)
    parts = [kind.answered(each, facts) for each in outputs.answers]
    predicted = [value for values, _ in parts for value in values]
    sureness = {name: np.concatenate([sure[name] for _, sure in parts]) for name in parts[0][1]}
    told = {"predictions": predicted} | ({} if targets is None else {"labels": targets})
    numbers, vectors, words, labels = _inputs(bundle, rows, tokenizer)
    about: set[str] = set(sureness)
    for title, values in sorted(told.items()):
        names, measured = kind.compared(values, facts)
        if names is not None:
            labels[title] = np.array(names)
        found = {f"{title}, {name}" if name else title: column for name, column in measured.numbers.items()}
        shown = {f"{title}, {name}" if name else title: column for name, column in measured.vectors.items()}
        numbers, vectors, about = {**numbers, **found}, {**vectors, **shown}, {*about, *found, *shown}
    first = next(iter(outputs.answers[0]))
    notes = (f"the graph shows no layer before its {first}: they stand for the features",)
    return Sample(
        labels=labels,
        numbers={**numbers, **sureness},
        answers=frozenset(about),
        vectors={**vectors, "features": outputs.features},
        words=words,
        groups=groups,
        left_out=left_out,
        notes=() if outputs.penultimate else notes,
    )


def _inputs(
    bundle: bundles.Bundle, rows: list[Inputs], tokenizer: Any
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], list[list[str]] | None, dict[str, np.ndarray]]:
    """Return the numbers, the vectors, the words and the classes of the inputs; of several their names say which.

    Fields of one kind are measured together: they may share a tensor. All words of a row are one vocabulary.
    """
    fields = bundles.input_fields(bundle)
    numbers: dict[str, np.ndarray] = {}
    vectors: dict[str, np.ndarray] = {}
    words: list[list[str]] | None = None
    classes: dict[str, np.ndarray] = {}
    for kind in dict.fromkeys(given.kind for given in fields):
        own = [given.name for given in fields if given.kind == kind]
        measure = plugins.load("fields", kind).measure
        for name, measured in measure(rows, own, tokenizer, bundle.signature.get("preprocessing")).items():
            before = f"{name}: " if len(fields) > 1 else ""
            numbers |= {f"{before}{title}": column for title, column in measured.numbers.items()}
            vectors |= {f"{before}{title}": column for title, column in measured.vectors.items()}
            classes |= {f"{before}{title}": np.array(column) for title, column in measured.classes.items()}
            if measured.words is not None:
                words = [[*first, *more] for first, more in zip(words or [[]] * len(rows), measured.words, strict=True)]
    return numbers, vectors, words, classes


def _task(bundle: bundles.Bundle) -> str:
    task = bundle.signature.get("task")
    if task not in TASKS:
        raise DataError(f"{bundle.folder}: its task {task!r} is none of {', '.join(TASKS)}; export it again")
    return str(task)


def _tokenizer(bundle: bundles.Bundle) -> Any:
    if bundle.tokenizer is None:
        if bundle.signature["modality"] == "text":
            raise DataError(f"{bundle.folder}: has no tokenizer.json; export it again")
        return None
    return plain.tokenizer(bundle.tokenizer)
