"""Bundles that were exported before signatures had a version: served as they were, answered as they were."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import live_server

FIXTURE = Path(__file__).with_name("version_1")
RECORDED: list[dict[str, Any]] = json.loads((FIXTURE / "answers.json").read_text())
"""Requests, and what the server answered that wrote them down."""


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    root = tmp_path_factory.mktemp("version_1")
    for name in ("digits", "reviews"):
        shutil.copytree(FIXTURE / name, root / "models" / "onnx" / name)
    with live_server.running(root) as server:
        yield server


@pytest.mark.parametrize("asked", RECORDED, ids=lambda asked: f"{asked['model']} {asked['content_type']}")
def test_it_answers_as_the_server_of_its_day(live, asked):
    body = asked["body"]
    content = base64.b64decode(body["base64"]) if "base64" in body else body["text"].encode()
    answer = live.ask("POST", f"/models/{asked['model']}", content, Content_Type=asked["content_type"])
    assert answer.status == 200, answer.content
    found = answer.json["labels"]
    assert [each["label"] for each in found] == [each["label"] for each in asked["labels"]]
    expected = [each["probability"] for each in asked["labels"]]
    assert [each["probability"] for each in found] == pytest.approx(expected, abs=1e-6)
