"""Champion against challenger, each as it is served, on the same test rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule.evaluation.paired import paired_comparison
from chainrule.serving import answered, offline, plain, runtime
from chainrule.serving import bundle as bundles
from chainrule.serving.limits import Limits
from chainrule.system import plugins, processes
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


class Answers(NamedTuple):
    """What a bundle says of rows: its outputs by name, NaN in the rows that it refuses."""

    outputs: dict[str, np.ndarray]
    refused: int
    signature: dict[str, Any]


def compare(
    rows: "pd.DataFrame", challenger: Path, champion: Path, *, margin: float, resamples: int, seed: int
) -> dict[str, Any]:
    """Return how two bundles compare on clean labelled rows; plain data.

    Besides what `paired_comparison` gives: "margin", in PRIMARY's unit, "not_worse" (the lower end of the difference's
    interval lies above minus the margin) and how many rows each bundle "refused", which count as not answered. Raises
    DataError if there are no rows, the bundles are of different tasks, or one cannot be loaded, with what to do about
    it.
    """
    if rows.empty:
        raise DataError("no test rows to compare on: raise split.test, or add data")
    ours, theirs = answers(challenger, rows), answers(champion, rows)
    task, other = (found.signature["task"] for found in (ours, theirs))
    if task != other:
        raise DataError(f"{challenger} is of task {task}, {champion} of {other}: no metric compares them")
    measure = plugins.load(f"tasks.{task}", "metrics").measure
    (field,) = (field for field in ours.signature["fields"] if field["role"] == "target")
    kind = plugins.load("fields", field["kind"])
    values = rows[field["name"]].tolist()
    told = [found.signature["target"] for found in (ours, theirs)]
    facts = measure.joined(told, [name for names in kind.classes(values) for name in names])
    found = paired_comparison(
        measure,
        measure.aligned(ours.outputs, told[0], facts),
        measure.aligned(theirs.outputs, told[1], facts),
        kind.encode(values, facts),
        facts,
        groups=rows["group"].to_numpy(),
        resamples=resamples,
        seed=seed,
    )
    low = found["difference"]["low"]
    return {
        **found,
        "margin": margin,
        "not_worse": low is not None and low > -margin,
        "refused": {"challenger": ours.refused, "champion": theirs.refused},
    }


def answers(folder: Path, rows: "pd.DataFrame") -> Answers:
    """Return what a bundle, served on a CPU, says of rows.

    Raises DataError if the bundle is not to be trusted or cannot be loaded.
    """
    bundle = bundles.read(folder, folder.name, "")
    limits = Limits()
    session = runtime.open_session(bundle, None, "cpu", processes.available_cores(), limits)
    inputs: dict[int, offline.Arrays] = {}
    for place, row in enumerate(rows.to_dict("records")):
        try:
            inputs[place] = plain.prepare(bundle, row, limits)
        except DataError:
            continue  # as the server would refuse it; counted
    # Outputs as large as the images they are of would fill the memory.
    kept = getattr(plugins.load("fields", bundle.signature["target"]["kind"]), "kept", None)
    run = answered.of_rows(bundle, session.graphs, folder)
    found = offline.answers(run, list(inputs.values()), bundle.padding, kept)
    offline.refuse_not_finite(found, folder)
    if kept is not None and inputs:
        return Answers(_among(found, list(inputs), len(rows)), len(rows) - len(inputs), bundle.signature)
    shapes = {name: array.shape[1:] for name, array in found.items()} or {
        tensor.name: tuple(size or 1 for size in tensor.shape[1:]) for tensor in bundle.outputs
    }
    outputs = {name: np.full((len(rows), *shape), np.nan) for name, shape in shapes.items()}
    for name, array in found.items():
        outputs[name][list(inputs)] = array
    return Answers(outputs, len(rows) - len(inputs), bundle.signature)


def _among(found: offline.Arrays, places: list[int], rows: int) -> offline.Arrays:
    """Return what was kept of the answers to rows at some places among all rows.

    Of the others the largest that a type of whole numbers has, and NaN of fractions: no answer to either.
    """
    outputs = {}
    for name, array in found.items():
        nothing = np.nan if array.dtype.kind == "f" else np.iinfo(array.dtype).max
        outputs[name] = np.full((rows, *array.shape[1:]), nothing, array.dtype)
        outputs[name][places] = array
    return outputs
