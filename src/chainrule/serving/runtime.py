"""ONNX Runtime sessions: the device that was asked for or an error, nothing read but the bytes that were checked."""

import ctypes
import functools
import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.exporting.bundle import DECODER, MODEL
from chainrule.serving import bundle as bundles
from chainrule.serving import tiles
from chainrule.serving.bundle import Bundle
from chainrule.serving.limits import Limits
from chainrule.serving.signature import Tensor
from chainrule.system.errors import DataError

Arrays = dict[str, np.ndarray]

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
DEVICES = ("auto", *PROVIDERS)
PREFERRED = {"cpu": "int8", "cuda": "fp16", "tensorrt": "fp16"}
NUMPY: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_), "BYTES": np.dtype(np.object_),
    "FP16": np.dtype(np.float16), "FP32": np.dtype(np.float32), "FP64": np.dtype(np.float64),
    **{f"{sign}INT{bits}": np.dtype(f"{sign.lower()}int{bits}") for sign in ("", "U") for bits in (8, 16, 32, 64)},
}  # fmt: skip
_ORT_TYPES = {
    "BOOL": "bool", "BYTES": "string", "BF16": "bfloat16", "FP16": "float16", "FP32": "float", "FP64": "double",
}  # fmt: skip
UNKNOWN_LENGTH = 16
"""The size of a varying axis that is tried where the signature says no longest."""
_QUIET = 4  # only what ends the process; what a request did wrong goes to the one who asked


@dataclass(frozen=True)
class Session:
    """A graph ready to run, from any number of threads at once; they share its weights."""

    runtime: Any
    """onnxruntime.InferenceSession"""
    variant: str
    device: str
    """cpu, cuda or tensorrt."""
    provider: str
    """ONNX Runtime's name of what computes."""
    outputs: tuple[str, ...]
    tiled: Mapping[str, Any]
    """The bundle's signature, which says whether large images are run in tiles."""
    decoder: Any = None
    """onnxruntime.InferenceSession of the second graph, where there is one."""

    @property
    def graphs(self) -> dict[str, Any]:
        """The session of each graph, by its name."""
        return {"model": self.runtime} | ({} if self.decoder is None else {"decoder": self.decoder})

    def run(self, inputs: Arrays) -> Arrays:
        """Return every output by name. Raises what ONNX Runtime raises."""
        return tiles.around(self._whole, self.tiled)(inputs)

    def _whole(self, inputs: Arrays) -> Arrays:
        return dict(zip(self.outputs, self.runtime.run(self.outputs, inputs), strict=True))


@functools.cache
def gpu() -> bool:
    """Whether the NVIDIA driver is here and knows a device; asked once per process."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return False
    count = ctypes.c_int()
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def device_for(asked: str) -> str:
    """Return cpu, cuda or tensorrt for what was asked; auto is cuda where there is a GPU.

    Raises DataError if the device that was asked for is not here.
    """
    if asked == "auto":
        return "cuda" if gpu() else "cpu"
    if asked not in PROVIDERS:
        raise DataError(f"--device {asked}: no such device; it is one of {', '.join(DEVICES)}")
    if asked != "cpu" and not gpu():
        raise DataError(f"--device {asked}: no NVIDIA driver or device here; take --device cpu, or install the driver")
    return asked


def variant_for(bundle: Bundle, asked: str | None, device: str) -> str:
    """Return the variant to serve: the one asked for, else int8 on a CPU and fp16 on a GPU if they ship, else fp32."""
    if asked is None:
        preferred = PREFERRED[device]
        return preferred if preferred in bundle.variants else "fp32"
    if asked in bundle.left_out:
        raise DataError(f"{bundle.folder}: {asked} is not served: {bundle.left_out[asked]}")
    if asked not in bundle.variants:
        shipped = ", ".join(sorted(bundle.variants))
        raise DataError(f"{bundle.folder}: has no variant {asked}; it has {shipped}")
    return asked


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def full_run(bundle: Bundle, limits: Limits) -> tuple[int, dict[str, int]]:
    """Return the most items of one run and the size of each varying axis, when each is as large as it may be."""
    sizes = {axis: bundles.longest(bundle, axis) or UNKNOWN_LENGTH for axis in varying(bundle)}
    return max(1, min(limits.max_batch, limits.max_cells // prod(sizes.values()))), sizes


def varying(bundle: Bundle) -> set[str]:
    """Return the axes of the graph's inputs whose size varies, the batch aside."""
    return {axis for tensor in bundle.inputs for axis in tensor.axes[1:] if axis}


