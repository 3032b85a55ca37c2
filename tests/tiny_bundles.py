"""Bundles small enough to make in milliseconds, as export writes them: for images, for texts and for pairs of texts.

Both graphs are linear, so what they answer can be said in NumPy; `shift` is added to every logit, which tells versions
apart.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from chainrule.exporting import bundle, signature
from chainrule.recipes.defaults import table as table_defaults
from chainrule.tasks.detection import fields as detection
from chainrule.tasks.table_classification import fields as table_fields
from chainrule.tasks.text_pair_classification import fields as text_pairs

DIGITS = tuple("0123456789")
FEELINGS = ("negative", "positive")
WORDS = ("[PAD]", "[UNK]", "a", "bad", "film", "fine", "good", "great", "plot", "poor", "the")
MAX_LENGTH = 32
NORMALISE = {"lowercase": True, "strip_html": True, "min_characters": 1, "max_characters": 2000}
OPSET = 20
ACCURACY = {"title": "Accuracy", "more_is_better": True, "value": 0.9, "low": 0.85, "high": 0.95}


def image_weights(labels: int = 10, seed: int = 0) -> np.ndarray:
    """Weights float32 [64, labels] of the image graph: logits = pixels / 255 @ weights + shift."""
    return np.random.default_rng(seed).normal(size=(64, labels)).astype(np.float32)


def text_weights(seed: int = 0) -> np.ndarray:
    """Embeddings float32 [words, 2] of the text graph: logits = mean over real tokens of the words' rows + shift."""
    return np.random.default_rng(seed).normal(size=(len(WORDS), len(FEELINGS))).astype(np.float32)


def image_graph(labels: int = 10, shift: float = 0.0, seed: int = 0, opset: int = OPSET) -> onnx.ModelProto:
    """image uint8 [batch, 1, 8, 8] to logits [batch, labels]."""
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["pixels"], ["flat"], axis=1),
        helper.make_node("Div", ["flat", "full"], ["scaled"]),
        helper.make_node("MatMul", ["scaled", "weights"], ["product"]),
        helper.make_node("Add", ["product", "shift"], ["logits"]),
    ]
    constants = {
        "full": np.array(255.0, np.float32),
        "weights": image_weights(labels, seed),
        "shift": np.array(shift, np.float32),
    }
    return _model(
        nodes,
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", labels])],
        constants,
        opset,
    )


def text_graph(shift: float = 0.0, seed: int = 0) -> onnx.ModelProto:
    """input_ids and attention_mask, int64 [batch, sequence], to logits [batch, 2]."""
    nodes = [
        helper.make_node("Gather", ["embeddings", "input_ids"], ["states"]),
        helper.make_node("Cast", ["attention_mask"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["real", "last"], ["weights"]),
        helper.make_node("Mul", ["states", "weights"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "second"], ["total"], keepdims=0),
        helper.make_node("ReduceSum", ["real", "second"], ["tokens"], keepdims=1),
        helper.make_node("Max", ["tokens", "one"], ["divisor"]),
        helper.make_node("Div", ["total", "divisor"], ["mean"]),
        helper.make_node("Add", ["mean", "shift"], ["logits"]),
    ]
    constants = {
        "embeddings": text_weights(seed),
        "last": np.array([2]),
        "second": np.array([1]),
        "one": np.array(1.0, np.float32),
        "shift": np.array(shift, np.float32),
    }
    return _model(
        nodes,
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
            for name in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(FEELINGS)])],
        constants,
        OPSET,
    )


def image_bundle(
    folder: Path, *, shift: float = 0.0, seed: int = 0, labels: tuple[str, ...] = DIGITS, **changes: Any
) -> Path:
    """Write the image bundle into `folder`, which must not exist; keywords replace keys of its signature."""
    graph = image_graph(len(labels), shift, seed)
    content = {
        **_signature("digits", "image", graph, labels),
        "preprocessing": {"image": {"mode": "L", "height": 8, "width": 8, "max_pixels": 1_000_000}},
        "padding": {},
        **changes,
    }
    bundle.write(folder, graph.SerializeToString(deterministic=True), content, "# digits\n\nA tiny model.\n", None)
    return folder


def text_bundle(folder: Path, *, shift: float = 0.0, seed: int = 0, **changes: Any) -> Path:
    """Write the text bundle into `folder`, which must not exist; keywords replace keys of its signature."""
    graph = text_graph(shift, seed)
    content = {
        **_signature("reviews", "text", graph, FEELINGS),
        "preprocessing": {
            "text": {
                "normalise": NORMALISE,
                "tokenizer": "tokenizer.json",
                "max_length": MAX_LENGTH,
                "pad_id": 0,
            }
        },
        "padding": {"input_ids": 0, "attention_mask": 0},
        **changes,
    }
    card = "# reviews\n\nA tiny model.\n"
    bundle.write(folder, graph.SerializeToString(deterministic=True), content, card, tokenizer())
    return folder


