"""The answers by kind of target: a number, a set of labels."""

from typing import Any

import numpy as np
import pytest

from chainrule.serving.answers import labels, number
from chainrule.system.errors import ChainruleError, DataError


def signature(outputs: list[dict[str, Any]], **target: Any) -> dict[str, Any]:
    return {"task": "a task", "outputs": outputs, "target": target}


LABELS = signature(
    [{"name": "logits", "shape": ["batch", 3]}], kind="labels", classes=["a", "b", "c"], thresholds=[0.9, 0.5, 0.1]
)


def test_a_number_is_answered_as_it_is() -> None:
    given = signature([{"name": "value", "shape": ["batch"]}], kind="number", mean=0.0, std=1.0)
    number.check(given)
    assert number.answer({"value": np.array([41.5], np.float32)}, given) == {"value": 41.5}
    with pytest.raises(ChainruleError, match="not finite"):
        number.answer({"value": np.array([np.nan], np.float32)}, given)
    with pytest.raises(DataError, match=r"a task needs an output value \[batch\]; here is logits \['batch', 2\]"):
        number.check(signature([{"name": "logits", "shape": ["batch", 2]}]))


def test_a_label_is_given_from_its_own_threshold_on() -> None:
    labels.check(LABELS)
    found = labels.answer({"logits": np.array([[np.log(4), np.log(1.5), np.log(0.25)]])}, LABELS)["labels"]
    assert [(each["label"], round(each["probability"], 6), each["given"]) for each in found] == [
        ("a", 0.8, False),
        ("b", 0.6, True),
        ("c", 0.2, True),
    ]
    # Far beyond what an exponential takes.
    assert [
        each["probability"] for each in labels.answer({"logits": np.array([[1e4, -1e4, 0]])}, LABELS)["labels"]
    ] == [
        1.0,
        0.5,
        0.0,
    ]
    with pytest.raises(ChainruleError, match="not finite"):
        labels.answer({"logits": np.array([[np.inf, 0, 0]])}, LABELS)


@pytest.mark.parametrize("thresholds", [None, [0.5, 0.5], ["x", 0.5, 0.5], 0.5])
def test_a_set_of_labels_needs_a_threshold_for_each(thresholds: Any) -> None:
    target = {"classes": ["a", "b", "c"]} | ({} if thresholds is None else {"thresholds": thresholds})
    with pytest.raises(DataError, match="a threshold for each of its 3 classes"):
        labels.check(LABELS | {"target": target})


def test_schemas_describe_the_answers() -> None:
    found = labels.answer({"logits": np.zeros((1, 3))}, LABELS)["labels"][0]
    assert set(found) == set(labels.schema()["properties"]["labels"]["items"]["required"])
    assert number.schema()["required"] == ["value"]