def shape(tensor: Tensor, items: int, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Return the shape of an input of so many items, its varying axes as long as `sizes` says."""
    own = zip(tensor.shape[1:], tensor.axes[1:], strict=True)
    return items, *(sizes[axis] if size is None else size for size, axis in own)


def open_session(bundle: Bundle, variant: str | None, device: str, threads: int, limits: Limits) -> Session:
    """Open a session on a variant of a bundle.

    variant: None for the one that suits the device; device: auto, cpu, cuda or tensorrt; threads: that one run takes;
    limits: how large a run may be, which TensorRT has to know before the first.
    Raises DataError if ONNX Runtime cannot load the graph, the graph is not what the signature says, or the device is
    not the one that was asked for.
    """
    import onnxruntime

    device = device_for(device)
    if device == "tensorrt" and bundle.decoding:  # a cache grows with every token: an engine would be built for each
        device = "cuda"
    variant = variant_for(bundle, variant, device)
    onnxruntime.set_default_logger_severity(_QUIET)
    if device != "cpu":
        onnxruntime.preload_dlls()
    _share_memory()
    opened = {}
    for graph, (inputs, outputs) in bundle.graphs.items():
        runtime = _opened(onnxruntime, bundle, variant, graph, device, threads, limits)
        _check(runtime.get_inputs(), inputs, bundle)
        _check(runtime.get_outputs(), outputs, bundle)
        opened[graph] = runtime
    names = tuple(tensor.name for tensor in bundle.graphs[MODEL][1])
    found, provider = opened[MODEL], PROVIDERS[device]
    return Session(found, variant, device, provider, names, bundle.signature, opened.get(DECODER))


def _opened(
    onnxruntime: Any, bundle: Bundle, variant: str, graph: str, device: str, threads: int, limits: Limits
) -> Any:
    """Return ONNX Runtime's session of one graph, on the device that was asked for."""
    path = bundle.folder / bundles.GRAPH_FILES[graph, variant]
    providers = _providers(device, bundle, variant, limits)
    data = bundles.graph_bytes(bundle, variant, graph)
    try:
        # Without its fallback: a GPU that fails in the middle of a run would make it go on, on the CPU, in silence.
        runtime = onnxruntime.InferenceSession(
            data, _options(onnxruntime, threads), providers=providers, enable_fallback=0
        )
    except Exception as error:  # ONNX Runtime has no common class of its own
        raise DataError(f"{path}: ONNX Runtime {onnxruntime.__version__} cannot load it: {_reason(error)}") from None
    provider = runtime.get_providers()[0]
    if provider != PROVIDERS[device]:
        raise DataError(
            f"{path}: {device} was asked for, but ONNX Runtime gives {provider}; install the libraries of "
            f"{PROVIDERS[device]} or take --device cpu"
        )
    return runtime


@functools.cache
def _share_memory() -> None:
    """Let all sessions of the process take memory from one pool: it is as large as all runs at once ever were.

    With a pool per session two small models took a sixth more, and what a version had is of use to the next.
    """
    import onnxruntime

    cpu = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    onnxruntime.create_and_register_allocator(cpu, onnxruntime.OrtArenaCfg({"arena_extend_strategy": 0}))


def _options(onnxruntime: Any, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A plan of memory is kept for every shape ever seen: with batches of any size that only grows.
    options.enable_mem_pattern = False
    options.log_severity_level = _QUIET
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # By its bytes a file could be ONNX Runtime's own format, which was not checked.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


def _providers(device: str, bundle: Bundle, variant: str, limits: Limits) -> list[Any]:
    if device == "cpu":
        return [PROVIDERS["cpu"]]
    # The default tries every algorithm of a convolution at each new shape, and batches have many shapes.
    cuda = (PROVIDERS["cuda"], {"cudnn_conv_algo_search": "HEURISTIC"})
    if device == "cuda":
        return [cuda]
    return [(PROVIDERS["tensorrt"], tensorrt_options(bundle, variant, limits)), cuda]


def tensorrt_options(bundle: Bundle, variant: str, limits: Limits) -> dict[str, str]:
    """Return the options of TensorRT: one engine for every size that a run may have, kept for the next start.

    Without them it would build an engine, for seconds or minutes, at each new size of a batch.
    """
    longest = {axis: bundles.longest(bundle, axis) or limits.max_cells for axis in varying(bundle)}
    options = {
        "trt_profile_min_shapes": _shapes(bundle, 1, dict.fromkeys(longest, 1)),
        "trt_profile_opt_shapes": _shapes(bundle, *full_run(bundle, limits)),
        "trt_profile_max_shapes": _shapes(bundle, limits.max_batch, longest),
        "trt_fp16_enable": "1" if variant == "fp16" else "0",
    }
    # An engine is code: it lies with this user's own files, apart for every graph and every profile.
    digest = bundle.sums[bundle.variants[variant].name]
    kept = hashlib.sha256(" ".join((digest, *options.values())).encode()).hexdigest()[:32]
    folder = cache_folder() / "tensorrt" / kept
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: cannot be made ({error.strerror}); XDG_CACHE_HOME names another place") from None
    return {**options, "trt_engine_cache_enable": "1", "trt_engine_cache_path": str(folder)}


def cache_folder() -> Path:
    """Return where this user's programs keep what they can make again."""
    if sys.platform == "win32":
        above = os.environ.get("LOCALAPPDATA")
    else:
        above = os.environ.get("XDG_CACHE_HOME")
    return (Path(above) if above else Path.home() / ".cache") / "chainrule"


def _shapes(bundle: Bundle, items: int, sizes: Mapping[str, int]) -> str:
    """Return the inputs' shapes as TensorRT's options have them: image:32x1x8x8,other:32x7."""
    shapes = {tensor.name: shape(tensor, items, sizes) for tensor in bundle.inputs}
    return ",".join(f"{name}:{'x'.join(map(str, own))}" for name, own in shapes.items())


def _check(found: Any, declared: tuple[Tensor, ...], bundle: Bundle) -> None:
    """Refuse a graph whose inputs or outputs are not those of the signature."""
    actual = {
        value.name: (value.type, [size if isinstance(size, int) else None for size in value.shape]) for value in found
    }
    expected = {
        tensor.name: (f"tensor({_ORT_TYPES.get(tensor.datatype, tensor.datatype.lower())})", list(tensor.shape))
        for tensor in declared
    }
    if actual != expected:
        raise DataError(
            f"{bundle.folder}: the graph has {actual}, but signature.json says {expected}; export the bundle again"
        )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