def table_weights(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights float32 of the table graph: of numbers [3, 2], by category [4, 2], by word [11, 2]."""
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(rows, 2)).astype(np.float32) for rows in (3, 4, 11))  # type: ignore[return-value]


NEAR = np.array([[0.02], [0.01], [1e-5]], np.float32)
"""What makes numbers of ages, fares and days as large as one another."""


def table_graph(shift: float = 0.0, seed: int = 0) -> onnx.ModelProto:
    """numbers [batch, 3] with gaps, categories [batch, 2] and words [batch, 1, 4] to logits [batch, 2]."""
    nodes = [
        helper.make_node("IsNaN", ["numbers"], ["gap"]),
        helper.make_node("Where", ["gap", "zero", "numbers"], ["filled"]),
        helper.make_node("MatMul", ["filled", "weights"], ["of_numbers"]),
        helper.make_node("Gather", ["by_category", "categories"], ["each"]),
        helper.make_node("ReduceSum", ["each", "second"], ["of_categories"], keepdims=0),
        helper.make_node("Gather", ["by_word", "words"], ["every"]),
        helper.make_node("ReduceSum", ["every", "inner"], ["of_words"], keepdims=0),
        helper.make_node("Sum", ["of_numbers", "of_categories", "of_words", "shift"], ["logits"]),
    ]
    weights, by_category, by_word = table_weights(seed)
    constants = {
        "zero": np.array(0.0, np.float32),
        "weights": weights * NEAR,
        "by_category": by_category,
        "by_word": by_word,
        "second": np.array([1]),
        "inner": np.array([1, 2]),
        "shift": np.array(shift, np.float32),
    }
    return _model(
        nodes,
        [
            helper.make_tensor_value_info("numbers", TensorProto.FLOAT, ["batch", 3]),
            helper.make_tensor_value_info("categories", TensorProto.INT64, ["batch", 2]),
            helper.make_tensor_value_info("words", TensorProto.INT64, ["batch", 1, 4]),
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
        constants,
        OPSET,
    )


COLUMNS = {"number": ["Age", "Fare"], "date": ["Sailed"], "category": ["Sex"], "boolean": ["Alone"], "text": ["Remark"]}
ROW = {"Age": 22, "Fare": 7.25, "Sex": "male", "Sailed": "1912-04-10", "Alone": False, "Remark": "a good plot"}


def table_rules(**normalise: Any) -> dict[str, Any]:
    """What is done to a row of the table bundle, as export writes it; keywords are keys of clean.normalise."""
    return {
        "normalise": {**table_defaults.DEFAULTS["clean"]["normalise"], **COLUMNS, **normalise},
        "facts": {
            "number": ["Age", "Fare"],
            "date": ["Sailed"],
            "parts": {"Sailed": ["day"]},
            "category": ["Sex", "Alone"],
            "places": {"Sex": {"male": 1, "female": 2}, "Alone": {"true": 1, "false": 2}},
            "absent": {"Sex": 3, "Alone": 0},
            "text": ["Remark"],
            "words": {"most": 4, "buckets": 10},
        },
        "shown": {"Age": [1, 28, 80], "Fare": [0, 14.5, 512], "Sailed": ["1911-01-02", "1912-04-10", "1912-04-12"]},
    }


def table_bundle(folder: Path, *, shift: float = 0.0, seed: int = 0, **normalise: Any) -> Path:
    """Write the table bundle into `folder`, which must not exist; keywords are keys of clean.normalise."""
    graph = table_graph(shift, seed)
    content = {
        **_signature("titanic", "table", graph, ("died", "survived")),
        "fields": signature.fields(table_fields.fields("table")),
        "preprocessing": {"row": table_rules(**normalise)},
        "padding": {},
    }
    bundle.write(folder, graph.SerializeToString(deterministic=True), content, "# titanic\n\nA tiny model.\n", None)
    return folder


def boxes_weights(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Places float32 [3, 4] of the boxes graph, in shares of the sides, and weights [3, 2] of their scores."""
    drawn = np.random.default_rng(seed)
    corners = np.sort(drawn.uniform(size=(3, 2, 2)), axis=1)  # left before right, top above bottom
    return corners.reshape(3, 4).astype(np.float32), drawn.uniform(0.2, 1, (3, 2)).astype(np.float32)


def boxes_graph(seed: int = 0) -> onnx.ModelProto:
    """image uint8 [batch, 1, 8, 8] to boxes [batch, 3, 4], the same of all, and scores: mean pixel / 255 · weights."""
    places, weights = boxes_weights(seed)
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels", "axes"], ["mean"], keepdims=0),  # [batch, 1]
        helper.make_node("Unsqueeze", ["mean", "last"], ["means"]),
        helper.make_node("Div", ["means", "full"], ["share"]),
        helper.make_node("Mul", ["share", "weights"], ["scores"]),
        helper.make_node("Mul", ["share", "nothing"], ["zero"]),
        helper.make_node("Add", ["zero", "places"], ["boxes"]),
    ]
    constants = {
        "axes": np.array([2, 3]),
        "last": np.array([2]),
        "full": np.array(255.0, np.float32),
        "nothing": np.array(0.0, np.float32),
        "weights": weights[None],
        "places": places[None],
    }
    outputs = {"boxes": ["batch", 3, 4], "scores": ["batch", 3, 2]}
    return _model(
        nodes,
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        constants,
        OPSET,
    )


