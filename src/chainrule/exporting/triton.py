"""A bundle as a model repository of Triton, which KServe's Triton runtime takes as well.

    <target>/<recipe>/config.pbtxt   inputs, outputs, dynamic batching
    <target>/<recipe>/1/model.onnx   the graph, or the variant that was asked for
    <target>/<recipe>/labels.txt     where the answer is a label: one per line, in the order of the logits
    <target>/<recipe>/…              signature.json, MODEL_CARD.md and tokenizer.json: what a client does around it

`chainrule export-triton models/onnx/digits repository`, then `tritonserver --model-repository=repository`.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
from pathlib import Path

from chainrule.serving.bundle import Bundle, graph_bytes, read
from chainrule.serving.signature import Tensor
from chainrule.system.errors import DataError

LABELS = "labels.txt"
MAX_BATCH = 32
_PARTIAL = ".partial"
_RECIPE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def export(bundle_folder: Path, target: Path, variant: str = "fp32", max_batch: int = MAX_BATCH) -> Path:
    """Write a checked bundle into the model repository `target` and return the model's folder in it.

    Raises DataError if the bundle is not to be trusted, has no such variant, or the repository has the model already.
    """
    bundle = read(bundle_folder, bundle_folder.name, "1")
    recipe = str(bundle.signature.get("recipe", ""))
    if not _RECIPE.fullmatch(recipe):  # it becomes the name of a folder
        raise DataError(f"{bundle_folder / 'signature.json'}: recipe {recipe!r} is no name of a model; export it again")
    if bundle.decoding is not None:
        raise DataError(
            f"{bundle_folder}: {recipe} writes token by token, and a model repository of one graph would not; "
            "`chainrule serve` answers at Triton's own routes, /v2/models/NAME/generate and generate_stream"
        )
    if variant in bundle.left_out:
        raise DataError(f"{bundle_folder}: {variant} is not to be served: {bundle.left_out[variant]}")
    if variant not in bundle.variants:
        raise DataError(f"{bundle_folder}: has no variant {variant!r}; it has {', '.join(sorted(bundle.variants))}")
    final = target / recipe
    if final.exists():
        raise DataError(f"{final}: exists already; remove it or name another repository")
    partial = target / _PARTIAL / recipe
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "1").mkdir(parents=True)
    (partial / "1" / "model.onnx").write_bytes(graph_bytes(bundle, variant))
    (partial / "config.pbtxt").write_text(config(recipe, bundle, max_batch), encoding="utf-8")
    if labels := classes(bundle):
        (partial / LABELS).write_text("".join(f"{' '.join(label.split())}\n" for label in labels), encoding="utf-8")
    for name in ("signature.json", "MODEL_CARD.md", "model_card.json", "tokenizer.json"):
        if name in bundle.sums:
            shutil.copyfile(bundle_folder / name, partial / name)
    os.replace(partial, final)
    with contextlib.suppress(OSError):  # another model may be on its way
        partial.parent.rmdir()
    return final


def classes(bundle: Bundle) -> list[str]:
    """Return the names of a model's logits, in their order; none where its answer is no name."""
    found: list[str] = bundle.signature["target"].get("classes", [])
    return found


def config(recipe: str, bundle: Bundle, max_batch: int) -> str:
    """Return config.pbtxt (protobuf text format of Triton's ModelConfig) for a bundle."""
    labels = LABELS if classes(bundle) else None
    tensors = [
        *(_tensor("input", tensor, None) for tensor in bundle.inputs),
        *(_tensor("output", tensor, labels if tensor.name == "logits" else None) for tensor in bundle.outputs),
    ]
    # No delay: a free instance takes what is queued at once.
    return "\n".join(
        [
            f"name: {_quoted(recipe)}",
            'backend: "onnxruntime"',
            f"max_batch_size: {max_batch}",
            *tensors,
            "dynamic_batching { max_queue_delay_microseconds: 0 }",
            "instance_group [ { kind: KIND_AUTO count: 1 } ]",
            "",
        ]
    )


def _tensor(field: str, tensor: Tensor, labels: str | None) -> str:
    """Return one input or output; the batch axis is Triton's own and stays out of dims."""
    kind = "STRING" if tensor.datatype == "BYTES" else tensor.datatype
    dims = ", ".join("-1" if size is None else str(size) for size in tensor.shape[1:])
    lines = [f"name: {_quoted(tensor.name)}", f"data_type: TYPE_{kind}", f"dims: [ {dims} ]"]
    if labels is not None:
        lines.append(f"label_filename: {_quoted(labels)}")
    return f"{field} [ {{ {'  '.join(lines)} }} ]"


def _quoted(text: str) -> str:
    """Return a string literal of protobuf's text format."""
    return json.dumps(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `chainrule export-triton`."""
    parser.add_argument("bundle", type=Path, help="folder of the bundle, such as models/onnx/digits")
    parser.add_argument("target", type=Path, help="the model repository to write into; made if need be")
    parser.add_argument("--variant", default="fp32", help="fp32 (default), int8 or fp16, if the bundle has it")
    parser.add_argument("--max-batch", type=int, default=MAX_BATCH, help="most items that Triton runs together")


def run(arguments: argparse.Namespace) -> int:
    """Write the repository and say where."""
    print(export(arguments.bundle, arguments.target, arguments.variant, arguments.max_batch))
    return 0
