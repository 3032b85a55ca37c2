"""Many rows through a graph without a server: whatever their sizes, answers come in the order of the rows."""

from typing import Any

import numpy as np
import pytest

import tiny_bundles
from chainrule.serving import offline
from chainrule.serving.padding import together
from chainrule.system.errors import ChainruleError

PADDING = {"input_ids": 0, "attention_mask": 0}


def text(*tokens: int) -> dict[str, np.ndarray]:
    return {"input_ids": np.array([tokens]), "attention_mask": np.ones((1, len(tokens)), np.int64)}


def texts(count: int, longest: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [text(*rng.integers(2, len(tiny_bundles.WORDS), rng.integers(1, longest + 1))) for _ in range(count)]


@pytest.fixture(scope="module")
def run() -> offline.Run:
    return offline.runner(offline.session(tiny_bundles.text_graph().SerializeToString(), "texts", 1), "texts")


def test_rows_of_any_size_are_answered_in_their_own_order(run: offline.Run) -> None:
    rows = texts(150, 40)
    seen: list[tuple[int, ...]] = []

    def watched(inputs: offline.Arrays) -> offline.Arrays:
        seen.append(inputs["input_ids"].shape)
        return run(inputs)

    found = offline.answers(watched, rows, PADDING)["logits"]
    words = tiny_bundles.text_weights()
    expected = [words[row["input_ids"][0]].mean(axis=0) for row in rows]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert len(seen) < 12 and max(items for items, _ in seen) <= offline.ROWS


def test_a_run_has_no_more_positions_than_are_allowed(run: offline.Run) -> None:
    seen: list[int] = []

    def watched(inputs: offline.Arrays) -> offline.Arrays:
        seen.append(inputs["input_ids"].size)
        return run(inputs)

    rows = [text(*[2] * 700) for _ in range(5)] + [text(*[3] * (offline.CELLS + 1))]
    assert offline.answers(watched, rows, PADDING)["logits"].shape == (6, 2)
    assert seen == [1400, 1400, 700, offline.CELLS + 1]  # a row that is larger by itself runs alone


def test_no_rows_have_no_answers(run: offline.Run) -> None:
    assert offline.answers(run, [], PADDING) == {}


def test_batches_are_put_back_where_their_rows_stand() -> None:
    batches = [(np.array([3, 0]), {"x": np.array([[3], [0]])}), ([2, 1], {"x": np.array([[2], [1]])})]
    found = offline.in_batches(lambda inputs: {"twice": inputs["x"] * 2}, batches)
    assert found["twice"].tolist() == [[0], [2], [4], [6]]


@pytest.mark.parametrize(
    ("graph", "rows", "said"),
    [
        (b"no graph", [text(1)], "digits.onnx: ONNX Runtime does not load it"),
        (tiny_bundles.text_graph().SerializeToString(), [{"other": np.ones((1, 2))}], "digits.onnx: the graph fails"),
        (
            tiny_bundles.text_graph(float("nan")).SerializeToString(),
            [text(2)],
            "digits.onnx: logits has what is no number",
        ),
    ],
)
def test_what_goes_wrong_is_one_line_with_the_graphs_name(graph: bytes, rows: list[Any], said: str) -> None:
    def go() -> None:
        found = offline.answers(offline.runner(offline.session(graph, "digits.onnx"), "digits.onnx"), rows, PADDING)
        offline.refuse_not_finite(found, "digits.onnx")

    with pytest.raises(ChainruleError) as caught:
        go()
    assert str(caught.value).startswith(said) and "\n" not in str(caught.value)


def test_outputs_are_those_that_were_asked_for() -> None:
    session = offline.session(tiny_bundles.image_graph().SerializeToString(), "images", 1)
    image = {"image": np.zeros((1, 1, 8, 8), np.uint8)}
    assert set(offline.runner(session, "images")(image)) == {"logits"}
    with pytest.raises(ChainruleError, match="images: the graph fails"):
        offline.runner(session, "images", ["other"])(image)


def test_smaller_inputs_are_filled_up_to_the_largest() -> None:
    rows = [text(1), text(2, 3), {name: np.concatenate([each, each]) for name, each in text(6, 7, 8).items()}]
    batch = together(rows, {"input_ids": 9})
    assert batch["input_ids"].tolist() == [[1, 9, 9], [2, 3, 9], [6, 7, 8], [6, 7, 8]]
    assert batch["attention_mask"].tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 1, 1]]
    images = [{"image": np.full((1, 1, 2, 2), value, np.uint8)} for value in (1, 2)]
    assert together(images, {})["image"][:, 0, 0, 0].tolist() == [1, 2]
