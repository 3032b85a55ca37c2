"""What is said of a model: on the page, in the protocol's metadata, and as Triton's configuration of it."""

from typing import Any

from chainrule.serving import explaining, plain, protocol
from chainrule.serving.limits import Limits
from chainrule.serving.models import Model
from chainrule.serving.signature import Tensor
from chainrule.tasks.catalogue import TASKS

PLATFORM = "onnxruntime_onnx"


def described(model: Model) -> dict[str, Any]:
    """Return all that the page shows of a model; null for what an older bundle does not say."""
    signature = model.bundle.signature
    keys = ("task", "fields", "target", "primary", "scores", "quality")
    variants = signature.get("variants")
    return {
        "name": model.name,
        "version": model.version,
        "variant": model.variant,
        "provider": model.provider,
        "device": model.device,
        "versions": model.versions,
        **{key: signature.get(key) for key in keys},
        "preprocessing": plain.shown(model.bundle),
        "explained": explaining.able(model.bundle),
        "view": view(signature["task"]) if signature.get("task") in TASKS else None,
        "variants": variants and {name: about for name, about in variants.items() if name in model.bundle.variants},
    }


def view(task: str) -> str:
    """Return where the page finds what shows a task's answer, relative to itself."""
    return f"tasks/{task}/view.js"


def metadata(model: Model) -> dict[str, Any]:
    """Return a model's metadata as the protocol has it; what it has no field for is among the properties."""
    quality = model.bundle.signature.get("quality")
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": PLATFORM,
        "inputs": [protocol.metadata(tensor) for tensor in model.bundle.inputs],
        "outputs": [protocol.metadata(tensor) for tensor in model.bundle.outputs],
        "properties": {
            "variant": model.variant,
            "provider": model.provider,
            "device": model.device,
            "digest": model.bundle.digest,
            **({} if quality is None else {"quality": quality}),
        },
    }


def configuration(model: Model, limits: Limits) -> dict[str, Any]:
    """Return Triton's ModelConfig of a model, as far as it holds here; no client can change it."""
    return {
        "name": model.name,
        "platform": PLATFORM,
        "backend": "onnxruntime",
        "version_policy": {"specific": {"versions": [int(model.version)]}} if model.version.isdigit() else {},
        "max_batch_size": min(limits.batch, limits.queue),
        "input": [_tensor(tensor) for tensor in model.bundle.inputs],
        "output": [_tensor(tensor) for tensor in model.bundle.outputs],
        "instance_group": [{"name": model.name, "kind": "KIND_CPU" if model.device == "cpu" else "KIND_GPU"}],
        "dynamic_batching": {"max_queue_delay_microseconds": 0},
        "default_model_filename": model.bundle.variants[model.variant].name,
    }


def _tensor(tensor: Tensor) -> dict[str, Any]:
    """Return one input or output; the batch axis is Triton's own and stays out of dims."""
    kind = "STRING" if tensor.datatype == "BYTES" else tensor.datatype
    dims = [-1 if size is None else size for size in tensor.shape[1:]]
    return {"name": tensor.name, "data_type": f"TYPE_{kind}", "dims": dims}
