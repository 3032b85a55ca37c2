"""The signature of a bundle: what `export` writes of a graph, and whoever asks it must know.

version         2; a bundle of before has none, and is turned into this on reading
recipe, task, modality, net
fields          [{name, kind, role}]: the columns of a row; a request brings those whose role is "input", or one of them
                where they are `optional` as well
inputs, outputs [{name, type, shape}]: the graph's, by ONNX's names of types; a text in a shape is an axis that varies
target          {kind, ...}: the kind of the answer and what training learnt of it, such as {"classes": [...]}
preprocessing   by input field: how it becomes the graph's inputs
padding         what fills up an input when items of unlike size run together
tiles           {side, overlap} in pixels: larger images are run in tiles; optional
primary         {name, more_is_better, unit}: the metric that decides
scores          {rows, groups, resamples, <metric>: {title, more_is_better, value, low, high}}
quality         {primary, floor}: see evaluation.quality
uncertainty     {...}: the lines of an answer's doubt, as `evaluation.uncertainty` has them by kind of target; optional
variants        {<variant>: {file, bytes, primary, uncertainty}}: the metric that decides, on validation rows; lines of
                its own where it has any
versions        of what made the graph
decoding        how a model writes token by token, as `serving.decoding` has it; a model that does not has none
graphs          {<graph>: {inputs, outputs}} of one that writes, `model` and where it has one `decoder`; its `inputs`
                are then those of a row, its `outputs` what it answers a request with
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from chainrule.serving.decoding.rows import OUTPUTS
from chainrule.tasks.field import Field

if TYPE_CHECKING:
    from chainrule.evaluation.primary import Score

VERSION = 2
COUNTS = ("rows", "groups", "resamples")
"""What scores are about; all else in `scores` is a metric."""
_PRIMARY_1 = {"name": "accuracy", "more_is_better": True, "unit": "share"}
# Titles of the metrics that version 1 had, and whether more of them is better.
_SCORES_1 = {
    "accuracy": ("Accuracy", True),
    "macro_precision": ("Macro precision", True),
    "macro_recall": ("Macro recall", True),
    "macro_f1": ("Macro F1", True),
    "roc_auc": ("ROC area", True),
    "log_loss": ("Log-loss (nats)", False),
    "expected_calibration_error": ("Calibration error", False),
}


def tensors(values: Iterable[Any]) -> list[dict[str, Any]]:
    """Return inputs or outputs of an ONNX graph as a signature has them."""
    import onnx

    def tensor(value: Any) -> dict[str, Any]:
        kind = onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type)
        axes = value.type.tensor_type.shape.dim
        return {"name": value.name, "type": kind, "shape": [axis.dim_param or axis.dim_value for axis in axes]}

    return [tensor(value) for value in values]


def of_writer(graphs: Mapping[str, Any], decoding: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a signature says of a model that writes: its graphs, how it decodes, and what a request sees.

    graphs: ONNX models by name; decoding: as `serving.decoding` has it.
    """
    said = {
        name: {"inputs": tensors(graph.graph.input), "outputs": tensors(graph.graph.output)}
        for name, graph in graphs.items()
    }
    (ids,) = [tensor for tensor in said["model"]["inputs"] if tensor["name"] == "input_ids"]
    return {
        "inputs": [ids, {**ids, "name": "attention_mask"}],
        "outputs": [{"name": name, "type": kind, "shape": shape} for name, kind, shape in OUTPUTS],
        "graphs": said,
        "decoding": dict(decoding),
    }


def fields(found: Iterable[Field]) -> list[dict[str, str]]:
    """Return the fields of a row as a signature has them."""
    return [{name: value for name, value in field._asdict().items() if name != "optional" or value} for field in found]


def scores(test: Mapping[str, Any], shown: "Iterable[Score]") -> dict[str, Any]:
    """Return the scores on test rows as a signature has them: those that are shown, and of how many rows they are."""
    metrics = {
        score.name: {"title": score.title, "more_is_better": score.more_is_better, **test[score.name]}
        for score in shown
        if isinstance(test.get(score.name), dict)
    }
    return {**{name: test[name] for name in COUNTS if name in test}, **metrics}


def version_2(signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return a signature as this version has it.

    One of version 1 is about one input, called like its kind, and a label. What of it is not as `export` wrote it
    stays as it is, for whoever checks it to refuse.
    """
    found = dict(signature)
    if "version" in found:
        return found
    kind = found.get("modality")
    labels = found.pop("labels", [])
    found.pop("postprocessing", None)
    found.pop("temperature", None)
    target = Field("label", "label", "target")
    found |= {
        "version": VERSION,
        "fields": fields([Field(kind, kind, "input"), target] if isinstance(kind, str) else []),
        "target": {"kind": "label", "classes": labels},
        "preprocessing": {kind: found["preprocessing"]} if "preprocessing" in found else {},
        "primary": _PRIMARY_1,
    }
    if isinstance(found.get("scores"), dict):
        found["scores"] = {name: _score(name, score) for name, score in found["scores"].items()}
    if isinstance(found.get("variants"), dict):
        found["variants"] = {name: _variant(about) for name, about in found["variants"].items()}
    if isinstance(found.get("quality"), dict) and isinstance(found["quality"].get("primary"), dict):
        found["quality"] = {**found["quality"], "primary": {**_PRIMARY_1, **found["quality"]["primary"]}}
    return found


def _score(name: str, score: Any) -> Any:
    if name not in _SCORES_1 or not isinstance(score, dict):
        return score
    title, more_is_better = _SCORES_1[name]
    return {"title": title, "more_is_better": more_is_better, **score}


def _variant(about: Any) -> Any:
    if not isinstance(about, dict) or "accuracy" not in about:
        return about
    rest = {key: value for key, value in about.items() if key != "accuracy"}
    return {**rest, "primary": about["accuracy"]}
