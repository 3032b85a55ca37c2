import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny_bundles
from chainrule.serving import bundle, runtime
from chainrule.serving.limits import Limits
from chainrule.system.errors import DataError
from tiny_bundles import with_graph


def opened(folder: Path, **options: Any) -> runtime.Session:
    asked = {"variant": None, "device": "cpu", "threads": 1, "limits": Limits()} | options
    return runtime.open_session(bundle.read(folder, "digits", "1"), **asked)


def images(items: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (items, 1, 8, 8), dtype=np.uint8)


def test_a_session_answers_as_the_weights_say(tmp_path: Path) -> None:
    session = opened(tiny_bundles.image_bundle(tmp_path / "image", shift=3.0))
    assert (session.variant, session.device, session.provider) == ("fp32", "cpu", "CPUExecutionProvider")
    found = session.run({"image": images(5)})
    expected = images(5).reshape(5, 64).astype(np.float32) / 255 @ tiny_bundles.image_weights() + 3
    np.testing.assert_allclose(found["logits"], expected, atol=1e-5)


def test_threads_share_one_session(tmp_path: Path) -> None:
    session = opened(tiny_bundles.image_bundle(tmp_path / "image"))
    expected = [session.run({"image": images(3, seed)})["logits"] for seed in range(4)]
    wrong: list[int] = []

    def run(seed: int) -> None:
        found = [session.run({"image": images(3, seed)})["logits"] for _ in range(200)]
        wrong.extend(seed for logits in found if not np.array_equal(logits, expected[seed]))

    threads = [threading.Thread(target=run, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(runtime.gpu(), reason="there is a GPU")
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_device_that_is_not_here_is_an_error(device: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"--device {device}: no NVIDIA driver"):
        opened(tiny_bundles.image_bundle(tmp_path / "image"), device=device)


def test_auto_takes_what_is_here() -> None:
    assert runtime.device_for("auto") == ("cuda" if runtime.gpu() else "cpu")
    with pytest.raises(DataError, match="no such device"):
        runtime.device_for("tpu")


def test_a_provider_that_does_not_come_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As ONNX Runtime does without CUDA's libraries: it falls back without a word.
    monkeypatch.setattr(runtime, "gpu", lambda: True)
    monkeypatch.setattr(runtime, "_providers", lambda *_: ["CPUExecutionProvider"])
    monkeypatch.setattr("onnxruntime.preload_dlls", lambda: None)
    with pytest.raises(DataError, match="cuda was asked for, but ONNX Runtime gives CPUExecutionProvider"):
        opened(tiny_bundles.image_bundle(tmp_path / "image"), device="cuda")


def test_a_device_that_fails_in_a_run_is_an_error_and_not_the_cpu(tmp_path: Path) -> None:
    from onnxruntime.capi.onnxruntime_pybind11_state import EPFail

    session = opened(tiny_bundles.image_bundle(tmp_path / "image"))

    real = session.runtime._sess

    class Failing:
        def run(self, *_: object) -> None:
            raise EPFail("the GPU fell off the bus")

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    session.runtime._sess = Failing()
    with pytest.raises(EPFail):
        session.run({"image": images(1)})


def test_the_variant_that_suits_the_device_is_taken(tmp_path: Path) -> None:
    read = bundle.read(tiny_bundles.image_bundle(tmp_path / "image"), "digits", "1")
    assert runtime.variant_for(read, None, "cpu") == "fp32"
    read.variants.update(int8=Path("i"), fp16=Path("f"))
    assert [runtime.variant_for(read, None, device) for device in ("cpu", "cuda")] == ["int8", "fp16"]
    assert runtime.variant_for(read, "fp32", "cpu") == "fp32"
    del read.variants["int8"]
    with pytest.raises(DataError, match="has no variant int8; it has fp16, fp32"):
        runtime.variant_for(read, "int8", "cpu")


def test_an_opset_from_the_future_is_refused_with_the_reason(tmp_path: Path) -> None:
    folder = tiny_bundles.image_bundle(tmp_path / "image")
    with pytest.raises(DataError, match=r"model\.onnx: ONNX Runtime .* cannot load it: .*opset"):
        opened(with_graph(folder, tiny_bundles.image_graph(opset=999)))


@pytest.mark.parametrize("content", [b"", b"ORTM", b"\x08\x00\x00\x00ORTM" + bytes(100)])
def test_what_is_no_graph_is_refused(content: bytes, tmp_path: Path) -> None:
    folder = tiny_bundles.image_bundle(tmp_path / "image")
    with pytest.raises(DataError, match=r"model\.onnx: "):
        opened(with_graph(folder, content))


def test_a_graph_that_is_not_what_the_signature_says_is_refused(tmp_path: Path) -> None:
    folder = tiny_bundles.image_bundle(tmp_path / "image")
    with pytest.raises(DataError, match=r"the graph has .*input_ids.* but signature.json says .*image"):
        opened(with_graph(folder, tiny_bundles.text_graph()))
    with pytest.raises(DataError, match="export the bundle again"):
        opened(with_graph(folder, tiny_bundles.image_graph(labels=7)))


def test_tensorrt_knows_every_shape_before_the_first_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tiny_bundles.text_bundle(tmp_path / "text")
    text = bundle.read(folder, "reviews", "1")
    options = runtime.tensorrt_options(text, "fp32", Limits(max_batch=16, max_cells=128))
    place = options.pop("trt_engine_cache_path")
    assert options == {
        "trt_profile_min_shapes": "input_ids:1x1,attention_mask:1x1",
        "trt_profile_opt_shapes": "input_ids:4x32,attention_mask:4x32",
        "trt_profile_max_shapes": "input_ids:16x32,attention_mask:16x32",
        "trt_fp16_enable": "0",
        "trt_engine_cache_enable": "1",
    }
    assert Path(place).parent == tmp_path / "cache" / "chainrule" / "tensorrt"
    assert Path(place).stat().st_mode & 0o077 == 0  # what lies there is run
    bundle.read(folder, "reviews", "1")  # and nothing was put into the bundle
    assert runtime.tensorrt_options(text, "fp32", Limits(max_batch=8))["trt_engine_cache_path"] != place


def test_tensorrt_rounds_to_fp16_only_what_was_measured_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    image = bundle.read(tiny_bundles.image_bundle(tmp_path / "image"), "digits", "1")
    image.variants["fp16"] = image.folder / "model.fp16.onnx"
    image.sums["model.fp16.onnx"] = "0" * 64
    found = {variant: runtime.tensorrt_options(image, variant, Limits()) for variant in ("fp32", "fp16")}
    assert [options["trt_fp16_enable"] for options in found.values()] == ["0", "1"]
    assert found["fp32"]["trt_profile_max_shapes"] == "image:32x1x8x8"
    assert len({options["trt_engine_cache_path"] for options in found.values()}) == 2
    providers = runtime._providers("tensorrt", image, "fp16", Limits())
    assert [name for name, _ in providers] == ["TensorrtExecutionProvider", "CUDAExecutionProvider"]


def test_a_cache_that_cannot_be_made_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    image = bundle.read(tiny_bundles.image_bundle(tmp_path / "image"), "digits", "1")
    with pytest.raises(DataError, match=r"cannot be made .*; XDG_CACHE_HOME names another place"):
        runtime.tensorrt_options(image, "fp32", Limits())


# ---- on a GPU


def on_gpu(device: str, folder: Path, inputs: dict[str, np.ndarray]) -> None:
    """A device answers as the CPU does, rounding apart."""
    expected = opened(folder)
    try:
        session = opened(folder, device=device)
    except DataError as error:
        if device == "tensorrt" and "gives" in str(error):
            pytest.skip(f"TensorRT's libraries are not here: {error}")
        raise
    assert (session.device, session.provider) == (device, runtime.PROVIDERS[device])
    for items in (1, 3, 32):
        batch = {name: np.repeat(array, items, axis=0) for name, array in inputs.items()}
        np.testing.assert_allclose(session.run(batch)["logits"], expected.run(batch)["logits"], atol=1e-2)


@pytest.mark.gpu
@pytest.mark.skipif(not runtime.gpu(), reason="there is no GPU")
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_gpu_answers_as_the_cpu_does(device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ids = np.random.default_rng(0).integers(0, len(tiny_bundles.WORDS), (1, 7))
    on_gpu(device, tiny_bundles.image_bundle(tmp_path / "image"), {"image": images(1)})
    on_gpu(device, tiny_bundles.text_bundle(tmp_path / "text"), {"input_ids": ids, "attention_mask": np.ones_like(ids)})


@pytest.mark.gpu
@pytest.mark.skipif(not runtime.gpu(), reason="there is no GPU")
def test_auto_is_the_gpu_where_there_is_one(tmp_path: Path) -> None:
    session = opened(tiny_bundles.image_bundle(tmp_path / "image"), device="auto")
    assert (session.device, session.provider) == ("cuda", "CUDAExecutionProvider")
