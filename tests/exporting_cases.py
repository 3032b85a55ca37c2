"""Small models with their tasks, their facts and what export makes of them."""

import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from chainrule.exporting import graph, variants
from chainrule.nets import cnn, encoder
from chainrule.tasks.image_classification import model as image_task
from chainrule.tasks.text_classification import model as text_task
from chainrule.training.inputs.image import Inputs as Images
from chainrule.training.inputs.text import Inputs as Texts

IMAGES: dict[str, Any] = {"channels": 3, "height": 8, "width": 8, "mean": [0.4] * 3, "std": [0.2] * 3}
TEXTS: dict[str, Any] = {"vocabulary": 60, "pad_id": 0, "unknown_id": 1, "max_length": 24}
CLASSES = 3
TARGET = {"classes": ["a", "b", "c"]}


def image_model() -> torch.nn.Module:
    torch.manual_seed(0)
    model: torch.nn.Module = image_task.build(cnn.build(3, width=8, depth=2, dropout=0.0), IMAGES, TARGET)
    return model.eval()


def text_model() -> torch.nn.Module:
    torch.manual_seed(0)
    net = encoder.build(60, 0, arch="bert", layers=1, width=32, heads=2, feed_forward=64, max_length=24, dropout=0.0)
    return text_task.build(net, TEXTS, TARGET).eval()


def _exported(task: Any, model: Any, facts: dict[str, Any]) -> onnx.ModelProto:
    example = task.example(facts, 2, torch.Generator().manual_seed(0))
    return graph.to_onnx(model, example, task.dynamic_shapes(facts))


@cache
def image_graph() -> onnx.ModelProto:
    """What export makes of `image_model`; one for all tests, none of which changes it."""
    return _exported(image_task, image_model(), IMAGES)


@cache
def text_graph() -> onnx.ModelProto:
    """What export makes of `text_model`; one for all tests, none of which changes it."""
    return _exported(text_task, text_model(), TEXTS)


def image_rows(count: int = 40) -> Images:
    pixels = torch.randint(0, 256, (count, 8, 8, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return Images(pixels, torch.arange(count) % CLASSES, IMAGES)


def text_rows(count: int = 40) -> Texts:
    random = np.random.default_rng(1)
    texts = [random.integers(2, 60, random.integers(3, 20)).tolist() for _ in range(count)]
    return Texts(texts, torch.arange(count) % CLASSES, TEXTS)


def image_feeds(batches: int = 3) -> list[dict[str, np.ndarray]]:
    random = np.random.default_rng(2)
    return [{"image": random.integers(0, 256, (8, 3, 8, 8), dtype=np.uint8)} for _ in range(batches)]


def text_feeds(batches: int = 3) -> list[dict[str, np.ndarray]]:
    rows = text_rows(8 * batches)
    taken = [rows.take(index, None) for index in rows.order(8, None)]
    return [{name: batch[name].numpy() for name in ("input_ids", "attention_mask")} for batch in taken]


def dynamically_quantised(model: onnx.ModelProto) -> bytes:
    """Return int8 as bundles once had it: every activation is scaled by the largest of the whole batch."""
    from onnxruntime.quantization import quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "model.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, source)
        quantize_dynamic(source, target)
        return target.read_bytes()


def digests() -> str:
    """The sha256 of every smaller variant of both graphs, a line each; `python -m exporting_cases` prints it."""
    image, text = image_graph(), text_graph()
    small = [
        variants.int8(image, image_feeds()),
        variants.int8(text, text_feeds()),
        variants.fp16(image),
        variants.fp16(text),
    ]
    return "".join(f"{sha256(content).hexdigest()}\n" for content in small)


if __name__ == "__main__":
    print(digests(), end="")
