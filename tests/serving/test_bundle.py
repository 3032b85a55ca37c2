import hashlib
import json
import os
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import shipped
import tiny_bundles
from chainrule.serving import bundle, graph
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field
from tiny_bundles import resum, with_graph


def refused(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        bundle.read(folder, "digits", "1")
    return str(caught.value)


def test_a_bundle_says_what_goes_in_and_out(tmp_path: Path) -> None:
    found = bundle.read(tiny_bundles.text_bundle(tmp_path / "text"), "reviews", "7")
    assert (found.name, found.version) == ("reviews", "7")
    assert found.signature["target"] == {"kind": "label", "classes": ["negative", "positive"]}
    assert bundle.input_fields(found) == (Field("text", "text", "input"),)
    assert [(t.name, t.datatype, t.shape, t.axes) for t in found.inputs] == [
        ("input_ids", "INT64", (None, None), ("batch", "sequence")),
        ("attention_mask", "INT64", (None, None), ("batch", "sequence")),
    ]
    assert [(t.name, t.datatype, t.shape) for t in found.outputs] == [("logits", "FP32", (None, 2))]
    assert found.padding == {"input_ids": 0, "attention_mask": 0}
    assert found.variants == {"fp32": tmp_path / "text" / "model.onnx"}
    assert found.tokenizer == tiny_bundles.tokenizer()
    assert found.card.startswith("# reviews")
    assert found.digest == hashlib.sha256((tmp_path / "text" / "SHA256SUMS").read_bytes()).hexdigest()


@pytest.mark.parametrize("file", ["model.onnx", "signature.json", "MODEL_CARD.md", "tokenizer.json"])
def test_one_changed_byte_anywhere_is_refused(file: str, tmp_path: Path) -> None:
    folder = tiny_bundles.text_bundle(tmp_path / "text")
    content = bytearray((folder / file).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / file).write_bytes(content)
    assert f"{file}: its sha256 is not" in refused(folder)


@pytest.mark.parametrize("file", ["model.pkl", "handler.py", "model.onnx.data", "model.fp16.onnx", ".hidden"])
def test_a_file_nobody_vouches_for_is_refused(file: str, tmp_path: Path) -> None:
    folder = tiny_bundles.image_bundle(tmp_path / "image")
    (folder / file).write_bytes(b"x")
    assert "not in SHA256SUMS" in refused(folder)


@pytest.mark.parametrize("file", ["model.pkl", "handler.py", "weights.bin"])
def test_a_pickle_is_refused_even_with_its_hash(file: str, tmp_path: Path) -> None:
    folder = tiny_bundles.image_bundle(tmp_path / "image")
    (folder / file).write_bytes(b"x")
    resum(folder)
    assert f"{file}: no file of a bundle" in refused(folder)


def test_links_and_directories_are_refused(tmp_path: Path) -> None:
    folder = tiny_bundles.image_bundle(tmp_path / "image")
    (folder / "model.onnx").rename(tmp_path / "elsewhere")
    (folder / "model.onnx").symlink_to(tmp_path / "elsewhere")
    said = refused(folder)
    assert "model.onnx: a link" in said and f"`dvc checkout --relink {folder}`" in said
    other = tiny_bundles.image_bundle(tmp_path / "other")
    (other / "inside").mkdir()
    assert "not a plain file" in refused(other)
    pipe = tiny_bundles.image_bundle(tmp_path / "pipe")
    os.mkfifo(pipe / "tokenizer.json")  # to read it would hang
    assert "not a plain file" in refused(pipe)


def test_missing_files_are_named(tmp_path: Path) -> None:
    assert "not found" in refused(tmp_path / "nowhere")
    folder = tiny_bundles.image_bundle(tmp_path / "image")
    (folder / "MODEL_CARD.md").unlink()
    assert "MODEL_CARD.md: named in SHA256SUMS but missing" in refused(folder)
    resum(folder)
    assert "MODEL_CARD.md: missing from the bundle" in refused(folder)
    (folder / "SHA256SUMS").unlink()
    assert "without its hashes" in refused(folder)


@pytest.mark.parametrize("line", ["garbage", "00  model.onnx", f"{'0' * 64}  ../model.onnx", f"{'0' * 64} *model.onnx"])
def test_hashes_that_cannot_be_read_are_refused(line: str, tmp_path: Path) -> None:
    folder = tiny_bundles.image_bundle(tmp_path / "image")
    with open(folder / "SHA256SUMS", "a") as file:
        file.write(line + "\n")
    assert "not readable at" in refused(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"target": {"classes": ["a", "b"]}}, "here are 2 classes and logits ['batch', 10]"),
        ({"target": {"classes": [1, 2]}}, "the classes of the target are not a list of texts"),
        ({"target": {"classes": []}}, "image_classification needs classes, and an output logits [batch, classes]"),
        ({"target": None}, "target are missing or not as export writes them"),
        ({"version": 3}, "a signature of version 3, here is 2; serve it with a newer Chainrule"),
        ({"version": "2" * 100}, "a signature of version"),
        ({"fields": {}}, "fields are missing"),
        ({"fields": [{"name": "image"}]}, "fields are not as export writes them"),
        ({"fields": [{"name": "image", "kind": "image", "role": "any"}]}, "has no role"),
        ({"fields": [{"name": "a", "kind": "image", "role": "input"}] * 2}, "named twice"),
        ({"fields": [{"name": "a", "kind": "image", "role": "input"}]}, "has the fields image, label"),
        ({"modality": "sound"}, "image_classification of 'sound' has the fields none"),
        ({"preprocessing": {}}, "with preprocessing of none"),
        ({"preprocessing": {"image": 1}}, "preprocessing is not by field"),
        ({"task": ["image_classification"]}, "the task is not a text"),
        ({"inputs": []}, "inputs are missing"),
        ({"outputs": [{"name": "logits"}]}, "outputs are not as export writes them"),
        ({"inputs": [{"name": "image", "type": "COMPLEX64", "shape": ["batch"]}]}, "inputs are not as export"),
        ({"inputs": [{"name": "image", "type": "UINT8", "shape": [1, 1, 8, 8]}]}, "no batch that varies"),
        ({"padding": {"nothing": 0}}, "padding names no input"),
        ({"padding": {"image": "0"}}, "padding names no input or no number"),
        ({"variants": {"fp32": {}, "int8": {}}}, "declares the variants"),
    ],
)
def test_a_signature_that_does_not_fit_is_refused(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    folder = tiny_bundles.image_bundle(tmp_path / "image")
    signature = json.loads((folder / "signature.json").read_text()) | changes
    (folder / "signature.json").write_text(json.dumps(signature))
    resum(folder)
    assert said in refused(folder)


@pytest.mark.parametrize("content", [b"[]", b"{", b"\xff", b"[" * 100_000])
def test_a_signature_that_is_no_object_is_refused(content: bytes, tmp_path: Path) -> None:
    folder = tiny_bundles.image_bundle(tmp_path / "image")
    (folder / "signature.json").write_bytes(content)
    resum(folder)
    assert "signature.json: not" in refused(folder)


def external() -> onnx.TensorProto:
    tensor = numpy_helper.from_array(tiny_bundles.image_weights(), "weights")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def outside(where: str) -> onnx.ModelProto:
    """A graph with a weight in another file, hidden in each of the places that a weight may stand in."""
    model = tiny_bundles.image_graph()
    if where == "initializer":
        model.graph.initializer.append(external())
    elif where == "constant":
        model.graph.node.append(helper.make_node("Constant", [], ["c"], value=external()))
    elif where == "branch":
        inner = helper.make_graph([helper.make_node("Constant", [], ["c"], value=external())], "inner", [], [])
        model.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner))
    elif where == "function":
        node = helper.make_node("Constant", [], ["c"], value=external())
        model.functions.append(helper.make_function("own", "f", [], ["c"], [node], [helper.make_opsetid("", 20)]))
    elif where == "sparse":
        sparse = onnx.SparseTensorProto(values=external(), dims=[64, 10])
        model.graph.sparse_initializer.append(sparse)
    elif where == "training":
        info = model.training_info.add()
        info.algorithm.initializer.append(external())
    elif where == "context":
        node = helper.make_node("EPContext", [], ["c"], domain="com.microsoft", embed_mode=0, ep_cache_context="/etc")
        model.graph.node.append(node)
    return model


