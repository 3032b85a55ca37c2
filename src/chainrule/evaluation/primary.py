"""The one metric of a task that decides, in which direction, and how it is said.

The `measure` of a task (its `metrics`) is a `Measure`: per row a vector of numbers, and a function from their sums to
metrics. So one bootstrap (`intervals`), one paired comparison (`paired`), one gate for variants and one margin serve
every task.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

SHARE, NATS = "share", "nats"
"""Units of numbers of the order of 1: from 0 to 1, a hundredth being a point; and natural logarithms."""

Facts = Mapping[str, Any]
"""What the training targets told, as plain data: {"classes": [...]}, {"mean", "std"}."""
Outputs = Mapping[str, np.ndarray]
"""What a model says of N rows, by name, the rows along the first axis. A row with a NaN has no answer."""
Metrics = dict[str, np.ndarray]
Draws = Callable[[np.ndarray], Metrics]
"""From how often each group counts, float64 [G, b], to metrics [b]."""


class Primary(NamedTuple):
    """The metric by which models are chosen, compared and promoted; margins are in its unit."""

    name: str
    more_is_better: bool
    unit: str


class Score(NamedTuple):
    """A metric that is shown with its interval."""

    name: str
    title: str
    more_is_better: bool
    unit: str = SHARE


class Found(Protocol):
    """Metrics of rows and of every resample, as `intervals` makes them: scores need no bootstrap."""

    @property
    def value(self) -> Metrics:
        """Return the metrics of the rows themselves, by name."""

    def entry(self, name: str, place: int | None = None) -> dict[str, float | None]:
        """Return value, low and high of a metric, or of one class of it, as plain data rounded to 6 decimals."""

    def times(self, name: str, number: float, place: int | None = None) -> int:
        """Return in how many resamples a metric, or one class of it, is this number."""


class Measure(Protocol):
    """What the `measure` of a task offers; `resampled`, `details` and `right` only where they make sense.

    One with a true UNORDERED has answers that are sets: a graph is held against its model by `comparable`.
    """

    @property
    def PRIMARY(self) -> Primary:  # noqa: N802
        """The metric that decides."""

    @property
    def SCORES(self) -> tuple[Score, ...]:  # noqa: N802
        """All that are shown."""

    @property
    def HEADLINE(self) -> tuple[str, ...]:  # noqa: N802
        """The names of those that are shown beside PRIMARY where there is little room."""

    @property
    def CALIBRATED(self) -> str:  # noqa: N802
        """What validation rows told of the answers, as a sentence of the model card."""

    def statistics(self, outputs: Outputs, target: np.ndarray, facts: Facts) -> Any:
        """Return what each row adds to the sums, float64 [N, S], an array or a sparse array of SciPy."""

    def metrics(self, sums: np.ndarray, facts: Facts) -> Metrics:
        """Return the metrics of sums [..., S], each [...] or, one for every class, [..., C]; NaN where undefined."""


def shown(measure: Measure) -> list[Score]:
    """Return the scores to show where there is little room, PRIMARY first."""
    known = {score.name: score for score in measure.SCORES}
    return [known[name] for name in (measure.PRIMARY.name, *measure.HEADLINE)]


def value(measure: Measure, outputs: Outputs, target: np.ndarray, facts: Facts) -> float:
    """Return PRIMARY on rows; NaN where the rows cannot tell it."""
    sums = np.asarray(measure.statistics(outputs, target, facts).sum(axis=0))
    return float(measure.metrics(sums, facts)[measure.PRIMARY.name])


def gain(primary: Primary, ours: Any, theirs: Any) -> Any:
    """Return by how much `ours` is better than `theirs` in the unit of `primary`, more being better."""
    return ours - theirs if primary.more_is_better else theirs - ours


def plain(primary: Primary) -> dict[str, Any]:
    """Return it as it stands in JSON."""
    return primary._asdict()


def read(found: Mapping[str, Any]) -> Primary:
    """Return it from JSON; what was written before there were other tasks is about the accuracy of classifiers."""
    return Primary(found.get("name", "accuracy"), found.get("more_is_better", True), found.get("unit", SHARE))


SPELT = {"bleu": "BLEU", "f1": "F1", "iou": "IoU", "kneser ney": "Kneser-Ney", "ndcg": "NDCG"}
"""How words of names are written that are no common words."""
_SPELLED = re.compile(rf"\b({'|'.join(SPELT)})\b")


def words(name: str) -> str:
    """Return the name of a metric or a floor as words."""
    return _SPELLED.sub(lambda found: SPELT[found[0]], name.replace("_", " "))


def number(unit: str, found: float | None) -> str:
    """Return a value in a unit as it is printed: four decimals near 1, four digits of anything else, "-" if none."""
    if found is None:
        return "-"
    return f"{found:.4f}" if unit in (SHARE, NATS) else f"{found:.4g}"


def interval(unit: str, score: Mapping[str, float | None]) -> str:
    """Return a value with its bounds, where it has any, as they are printed; "-" where it has no value."""
    said = number(unit, score.get("value"))
    if score.get("low") is None or score.get("high") is None:
        return said
    return f"{said} ({number(unit, score['low'])} to {number(unit, score['high'])})"


def change(unit: str, difference: Mapping[str, float | None]) -> str:
    """Return a difference with its bounds as printed, "+0.0100 (-0.0020 to +0.0200)"; "not known" if undefined."""
    ends = [difference[key] for key in ("value", "low", "high")]
    value, low, high = (f"{_signed(unit, end)}" if end is not None else "not known" for end in ends)
    return value if value == "not known" else f"{value} ({low} to {high})"


def _signed(unit: str, found: float) -> str:
    return f"{found:+.4f}" if unit in (SHARE, NATS) else f"{found:+.4g}"


def of_unit(unit: str) -> str:
    """Return what to add to a value's words, " minutes"; nothing for a share."""
    return "" if unit in (SHARE, "") else f" {unit}"
