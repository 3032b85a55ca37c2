import io
import json
import logging
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chainrule.serving import logs
from chainrule.serving.batching import Ran
from chainrule.serving.metrics import KEPT, Distribution, Metrics


def samples(metrics: Metrics) -> dict[tuple[str, frozenset], float]:
    families = text_string_to_metric_families(metrics.page().decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_distribution_counts_up_to_each_bound():
    found = Distribution((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 99.0):
        found.add(value)
    assert found.buckets() == [("1.0", 2.0), ("2.0", 3.0), ("+Inf", 4.0)]
    assert found.total == 102.0


def test_the_page_says_what_was_counted():
    metrics = Metrics()
    metrics.serving = lambda: [
        SimpleNamespace(name="m", version="3", variant="int8", provider="P", device="cpu", queued=7, writing=None)
    ]
    metrics.requests["infer", "m", 200] += 2
    metrics.failures["m", "queue_full"] += 1
    metrics.of("m", "3").answered(0.001, 0.0, 0.02, 0.0001, 0.03)
    metrics.ran(SimpleNamespace(name="m", version="3"), Ran(3, 4, 0.0, 0.0, 0.01, failed=False))
    metrics.ran(SimpleNamespace(name="m", version="3"), Ran(1, 1, 0.0, 0.0, 0.01, failed=True))
    found = samples(metrics)

    def value(name: str, **labels: str) -> float:
        return found[name, frozenset(labels.items())]

    assert value("chainrule_requests_total", route="infer", model="m", status="200") == 2
    assert value("chainrule_failures_total", model="m", reason="queue_full") == 1
    assert value("chainrule_inference_seconds_sum", model="m", version="3", step="compute") == 0.02
    assert value("chainrule_inference_seconds_bucket", model="m", version="3", step="total", le="0.05") == 1
    assert value("chainrule_inference_seconds_bucket", model="m", version="3", step="total", le="0.025") == 0
    assert value("chainrule_batch_items_bucket", model="m", version="3", le="4.0") == 1
    assert value("chainrule_batch_items_count", model="m", version="3") == 1
    assert value("chainrule_queue_items", model="m") == 7
    assert value("chainrule_model_info", model="m", version="3", variant="int8", provider="P", device="cpu") == 1


def test_only_the_last_versions_no_longer_served_are_kept():
    metrics = Metrics()
    metrics.serving = lambda: [
        SimpleNamespace(name="m", version="0", variant="int8", provider="P", device="cpu", queued=0, writing=None)
    ]
    for version in range(300):
        metrics.of("m", str(version)).answered(0.0, 0.0, 0.0, 0.0, 0.0)
    found = samples(metrics)
    shown = {dict(labels)["version"] for name, labels in found if name == "chainrule_batch_items_count"}
    assert shown == {"0", *map(str, range(300 - KEPT, 300))}


# ---- logs


@pytest.mark.parametrize("given", [b"a", b"req-1.2:3/x+y=_", b"x" * 128])
def test_a_sane_request_id_is_kept(given):
    assert logs.request_id(given) == given


@pytest.mark.parametrize("given", [None, b"", b"a b", b"x" * 129, b"a\r\nb", b'"', b"\xff"])
def test_any_other_request_id_is_made(given):
    first, second = logs.request_id(given), logs.request_id(given)
    assert first != second and given not in (first, second)


def test_lines_are_gathered_and_written_in_order():
    stream, waiting = io.BytesIO(), []
    log = logs.Log(stream)
    log.later = waiting.append
    log.gather({"message": "one"})
    log.gather({"message": "two"})
    assert stream.getvalue() == b"" and len(waiting) == 1
    log.write({"message": "three"})
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["one", "two", "three"]
    waiting[0]()
    log.gather({"message": "four"})
    assert len(waiting) == 2
    log.flush()
    assert all("time" in json.loads(line) for line in stream.getvalue().splitlines())


def test_a_stream_that_is_gone_stops_nothing():
    stream = io.BytesIO()
    log = logs.Log(stream)
    stream.close()
    log.write({"message": "lost"})


def test_what_libraries_log_is_a_line_with_its_trace():
    stream = io.BytesIO()
    logger = logging.Logger("some.library")
    logger.addHandler(logs.Bridge(logs.Log(stream)))
    try:
        raise ValueError("what went wrong")
    except ValueError:
        logger.exception("a %s", "message")
    found = json.loads(stream.getvalue())
    assert (found["level"], found["logger"], found["message"]) == ("error", "some.library", "a message")
    assert "ValueError: what went wrong" in found["traceback"]