@pytest.mark.parametrize("where", ["initializer", "constant", "branch", "function", "sparse", "training", "context"])
def test_a_graph_that_reads_another_file_is_refused(where: str, tmp_path: Path) -> None:
    folder = with_graph(tiny_bundles.image_bundle(tmp_path / "image"), outside(where))
    assert "another file" in refused(folder)


def test_a_location_without_external_data_is_refused_too(tmp_path: Path) -> None:
    model = tiny_bundles.image_graph()
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    assert "another file" in refused(with_graph(tiny_bundles.image_bundle(tmp_path / "image"), model))


def test_two_halves_of_a_message_are_both_looked_at() -> None:
    # Protobuf merges a field that comes twice: the second half of the graph holds the weight.
    half = onnx.ModelProto()
    half.graph.initializer.append(external())
    content = tiny_bundles.image_graph().SerializeToString() + half.SerializeToString()
    with pytest.raises(DataError, match="another file"):
        graph.refuse_outside(content, Path("model.onnx"))


@pytest.mark.parametrize("content", [b"\xff" * 40, b"\x3a\xff\xff\xff\xff\x7f", b"\x0b", b"\x3a\x05\x0a"])
def test_bytes_that_are_no_onnx_are_refused(content: bytes) -> None:
    with pytest.raises(DataError, match="not an ONNX file"):
        graph.refuse_outside(content, Path("model.onnx"))


