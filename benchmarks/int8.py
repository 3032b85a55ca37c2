"""What it costs that int8 answers a row by that row alone: forms of eight bits beside fp32 and beside each other.

- dynamic: `quantize_dynamic`, what bundles held before; every activation is scaled by the largest of its whole batch.
- calibrated: what `export` makes; scales fixed by training rows (for conv nets, too, as before).
- rows: a scale per row (token) of every activation that meets weights, found by operators in the graph.
- blocks: ONNX Runtime's MatMulNBits, weights and activations in blocks of 32.
- weights: weights of eight bits alone; ONNX Runtime computes in floats.

The BERT-mini of `reviews` and the conv net of `digits`, as `dvc repro` left them in --project, on validation rows:
bytes, accuracy, agreement with fp32, the largest difference of a probability between a row alone and beside others,
and how many times faster than fp32 a call at batch 1, 8 and 32 is, on one thread, by that thread's own time. The
forms take turns within every pass; the ratios are of one pass each: their median and middle half.
"""

import copy
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

from chainrule.exporting import gate, graph, parity, variants
from chainrule.serving import offline
from chainrule.system import plugins
from chainrule.system.files import read_rows
from chainrule.training import models, rows

RECIPES = ("reviews", "digits")
BATCHES = (1, 8, 32)
FORMS = ("dynamic", "calibrated", "rows", "blocks", "weights")


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--project", type=Path, default=Path("."), help="where `dvc repro` was run (default: here)")
    parser.add_argument("--seconds", type=float, default=20.0, help="measured at each batch size, all forms together")
    options = parser.parse_args()
    at_start = common.machine()
    figures = {recipe: measured(options.project, recipe, options.seconds) for recipe in RECIPES}
    common.write_result(options.results, "int8", at_start, {"seconds": options.seconds}, figures)


def measured(project: Path, recipe: str, seconds: float) -> dict[str, Any]:
    """Return the figures of every form of a recipe's model that its graph can take."""
    model, card, facts = models.load_model(project / "models" / "finetuned" / recipe)
    task = plugins.load(f"tasks.{card['task']}", "model")
    example = task.example(facts, 2, torch.Generator().manual_seed(0))
    exported = graph.to_onnx(model, example, task.dynamic_shapes(facts))

    def inputs(part: str, count: int | None = None) -> Any:
        found = read_rows(project / "data" / "split" / recipe / f"{part}.parquet")
        drawn = found if count is None else found.sample(min(count, len(found)), random_state=7)
        return rows.to_inputs(drawn, card, facts, card["target_facts"])

    training, validation = inputs("train", 256), inputs("validation")
    feeds = [parity.feed(training, index, model.inputs) for index in training.order(32, None)]
    content = {"fp32": exported.SerializeToString(deterministic=True)}
    content |= {form: made for form in FORMS if (made := make(form, exported, feeds)) is not None}
    labels = validation.target.numpy()
    sessions = {form: offline.session(each, form, 1) for form, each in content.items()}
    outputs = {form: gate.outputs(session, validation, 256) for form, session in sessions.items()}
    predicted = {form: found["logits"].argmax(axis=1) for form, found in outputs.items()}
    speeds = faster(sessions, validation, seconds)
    measure = plugins.load(f"tasks.{card['task']}", "metrics").measure

    def beside(session: Any) -> float:
        return gate.beside_others(session, validation, task.padding(facts), measure, {"classes": card["classes"]})

    found = {}
    for form, session in sessions.items():
        found[form] = {
            "bytes": len(content[form]),
            "accuracy": round(float((predicted[form] == labels).mean()), 4),
            "agreement": round(float((predicted[form] == predicted["fp32"]).mean()), 4),
            "batch_difference": float(f"{beside(session):.2g}"),
            **speeds[form],
        }
        times = ", ".join(
            f"{speeds[form][f'batch_{size}']['median']:.2f} ({speeds[form][f'batch_{size}']['low']:.2f} to "
            f"{speeds[form][f'batch_{size}']['high']:.2f})"
            for size in BATCHES
        )
        print(
            f"{recipe} {form}: {found[form]['bytes']:,} bytes, accuracy {found[form]['accuracy']:.4f}, beside others "
            f"{found[form]['batch_difference']:.1e}, times fp32 at batch 1, 8, 32: {times}",
            flush=True,
        )
    return found


def faster(sessions: dict[str, Any], inputs: Any, seconds: float) -> dict[str, dict[str, Any]]:
    """Return, by form and batch size, fp32's milliseconds and how many times faster than fp32 the form is."""
    names = [value.name for value in sessions["fp32"].get_inputs()]
    found: dict[str, dict[str, Any]] = {form: {} for form in sessions}
    for size in BATCHES:
        starts = range(gate.LONE_ROWS if size == 1 else 1)
        feeds = [parity.feed(inputs, torch.arange(start, start + size), names) for start in starts]
        taken: dict[str, list[float]] = {form: [] for form in sessions}
        for session in sessions.values():
            _pass(session, feeds)
        began, turn = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            for form in sorted(sessions, reverse=turn % 2 == 1):
                taken[form].append(_pass(sessions[form], feeds) / len(feeds))
            turn += 1
        for form in sessions:
            low, median, high = np.percentile(np.array(taken["fp32"]) / np.array(taken[form]), [25, 50, 75])
            found[form][f"batch_{size}"] = {
                "ms": round(float(np.median(taken[form])) * 1000, 4),
                **{name: round(float(value), 3) for name, value in (("low", low), ("median", median), ("high", high))},
                "passes": turn,
            }
    return found


