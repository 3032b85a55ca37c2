"""From a torch model to one ONNX graph: dynamic batch (and sequence), weights inside, nothing else."""

import contextlib
import inspect
import io
import logging
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from chainrule.system.errors import ChainruleError

if TYPE_CHECKING:
    import onnx


def to_onnx(model: nn.Module, example: dict[str, Tensor], dynamic: dict[str, dict[int, str]]) -> "onnx.ModelProto":
    """Return the model as an ONNX graph with its inputs and outputs by their names.

    example: inputs to trace with, batch of at least two; dynamic: the names of the axes that may vary, by input, the
    first of each the batch. What the exporter notes of this machine (stack traces with paths) is left out, so that the
    same weights give the same bytes anywhere. Raises ChainruleError for a model that cannot be exported, or not with
    all of these axes varying.
    """
    shapes = _of_arguments(
        model, {name: dict.fromkeys(axes, torch.export.Dim.DYNAMIC) for name, axes in dynamic.items()}
    )
    model.eval().cpu()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            with torch.no_grad():
                outputs = list(model(**example))
            program = torch.onnx.export(
                model,
                kwargs=example,
                dynamo=True,
                external_data=False,
                input_names=list(example),
                output_names=outputs,
                dynamic_shapes=shapes,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        cause = " ".join(str(error.__cause__ or error).split())[:300]
        raise ChainruleError(f"the net cannot be exported to ONNX with axes of any size: {cause}") from error
    assert program is not None  # dynamo=True without a file name returns the program
    graph = program.model_proto
    strip(graph)
    _name_axes(graph, dynamic)
    return graph


def _of_arguments(model: nn.Module, shapes: dict[str, Any]) -> dict[str, Any]:
    """Return shapes by name as torch wants them: those of inputs that a model takes as `**past` are under its name."""
    parameters = inspect.signature(model.forward).parameters.values()
    own = {parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD}
    others = {name: shape for name, shape in shapes.items() if name not in own}
    more = [parameter.name for parameter in parameters if parameter.kind is parameter.VAR_KEYWORD]
    return {**{name: shape for name, shape in shapes.items() if name in own}, **dict.fromkeys(more, others)}


def strip(model: "onnx.ModelProto") -> None:
    """Remove notes about where the graph came from, and inferred shapes, which quantisers stumble over."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    model.doc_string = model.graph.doc_string = ""
    for node in (*model.graph.node, *(node for function in model.functions for node in function.node)):
        del node.metadata_props[:]
        node.doc_string = ""


def _name_axes(model: "onnx.ModelProto", dynamic: dict[str, dict[int, str]]) -> None:
    """Give the varying axes of inputs and outputs their names instead of the exporter's s77.

    Raises ChainruleError for an axis that the exporter fixed at the size of the example.
    """
    named: dict[str, str] = {}
    for value in model.graph.input:
        for axis, name in dynamic[value.name].items():
            size = value.type.tensor_type.shape.dim[axis]
            _refuse_fixed(value.name, name, size)
            named[size.dim_param] = name
    for value in model.graph.output:
        _refuse_fixed(value.name, "batch", value.type.tensor_type.shape.dim[0])
    for value in (*model.graph.input, *model.graph.output):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = named.get(size.dim_param, size.dim_param)


def _refuse_fixed(value: str, axis: str, size: Any) -> None:
    if not size.dim_param:
        raise ChainruleError(
            f"the exported graph takes {value} with {axis} {size.dim_value} only; the net makes it a constant where it "
            "is computed from the shape"
        )
