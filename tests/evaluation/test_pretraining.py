"""The page of a pretraining: one file, the same for the same, with everything that was learnt on it."""

import json
import re
from typing import Any

import numpy as np

from chainrule.evaluation import pretraining
from chainrule.evaluation.learnt import of_json, to_json
from chainrule.evaluation.shown import Learnt, Passage, Passages, Piece, Plane, Strip, Strips, Table, Word

HISTORY = [
    {"epoch": epoch, "train_loss": 3 / epoch, "validation_loss": 3.1 / epoch, "learning_rate": 0.1, "best": True}
    for epoch in (1, 2)
]
LEARNT = Learnt(
    {"perplexity": "7 <of> 9"},
    [
        Passages(
            "Hidden",
            "A note & more",
            [
                Passage([Piece("a <b>"), Piece(" right", "right"), Piece(" said", "true")]),
                Passage([Piece("two")], "the next", right=True),
                Passage([Piece("three")], "another", right=False),
            ],
        ),
        Strips(
            "Images", "Beside", [Strip([(np.full((2, 3, channels), 7, np.uint8), "as it is") for channels in (1, 3)])]
        ),
        Table("Neighbours", ("word", "nearest"), [(Word("cat"), "dog 0.91")]),
        Plane("Map", "Two directions", [("low", 0.0, 0.0), ("high & right", 1.0, 2.0)]),
    ],
)


def told(facts: dict[str, str], history: list[Any], learnt: Learnt | None) -> Any:
    """Return what the stage would have written, after its way through a file."""
    return json.loads(json.dumps({"facts": facts, "history": history, "learnt": learnt and to_json(learnt)}))


def test_a_page_holds_all_that_was_learnt_and_fetches_nothing() -> None:
    page = pretraining.to_html("films", told({"objective": "masked_language"}, HISTORY, LEARNT))
    assert page == pretraining.to_html("films", told({"objective": "masked_language"}, HISTORY, LEARNT))
    assert "7 &lt;of&gt; 9" in page and "a &lt;b&gt;" in page and "high &amp; right" in page
    assert re.search(r"<ins[^>]*>right</ins>", page)
    assert re.search(r"<del[^>]*>said</del><small[^>]*>true</small>", page)
    assert re.search(r'class="right">the next<', page) and re.search(r'class="wrong">another<', page)
    assert page.count("data:image/png;base64,") == 2 + 1  # two images, and the course of the loss
    addresses = re.findall(r"(?:src|href|url)[=(]\W?(\S{5})", page)
    assert set(addresses) == {"data:"} and "<script" not in page


def test_a_map_has_its_words_where_they_are() -> None:
    page = pretraining.to_html("films", told({}, [], LEARNT))
    places = {word: (int(x), int(y)) for x, y, word in re.findall(r'<text x="(\d+)" y="(\d+)">([^<]+)<', page)}
    low, high = places["low"], places["high &amp; right"]
    assert low[0] < high[0] and low[1] > high[1]  # an SVG counts from the top


def test_without_a_training_it_says_what_the_weights_are() -> None:
    page = pretraining.to_html("films", told({"objective": "none", "starts from": "huggingface, org/mini"}, [], None))
    assert "huggingface, org/mini" in page
    assert "<section" not in page


def test_what_was_learnt_comes_back_from_a_file_as_it_was() -> None:
    back = of_json(json.loads(json.dumps(to_json(LEARNT))))
    assert to_json(back) == to_json(LEARNT)
    images = [[image for row in learnt.sections[1].rows for image, _ in row.images] for learnt in (LEARNT, back)]
    assert all(np.array_equal(one, other) for one, other in zip(*images, strict=True))
    assert isinstance(back.sections[2].rows[0][0], Word), "shown in the direction in which it is written"