def boxes_bundle(folder: Path, *, seed: int = 0) -> Path:
    """Write the boxes bundle, of the classes cell and dot, into `folder`, which must not exist."""
    graph = boxes_graph(seed)
    content = {
        **_signature("cells", "image", graph, ()),
        "task": "detection",
        "fields": signature.fields(detection.fields("image")),
        "preprocessing": {"image": {"mode": "L", "height": 8, "width": 8, "fit": "stretch", "max_pixels": 1_000_000}},
        "padding": {},
        "target": {"kind": "boxes", "classes": ["cell", "dot"], "threshold": 0.3, "overlap": 0.6},
        "primary": {"name": "mean_average_precision", "more_is_better": True, "unit": "share"},
        "scores": {"rows": 100, "mean_average_precision": ACCURACY},
    }
    bundle.write(folder, graph.SerializeToString(deterministic=True), content, "# cells\n\nA tiny model.\n", None)
    return folder


def pair_bundle(folder: Path, *, shift: float = 0.0, seed: int = 0) -> Path:
    """Write the text bundle as one of pairs of texts, whose words are read one after the other."""
    fields = signature.fields(text_pairs.fields("text"))
    rules = {"normalise": NORMALISE, "tokenizer": "tokenizer.json", "max_length": MAX_LENGTH, "pad_id": 0}
    about = {"recipe": "pairs", "task": "text_pair_classification", "fields": fields}
    return text_bundle(folder, shift=shift, seed=seed, preprocessing={"first": rules, "second": rules}, **about)


def tokenizer() -> str:
    """Content of a tokenizer.json over WORDS: lower case, split at spaces and signs, cut at MAX_LENGTH."""
    import tokenizers

    words = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    words.normalizer = tokenizers.normalizers.Lowercase()
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.enable_truncation(MAX_LENGTH)
    return str(words.to_str())


def resum(folder: Path) -> None:
    """Write SHA256SUMS anew, as one would who changes a bundle on purpose."""
    files = sorted(path for path in folder.iterdir() if path.name != bundle.SUMS)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / bundle.SUMS).write_text("".join(lines))


def with_graph(folder: Path, model: onnx.ModelProto | bytes) -> Path:
    """Replace the graph of a bundle, hashes and all."""
    content = model if isinstance(model, bytes) else model.SerializeToString()
    (folder / bundle.GRAPH).write_bytes(content)
    resum(folder)
    return folder


def _model(
    nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: dict[str, np.ndarray], opset: int
) -> onnx.ModelProto:
    weights = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def _signature(recipe: str, modality: str, model: onnx.ModelProto, labels: tuple[str, ...]) -> dict[str, Any]:
    fields = [
        {"name": modality, "kind": modality, "role": "input"},
        {"name": "label", "kind": "label", "role": "target"},
    ]
    return {
        "version": signature.VERSION,
        "recipe": recipe,
        "task": f"{modality}_classification",
        "modality": modality,
        "net": {"name": "linear"},
        "fields": fields,
        "inputs": signature.tensors(model.graph.input),
        "outputs": signature.tensors(model.graph.output),
        "target": {"kind": "label", "classes": list(labels)},
        "primary": {"name": "accuracy", "more_is_better": True, "unit": "share"},
        "scores": {"rows": 100, "accuracy": ACCURACY},
        "variants": {"fp32": {"file": "model.onnx"}},
        "versions": {"opset": OPSET, "onnx": onnx.__version__},
    }
