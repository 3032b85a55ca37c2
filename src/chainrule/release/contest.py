"""Champion against challenger, each as it is served, on the same test rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.evaluation.paired import paired_comparison
from chainrule.serving import bundle as bundles
from chainrule.serving import offline, plain, runtime
from chainrule.serving.limits import Limits
from chainrule.system import processes
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

REFUSED = ""
"""The answer to a row that a model does not take; no label."""


def compare(
    rows: "pd.DataFrame", challenger: Path, champion: Path, *, margin: float, resamples: int, seed: int
) -> dict[str, Any]:
    """Return how two bundles compare on clean labelled rows; plain data.

    Besides what `paired_comparison` gives: "margin", "not_worse" (the lower end of the difference's interval lies
    above minus the margin) and how many rows each bundle "refused", which count as wrong. Raises DataError if there
    are no rows or a bundle cannot be loaded, with what to do about it.
    """
    if rows.empty:
        raise DataError("no test rows to compare on: raise split.test, or add data")
    answers = [predictions(folder, rows) for folder in (challenger, champion)]
    labels = rows["label"].astype(str).to_numpy()
    names = np.unique(np.concatenate([labels, *answers]))
    truth, ours, theirs = (np.searchsorted(names, found) for found in (labels, *answers))
    groups = rows["group"].to_numpy()
    found = paired_comparison(truth, ours, theirs, groups=groups, resamples=resamples, seed=seed)
    refused = [int((answer == REFUSED).sum()) for answer in answers]
    return {
        **found,
        "margin": margin,
        "not_worse": found["difference"]["low"] > -margin,
        "refused": {"challenger": refused[0], "champion": refused[1]},
    }


def predictions(folder: Path, rows: "pd.DataFrame") -> np.ndarray:
    """Return the label str [N] that a bundle, served on a CPU, gives each row; REFUSED where it takes none.

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
    found = np.full(len(rows), REFUSED, dtype=object)
    outputs = offline.answers(offline.runner(session.runtime, folder), list(inputs.values()), bundle.padding)
    offline.refuse_not_finite(outputs, folder)
    if inputs:
        logits = outputs[bundle.outputs[0].name]
        found[list(inputs)] = np.array(bundle.signature["target"]["classes"], dtype=object)[logits.argmax(axis=1)]
    return found.astype(str)
