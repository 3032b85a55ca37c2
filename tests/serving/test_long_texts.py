"""What is not read of long texts is said beside the answer, and nothing of short ones."""

import json
from collections.abc import Iterator

import pytest
import tokenizers

import live_server
import tiny_bundles
from chainrule.serving.limits import Limits
from chainrule.serving.parts import text
from live_server import Live

TOKENS = "longer than the 32 tokens that are read; the rest is left out"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root = tmp_path_factory.mktemp("long")
    (root / "models/onnx").mkdir(parents=True)
    tiny_bundles.text_bundle(root / "models/onnx/reviews")
    tiny_bundles.pair_bundle(root / "models/onnx/pairs")
    with live_server.running(root) as server:
        yield server


@pytest.mark.parametrize(
    ("sent", "notes"),
    [
        ("a good film", None),
        ("good " * 32, None),
        ("good " * 33, [f"text: {TOKENS}"]),
        ("good " * 500, ["text: of so long a text the first 2,000 characters are read", f"text: {TOKENS}"]),
        ("good" + " " * 5000, None),
    ],
)
def test_a_text_that_is_cut_is_answered_with_a_note(live: Live, sent: str, notes: list[str] | None) -> None:
    answer = live.ask("POST", "/models/reviews", sent.encode(), Content_Type="text/plain")
    assert answer.status == 200 and answer.json.get("notes") == notes
    field = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [sent]}
    answer = live.ask("POST", "/v2/models/reviews/infer", json.dumps({"inputs": [field]}).encode())
    said = answer.json.get("parameters", {}).get("notes")
    assert said == (None if notes is None else "\n".join(f"item 0: {note}" for note in notes))


def test_a_pair_of_texts_is_cut_together(live: Live) -> None:
    for words, notes in ((10, None), (20, [f"first and second: {TOKENS}"])):
        sent = {"first": "good " * words, "second": "bad " * words}
        answer = live.ask("POST", "/models/pairs", json.dumps(sent).encode(), Content_Type="application/json")
        assert answer.status == 200 and answer.json.get("notes") == notes


@pytest.mark.parametrize(
    ("question", "passage", "said"),
    [
        (3, 9, []),
        (3, 90, ["context: longer than the 3 windows that are read; the rest is left out"]),
        (20, 9, ["question: longer than the 13 tokens that are read of it"]),
    ],
)
def test_windows_that_leave_something_out_say_so(question: int, passage: int, said: list[str]) -> None:
    tokenizer = tokenizers.Tokenizer.from_str(tiny_bundles.tokenizer())
    tokenizer.no_truncation()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[PAD] $A [PAD]", pair="[PAD] $A [PAD] $B:1 [PAD]:1", special_tokens=[("[PAD]", 0)]
    )
    rules = {
        "normalise": tiny_bundles.NORMALISE,
        "max_length": 32,
        "pad_id": 0,
        "windows": {"overlap": 4, "most": 3},
    }
    parts = {"question": "good " * question, "context": "bad " * passage}
    inputs = text.encoded(parts["question"], parts["context"], tokenizer, ("input_ids", "places"), rules)
    both = dict.fromkeys(parts, rules)
    assert text.left_out(parts, both, inputs, tokenizer, Limits()) == said