def _pass(session: Any, feeds: list[Any]) -> float:
    began = time.thread_time()
    for each in feeds:
        session.run(None, each)
    return time.thread_time() - began


# ---- the forms


def make(form: str, exported: onnx.ModelProto, feeds: list[Any]) -> bytes | None:
    """Return a form of the graph; None where it has none: conv nets have too few products with weights."""
    if form == "dynamic":
        return dynamic(exported)
    if form == "calibrated":
        return variants.int8(exported, feeds)
    if variants.is_convolutional(exported):
        return None
    return {"rows": by_row, "blocks": in_blocks, "weights": weights_alone}[form](exported)


def dynamic(exported: onnx.ModelProto) -> bytes:
    """Return what bundles held before: weights and embeddings in eight bits, scales of a whole batch."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "model.onnx", Path(folder) / "int8.onnx"
        onnx.save(exported, source)
        quantize_dynamic(source, target, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
        return serialised(onnx.load(target))


def serialised(model: onnx.ModelProto) -> bytes:
    """Return the bytes of a form, without the shapes that a quantiser noted: they keep ONNX Runtime from fusing."""
    graph.strip(model)
    return bytes(model.SerializeToString())


def tables(exported: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with embeddings in eight bits, as the other forms have them."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "model.onnx", Path(folder) / "int8.onnx"
        onnx.save(exported, source)
        quantize_dynamic(source, target, op_types_to_quantize=["Gather"], weight_type=QuantType.QInt8)
        return onnx.load(target)


def in_blocks(exported: onnx.ModelProto) -> bytes:
    """Return the graph with MatMulNBits for products with weights, which scales activations in blocks of a row."""
    from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer

    logging.getLogger("onnxruntime.quantization.matmul_nbits_quantizer").setLevel(logging.ERROR)
    config = DefaultWeightOnlyQuantConfig(block_size=32, is_symmetric=True, accuracy_level=4, bits=8)
    quantizer = MatMulNBitsQuantizer(tables(exported), algo_config=config)
    quantizer.process()
    return serialised(quantizer.model.model)


def weights_alone(exported: onnx.ModelProto) -> bytes:
    """Return the graph with weights stored in eight bits and made floats again before use."""
    model, products = _with_products(exported)
    for node in products:
        _store(model, node)
    return serialised(model)


def by_row(exported: onnx.ModelProto) -> bytes:
    """Return the graph with a scale per row of what meets weights: |x| at most 127 steps, found while it runs."""
    model, products = _with_products(exported)
    chosen = {id(node) for node in products}
    constants = {
        "row/axis": np.array([-1]), "row/step": np.array(1 / 127, np.float32), "row/least": np.array(1e-9, np.float32),
        "row/zero": np.array(128, np.uint8),
    }  # fmt: skip
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    nodes: list[Any] = []
    rounded: set[str] = set()
    for node in list(model.graph.node):
        if id(node) not in chosen:
            nodes.append(node)
            continue
        x, y = node.input[0], node.output[0]
        if x not in rounded:
            rounded.add(x)
            nodes += [
                helper.make_node("Abs", [x], [f"{x}/size"]),
                helper.make_node("ReduceMax", [f"{x}/size", "row/axis"], [f"{x}/most"], keepdims=1),
                helper.make_node("Max", [f"{x}/most", "row/least"], [f"{x}/scale"]),
                helper.make_node("Div", [x, f"{x}/scale"], [f"{x}/share"]),
                helper.make_node("QuantizeLinear", [f"{x}/share", "row/step", "row/zero"], [f"{x}/rounded"]),
                helper.make_node("DequantizeLinear", [f"{x}/rounded", "row/step", "row/zero"], [f"{x}/near"]),
            ]
        _store(model, node, nodes)
        node.input[0], node.output[0] = f"{x}/near", f"{y}/share"
        nodes += [node, helper.make_node("Mul", [f"{y}/share", f"{x}/scale"], [y])]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return serialised(model)


def _with_products(exported: onnx.ModelProto) -> tuple[onnx.ModelProto, list[Any]]:
    """Return a copy with embeddings in eight bits, and its products with weights but the last."""
    model = copy.deepcopy(tables(exported))
    weights = {tensor.name for tensor in model.graph.initializer if len(tensor.dims) == 2}
    return model, [node for node in model.graph.node if node.op_type == "MatMul" and node.input[1] in weights][:-1]


def _store(model: onnx.ModelProto, node: Any, nodes: list[Any] | None = None) -> None:
    """Replace a product's weights by eight bits with a scale per column."""
    name = node.input[1]
    (tensor,) = [tensor for tensor in model.graph.initializer if tensor.name == name]
    values = numpy_helper.to_array(tensor)
    scale = (np.abs(values).max(axis=0) / 63).astype(np.float32)
    model.graph.initializer.remove(tensor)
    parts = {"steps": np.round(values / scale).astype(np.int8), "scale": scale, "zero": np.zeros(len(scale), np.int8)}
    model.graph.initializer.extend(numpy_helper.from_array(value, f"{name}/{part}") for part, value in parts.items())
    near = helper.make_node("DequantizeLinear", [f"{name}/{part}" for part in parts], [f"{name}/near"], axis=1)
    node.input[1] = f"{name}/near"
    if nodes is None:
        model.graph.node.insert(0, near)
    else:
        nodes.append(near)


if __name__ == "__main__":
    main()
