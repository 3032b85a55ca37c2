"""What an answer says of its doubt: by the bundle's lines, those of the variant, and a parameter of the request."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import live_server
import tiny_bundles
from chainrule.serving import bundle, plain
from chainrule.serving.answers import label, labels
from chainrule.system.errors import DataError

LINES = {"sets": "lac", "share": 0.9, "set_within": 0.75, "risk": 0.05, "unsure_below": 0.6, "foreign_above": -1.0}
LOGITS = np.log(np.array([[0.55, 0.3, 0.15]]))


def signature(**lines: Any) -> dict[str, Any]:
    target = {"kind": "label", "classes": ["a", "b", "c"]}
    outputs = [{"name": "logits", "shape": ["batch", 3]}]
    return {"task": "t", "outputs": outputs, "target": target, "uncertainty": {**LINES, **lines}}


def test_an_answer_has_a_set_and_says_whether_it_is_sure_and_whether_the_input_is_foreign() -> None:
    found = label.answer({"logits": LOGITS}, signature())
    assert [each["label"] for each in found["labels"]] == ["a", "b", "c"]
    assert (found["set"], found["unsure"], found["foreign"]) == (["a", "b"], True, True)
    assert found["energy"] == pytest.approx(0, abs=1e-9)
    sure = label.answer({"logits": LOGITS + 3}, signature(unsure_below=0.5, sets="aps", set_within=0.2))
    assert (sure["set"], sure["unsure"], sure["foreign"]) == (["a"], False, False)
    assert set(sure) <= set(label.schema()["properties"])


def test_a_bundle_of_before_and_one_without_a_proven_risk_say_less() -> None:
    old = {key: value for key, value in signature().items() if key != "uncertainty"}
    assert set(label.answer({"logits": LOGITS}, old)) == {"labels"}
    assert set(label.answer({"logits": LOGITS}, signature(unsure_below=None))) == {"labels", "set", "energy", "foreign"}


def test_a_set_of_labels_has_the_sum_of_its_energies() -> None:
    target = {"classes": ["a", "b"], "thresholds": [0.5, 0.5]}
    outputs = [{"name": "logits", "shape": ["batch", 2]}]
    given = {"task": "t", "outputs": outputs, "target": target, "uncertainty": {"foreign_above": -1.3}}
    labels.check(given)
    found = labels.answer({"logits": np.zeros((1, 2))}, given)
    assert found["energy"] == pytest.approx(-2 * np.log(2))
    assert not found["foreign"]
    assert set(found) <= set(labels.schema()["properties"])


@pytest.mark.parametrize("broken", [{"set_within": "x"}, {"foreign_above": True}, {"sets": "raps"}])
def test_lines_that_are_no_numbers_are_refused(broken: dict[str, Any]) -> None:
    label.check(signature(unsure_below=None))
    with pytest.raises(DataError, match="export the bundle again"):
        label.check(signature(**broken))
    with pytest.raises(DataError, match="export the bundle again"):
        label.check({**signature(), "variants": {"int8": {"uncertainty": {**LINES, **broken}}}})


def test_a_variant_has_lines_of_its_own(tmp_path: Path) -> None:
    own = {"fp32": {"file": "model.onnx", "uncertainty": {**LINES, "unsure_below": 0.1}}}
    folder = tiny_bundles.image_bundle(tmp_path / "digits", uncertainty=LINES, variants=own)
    read = bundle.read(folder, "digits", "0")
    logits = {"logits": np.zeros((1, 10))}
    logits["logits"][0, 3] = 1.5  # a third of the chances
    assert not plain.answer(read, "fp32", logits)["unsure"]
    assert plain.answer(read, "int8", logits)["unsure"]
    assert plain.answer(read, "fp32", logits, {"unsure_below": 0.5})["unsure"]


def test_a_request_may_say_from_where_on_an_answer_is_sure(tmp_path: Path) -> None:
    (tmp_path / "models" / "onnx").mkdir(parents=True)
    tiny_bundles.text_bundle(tmp_path / "models" / "onnx" / "reviews", uncertainty=LINES)
    with live_server.running(tmp_path) as server:

        def ask(query: str) -> Any:
            return server.ask("POST", f"/models/reviews{query}", b"a good plot", Content_Type="text/plain")

        plain_answer = ask("").json
        assert {"set", "unsure", "energy", "foreign"} < set(plain_answer)
        assert ask("?unsure_below=0").json["unsure"] is False
        assert ask("?unsure_below=1").json["unsure"] is True
        refused = ask("?unsure_below=much")
        assert refused.status == 400
        assert json.loads(refused.content) == {"error": "unsure_below must be a number from 0 to 1, not 'much'"}


def test_what_was_answered_is_observed_by_the_lines_of_the_variant(tmp_path: Path) -> None:
    (tmp_path / "models" / "onnx").mkdir(parents=True)
    own = {"fp32": {"file": "model.onnx", "uncertainty": {**LINES, "unsure_below": 0.0}}}
    lines = {**LINES, "unsure_below": 1.0}
    tiny_bundles.text_bundle(tmp_path / "models" / "onnx" / "reviews", uncertainty=lines, variants=own)
    with live_server.running(tmp_path, observe=1.0) as server:
        said = server.ask("POST", "/models/reviews", b"a good plot", Content_Type="text/plain").json
    (written,) = (tmp_path / "data" / "observed" / "reviews").glob("*.jsonl")
    (line,) = written.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["answer"]["unsure"] is said["unsure"] is False
