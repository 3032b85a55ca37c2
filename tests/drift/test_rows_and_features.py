import re

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper

import tiny_bundles
from chainrule.drift import features, measuring, sample, testing
from chainrule.system.errors import DataError
from drift_rows import image_rows


def graph(*nodes, output="logits", **constants) -> onnx.ModelProto:
    weights = [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()]
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])]
    found = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", 2])]
    return helper.make_model(helper.make_graph(list(nodes), "g", given, found, weights), ir_version=10)


W = np.ones((3, 2))


@pytest.mark.parametrize(
    ("nodes", "constants", "layer"),
    [
        ([("Relu", "x", "h"), ("Gemm", "h", "w", "b", "logits")], {"w": W, "b": [0, 0]}, "h"),
        (
            [("Relu", "x", "h"), ("Gemm", "h", "w", "b", "raw"), ("Div", "raw", "t", "logits")],
            {"w": W, "b": [0, 0], "t": 2},
            "h",
        ),
        (
            [("Relu", "x", "h"), ("MatMul", "h", "w", "m"), ("Add", "b", "m", "n"), ("Identity", "n", "logits")],
            {"w": W, "b": [0, 0]},
            "h",
        ),
        ([("MatMul", "x", "w", "m"), ("Add", "m", "m", "logits")], {"w": W}, None),  # two ways lead to the logits
        ([("MatMul", "x", "w", "m"), ("Softmax", "m", "logits")], {"w": W}, None),
        ([("MatMul", "w", "x", "logits")], {"w": W}, None),  # the rows are not what comes first
    ],
)
def test_the_last_linear_layer_is_found_or_nothing(nodes, constants, layer):
    made = [helper.make_node(kind, list(names[:-1]), [names[-1]]) for kind, *names in nodes]
    assert features.penultimate(graph(*made, **constants), "logits") == layer


def test_images_are_seen_as_the_server_sees_them(tmp_path):
    bundle = tiny_bundles.image_bundle(tmp_path / "digits")
    rows, pixels = image_rows(70)
    found = measuring.rows_sample(bundle, rows.assign(label=["3"] * 70, group=["a"] * 35 + [None] * 35))
    flat = pixels.reshape(70, 64) / 255
    expected = (flat @ tiny_bundles.image_weights()).argmax(axis=1).astype(str)
    assert found.labels["predictions"].tolist() == expected.tolist()
    assert set(found.labels["labels"]) == {"3"}
    np.testing.assert_allclose(found.vectors["features"], flat, atol=1e-6)  # what goes into the only linear layer
    np.testing.assert_allclose(found.vectors["pixels"], pixels.reshape(70, 64))
    np.testing.assert_allclose(found.numbers["brightness"], pixels.mean(axis=(1, 2)))
    assert found.groups.tolist() == ["a"] * 35 + [f"r{place}" for place in range(35, 70)]
    assert found.notes == ()


def test_a_graph_without_such_a_layer_gives_its_logits_and_says_so(tmp_path):
    bundle = tiny_bundles.text_bundle(tmp_path / "reviews")
    rows = pd.DataFrame({"id": [f"{place}" for place in range(30)], "text": ["A good film poor plot", "the film"] * 15})
    found = measuring.rows_sample(bundle, rows)
    embedded = tiny_bundles.text_weights()
    means = [embedded[[tiny_bundles.WORDS.index(word) for word in words]].mean(axis=0) for words in found.words]
    assert [len(words) for words in found.words[:2]] == [5, 2]  # batches are sorted by length, and back
    np.testing.assert_allclose(found.vectors["features"], means, atol=1e-5)
    assert "logits" in found.notes[0]
    report = testing.between(found, found)
    assert not report.flagged
    assert sum("logits" in note for note in report.notes) == 2


def test_texts_are_measured_by_their_words(tmp_path):
    bundle = tiny_bundles.text_bundle(tmp_path / "reviews")
    found = measuring.rows_sample(bundle, pd.DataFrame({"id": ["1", "2"], "text": ["A good film", "the strange plot"]}))
    assert found.words[0] == ["a", "good", "film"]
    assert found.numbers["length in words"].tolist() == [3, 3]
    assert found.numbers["unknown pieces"].tolist() == pytest.approx([0, 1 / 3])
    assert found.groups is None and "labels" not in found.labels


def test_what_a_server_got_is_the_same_sample_even_filled_up(tmp_path):
    bundle = tiny_bundles.text_bundle(tmp_path / "reviews")
    texts = ["a good film", "the poor plot is bad", "fine"]
    rows = measuring.rows_sample(bundle, pd.DataFrame({"id": list("abc"), "text": texts}))
    ids = [[tiny_bundles.WORDS.index(word) for word in text.split() if word in tiny_bundles.WORDS] for text in texts]
    ids[1].insert(3, 1)  # "is" is unknown
    filled = []
    for each in ids:
        mask = [1] * len(each) + [0] * (9 - len(each))
        own = {"input_ids": np.array([each + [0] * (9 - len(each))]), "attention_mask": np.array([mask])}
        filled.append(own)
    served = measuring.served_sample(bundle, filled)
    assert served.words == rows.words
    for name, values in rows.numbers.items():
        np.testing.assert_allclose(served.numbers[name], values, atol=1e-6)
    np.testing.assert_allclose(served.vectors["features"], rows.vectors["features"], atol=1e-5)


def test_rows_that_cannot_be_encoded_are_named(tmp_path):
    bundle = tiny_bundles.image_bundle(tmp_path / "digits")
    rows, _ = image_rows(3)
    rows.loc[1, "image"] = b"\x89PNG\r\n\x1a\nbroken"
    with pytest.raises(DataError, match="row r1: the image cannot be read"):
        measuring.rows_sample(bundle, rows)
    with pytest.raises(DataError, match="without a column image"):
        measuring.rows_sample(bundle, rows.drop(columns="image"))
    assert len(measuring.rows_sample(bundle, rows[:0])) == 0


def test_a_bundle_that_was_touched_is_refused(tmp_path):
    bundle = tiny_bundles.image_bundle(tmp_path / "digits")
    (bundle / "model.onnx").write_bytes(b"other")
    with pytest.raises(DataError, match="sha256"):
        measuring.rows_sample(bundle, image_rows(3)[0])
    tiny_bundles.resum(bundle)
    with pytest.raises(DataError, match=re.escape(str(bundle / "model.onnx"))):
        measuring.rows_sample(bundle, image_rows(3)[0])


def test_whole_groups_are_chosen_and_not_by_their_place(tmp_path):
    groups = np.repeat([f"g{number}" for number in range(100)], 7)
    kept = sample.chosen(groups, 100)
    names, counts = np.unique(groups[kept], return_counts=True)
    assert len(kept) <= 100 and (counts == 7).all() and len(names) == 14
    assert names.tolist() != sorted(np.unique(groups)[:14].tolist())
    turned = sample.chosen(groups[::-1], 100)
    assert set(groups[::-1][turned]) == set(names)
    assert len(sample.chosen(np.array(["one"] * 50), 20)) == 20
    bundle = tiny_bundles.image_bundle(tmp_path / "digits")
    found = measuring.rows_sample(bundle, image_rows(40)[0], most=25)
    assert (len(found), found.left_out) == (25, 15)
