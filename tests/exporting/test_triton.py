from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import triton_schema
from chainrule.exporting import triton
from chainrule.system.errors import DataError
from tiny_bundles import image_bundle, text_bundle


@pytest.fixture(scope="session")
def schema() -> ModuleType:
    return triton_schema.load()


def parsed(schema: ModuleType, folder: Path) -> Any:
    from google.protobuf import text_format

    return text_format.Parse((folder / "config.pbtxt").read_text(), schema.ModelConfig())  # type: ignore[attr-defined]


def test_an_image_bundle_becomes_a_model_that_triton_can_read(tmp_path: Path, schema: ModuleType) -> None:
    bundle = image_bundle(tmp_path / "bundle", labels=("cat", "big\ndog"))
    folder = triton.export(bundle, tmp_path / "repository")
    assert folder == tmp_path / "repository" / "digits"
    found = parsed(schema, folder)
    assert (found.name, found.backend, found.max_batch_size) == ("digits", "onnxruntime", 32)
    (image,) = found.input
    assert (image.name, image.data_type, list(image.dims)) == ("image", schema.TYPE_UINT8, [1, 8, 8])
    (logits,) = found.output
    assert (logits.name, logits.data_type, list(logits.dims)) == ("logits", schema.TYPE_FP32, [2])
    assert found.HasField("dynamic_batching")
    assert found.dynamic_batching.max_queue_delay_microseconds == 0
    assert (folder / logits.label_filename).read_text() == "cat\nbig dog\n"
    assert (folder / "1" / "model.onnx").read_bytes() == (bundle / "model.onnx").read_bytes()
    assert [path.name for path in (tmp_path / "repository").iterdir()] == ["digits"]


def test_a_text_bundle_has_a_length_that_varies_and_brings_its_tokenizer(tmp_path: Path, schema: ModuleType) -> None:
    folder = triton.export(text_bundle(tmp_path / "bundle"), tmp_path / "repository", max_batch=8)
    found = parsed(schema, folder)
    assert found.max_batch_size == 8
    assert [(tensor.name, list(tensor.dims)) for tensor in found.input] == [
        ("input_ids", [-1]),
        ("attention_mask", [-1]),
    ]
    assert {tensor.data_type for tensor in found.input} == {schema.TYPE_INT64}
    assert (folder / "tokenizer.json").is_file()


def test_a_second_model_stands_beside_the_first(tmp_path: Path) -> None:
    triton.export(text_bundle(tmp_path / "text"), tmp_path / "repository")
    triton.export(image_bundle(tmp_path / "image"), tmp_path / "repository")
    assert {path.name for path in (tmp_path / "repository").iterdir()} == {"digits", "reviews"}


def test_a_model_that_is_there_already_is_left_alone(tmp_path: Path) -> None:
    bundle = image_bundle(tmp_path / "bundle")
    folder = triton.export(bundle, tmp_path / "repository")
    (folder / "mine.txt").write_text("kept")
    with pytest.raises(DataError, match="exists already"):
        triton.export(bundle, tmp_path / "repository")
    assert (folder / "mine.txt").read_text() == "kept"


def test_a_variant_that_the_bundle_lacks_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'int8'; it has fp32"):
        triton.export(image_bundle(tmp_path / "bundle"), tmp_path / "repository", "int8")
    assert not (tmp_path / "repository").exists()


def test_a_damaged_bundle_is_refused(tmp_path: Path) -> None:
    bundle = image_bundle(tmp_path / "bundle")
    (bundle / "model.onnx").write_bytes(b"something else")
    with pytest.raises(DataError, match="sha256"):
        triton.export(bundle, tmp_path / "repository")


@pytest.mark.parametrize("recipe", ["../digits", "/tmp/digits", "", "Digits"])
def test_a_name_that_is_no_models_reaches_no_path(recipe: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no name of a model"):
        triton.export(image_bundle(tmp_path / "bundle", recipe=recipe), tmp_path / "repository")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
