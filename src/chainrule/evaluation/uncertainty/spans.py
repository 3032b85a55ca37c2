"""What is known of the doubt in answers that are spans: from which probability on one is sure."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.primary import Outputs
from chainrule.evaluation.scores.spans import answers
from chainrule.evaluation.uncertainty import selection
from chainrule.fields import tags

EXCLUSIVE = False
ENERGY: Callable[[np.ndarray], np.ndarray] | None = None
"""What `label` says of them."""
DIGITS = 6


def fit(outputs: Outputs, target: np.ndarray, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the line that validation rows draw, as a bundle's signature has it; plain data.

    outputs, target: as `evaluation.scores.spans`; asked: the settings `evaluate.uncertainty`. {"risk", "unsure_below":
    least probability of a span that is sure, None where no number of spans proves so small a risk, "spans", "rows"}.
    """
    chances, right = _said(outputs, target)
    unsure = selection.fit(chances, right, asked["risk"]) if len(chances) else None
    return {
        "risk": asked["risk"],
        "unsure_below": None if unsure is None else float(np.floor(unsure * 10**DIGITS) / 10**DIGITS),
        "spans": len(chances),
        "rows": len(target),
    }


def measured(outputs: Outputs, target: np.ndarray, lines: Mapping[str, Any]) -> dict[str, float | None]:
    """Return what the line is worth on other rows: the share "answered" of spans that are sure, the "risk" of these."""
    chances, right = _said(outputs, target)
    if lines["unsure_below"] is None or not len(chances):
        return {}
    found = selection.at(chances, right, lines["unsure_below"])
    return {name: None if value is None else round(value, DIGITS) for name, value in found.items()}


def shown(lines: Mapping[str, Any], found: Mapping[str, float | None]) -> list[tuple[str, str, str]]:
    """Return what was asked for and what `measured` found on rows, as lines of a table: what, asked, found."""
    asked = f"{lines['risk']:.0%} at most"
    if not found:
        return [("wrong among the sure spans", asked, "no span is proven so sure")]
    risk = "-" if found["risk"] is None else f"{found['risk']:.1%}"
    sure = f"sure spans, of a probability from {lines['unsure_below']:.3f} on"
    return [(sure, "", f"{found['answered']:.1%}"), ("wrong among the sure spans", asked, risk)]


def _said(outputs: Outputs, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of every span that is said, float64 [M], and whether it is right, bool [M]."""
    chances, right = [], []
    for own, true in zip(answers(outputs), tags.listed(np.asarray(target)), strict=True):
        known = {span[:3] for span in true}
        chances += [span.probability for span in own.spans]
        right += [span[:3] in known for span in own.spans]
    return np.array(chances, np.float64), np.array(right, bool)
