"""Prometheus metrics. Counting is plain arithmetic on the event loop; what Prometheus wants is made when it asks."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from chainrule.serving.batching import Ran
    from chainrule.serving.models import Model
    from chainrule.serving.writing import Written

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ITEMS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
KEPT = 100
"""Versions no longer served whose counts are still shown."""
STEPS = ("decode", "queue", "compute", "encode", "total")


class Distribution:
    """Counts by bucket, as Prometheus' histograms."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return (upper bound, values up to it)."""
        found, below = [], 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            below += count
            found.append((bound, float(below)))
        return found


class Series:
    """What is counted for one version of a model."""

    __slots__ = ("batches", "ends", "first", "steps", "tokens")

    def __init__(self) -> None:
        self.batches = Distribution(ITEMS)
        self.steps = tuple(Distribution(SECONDS) for _ in STEPS)
        self.tokens = 0
        """Made for texts that were written."""
        self.first = Distribution(SECONDS)
        """Seconds until the first of a text."""
        self.ends: Counter[str] = Counter()
        """Texts by why they ended."""

    def answered(self, *seconds: float) -> None:
        """Count an answer by what each of STEPS took."""
        for step, taken in zip(self.steps, seconds, strict=True):
            step.add(taken)


class Metrics:
    """Everything that one server counts."""

    def __init__(self) -> None:
        self.serving: Callable[[], Sequence[Model]] = list
        """The models being served."""
        self.requests: Counter[tuple[str, str, int]] = Counter()
        """By route, model ("" where none) and status."""
        self.failures: Counter[tuple[str, str]] = Counter()
        """By model and reason."""
        self.observed: Counter[tuple[str, str]] = Counter()
        """By model and what became of them; the observer's own."""
        self._series: dict[tuple[str, str], Series] = {}
        self._registry = CollectorRegistry()
        self._registry.register(_Page(self))
        ProcessCollector(registry=self._registry)

    def of(self, name: str, version: str) -> Series:
        """Return what is counted for a version."""
        found = self._series.get((name, version))
        if found is None:
            found = self._series[name, version] = Series()
            if len(self._series) > KEPT:
                self._drop()
        return found

    def _drop(self) -> None:
        """Forget the oldest versions that are no longer served."""
        served = {(model.name, model.version) for model in self.serving()}
        gone = [key for key in self._series if key not in served]
        for key in gone[:-KEPT]:
            del self._series[key]

    def ran(self, model: "Model", ran: "Ran") -> None:
        """Count a run of a model."""
        if not ran.failed:
            self.of(model.name, model.version).batches.add(ran.items)

    def wrote(self, model: "Model", written: "Written") -> None:
        """Count a text that was written."""
        series = self.of(model.name, model.version)
        series.tokens += len(written.found.tokens)
        series.first.add(written.first)
        series.ends[written.found.reason] += 1

    def page(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def families(self) -> Iterator[Metric]:
        """Return what is counted, as Prometheus' client takes it."""
        requests = CounterMetricFamily("chainrule_requests", "Requests answered.", labels=["route", "model", "status"])
        for (route, model, status), count in self.requests.items():
            requests.add_metric([route, model, str(status)], count)
        yield requests
        failures = CounterMetricFamily("chainrule_failures", "Requests refused or failed.", labels=["model", "reason"])
        for labels, count in self.failures.items():
            failures.add_metric(list(labels), count)
        yield failures
        if self.observed:
            about = ["model", "outcome"]
            observed = CounterMetricFamily("chainrule_observed", "Items observed, or meant to be.", labels=about)
            for labels, count in list(self.observed.items()):
                observed.add_metric(list(labels), count)
            yield observed
        seconds = HistogramMetricFamily(
            "chainrule_inference_seconds",
            "Time of answered inference requests by step.",
            labels=["model", "version", "step"],
        )
        batches = HistogramMetricFamily("chainrule_batch_items", "Items of a run.", labels=["model", "version"])
        for (model, version), series in self._series.items():
            for step, distribution in zip(STEPS, series.steps, strict=True):
                seconds.add_metric([model, version, step], distribution.buckets(), distribution.total)
            batches.add_metric([model, version], series.batches.buckets(), series.batches.total)
        yield seconds
        yield batches
        yield from self._texts()
        yield from self._now()

    def _texts(self) -> Iterator[Metric]:
        """Yield what is counted of texts, where any were written."""
        about = ["model", "version"]
        tokens = CounterMetricFamily("chainrule_tokens", "Tokens made for texts.", labels=about)
        ends = CounterMetricFamily("chainrule_texts", "Texts written.", labels=[*about, "reason"])
        first = HistogramMetricFamily("chainrule_first_token_seconds", "Time to a text's first token.", labels=about)
        wrote = {key: series for key, series in self._series.items() if series.ends}
        for (model, version), series in wrote.items():
            tokens.add_metric([model, version], series.tokens)
            first.add_metric([model, version], series.first.buckets(), series.first.total)
            for reason, count in series.ends.items():
                ends.add_metric([model, version, reason], count)
        yield from (tokens, ends, first) if wrote else ()

    def _now(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily("chainrule_queue_items", "Items that wait for a run.", labels=["model"])
        about = ("model", "version", "variant", "provider", "device")
        served = GaugeMetricFamily("chainrule_model_info", "1 for every version being served.", labels=about)
        under_way = GaugeMetricFamily("chainrule_texts_under_way", "Texts that wait or are written.", labels=["model"])
        for model in self.serving():
            if model.writing is not None:
                under_way.add_metric([model.name], model.writing.under_way)
            waiting.add_metric([model.name], model.queued)
            served.add_metric([model.name, model.version, model.variant, model.provider, model.device], 1)
        yield waiting
        if under_way.samples:
            yield under_way
        yield served
        server = GaugeMetricFamily("chainrule_server_info", "1.", labels=["version"])
        server.add_metric([metadata.version("chainrule")], 1)
        yield server


class _Page(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return self._metrics.families()