def test_the_graph_is_proven_again_when_it_is_opened(tmp_path: Path) -> None:
    found = bundle.read(tiny_bundles.image_bundle(tmp_path / "image"), "digits", "1")
    assert bundle.graph_bytes(found, "fp32") == (tmp_path / "image" / "model.onnx").read_bytes()
    (tmp_path / "image" / "model.onnx").write_bytes(b"other")
    with pytest.raises(DataError, match="sha256"):
        bundle.graph_bytes(found, "fp32")


def test_what_export_wrote_is_read(project: Path) -> None:
    exported = shipped.built(project, "digits", "models/onnx")
    found = bundle.read(exported, "digits", "0")
    assert json.loads((exported / "signature.json").read_text()) == found.signature


def test_there_may_be_more_outputs_than_a_task_answers_with(tmp_path: Path) -> None:
    folder = tiny_bundles.image_bundle(tmp_path / "image")
    signature = json.loads((folder / "signature.json").read_text())
    signature["outputs"].append({"name": "features", "type": "FLOAT", "shape": ["batch", 32]})
    (folder / "signature.json").write_text(json.dumps(signature))
    resum(folder)
    assert len(bundle.read(folder, "digits", "1").outputs) == 2
    signature["outputs"].pop(0)
    (folder / "signature.json").write_text(json.dumps(signature))
    resum(folder)
    assert "needs classes, and an output logits [batch, classes]; here are 10 classes and features" in refused(folder)
    signature |= {"task": "embedding", "fields": [], "target": {}}
    (folder / "signature.json").write_text(json.dumps(signature))
    resum(folder)
    assert [tensor.name for tensor in bundle.read(folder, "digits", "1").outputs] == ["features"]


def test_the_vocabulary_bounds_the_tokens(tmp_path: Path) -> None:
    folder = tiny_bundles.text_bundle(tmp_path / "text")
    assert bundle.read(folder, "reviews", "1").highest == {"input_ids": 10, "attention_mask": 1}
    for content, most in (
        ({"model": {"vocab": [["a", -1.0], ["b", -2.0]]}, "added_tokens": []}, 1),
        ({"model": {"vocab": {"a": 0, "b": 7}}, "added_tokens": [{"id": 9, "content": "c"}]}, 9),
    ):
        (folder / "tokenizer.json").write_text(json.dumps(content))
        resum(folder)
        assert bundle.read(folder, "reviews", "1").highest["input_ids"] == most
    assert bundle.read(tiny_bundles.image_bundle(tmp_path / "image"), "digits", "1").highest == {}


@pytest.mark.parametrize("content", ["{}", "[]", "x", '{"model": {"vocab": {}}}', '{"model": {"vocab": {"a": "b"}}}'])
def test_a_tokenizer_without_a_vocabulary_is_refused(content: str, tmp_path: Path) -> None:
    folder = tiny_bundles.text_bundle(tmp_path / "text")
    (folder / "tokenizer.json").write_text(content)
    resum(folder)
    assert "tokenizer.json: its vocabulary is not readable" in refused(folder)
