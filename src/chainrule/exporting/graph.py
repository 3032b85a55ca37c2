"""From a torch model to one ONNX graph: dynamic batch (and sequence), weights inside, nothing else."""

import contextlib
import io
import logging
import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from chainrule.system.errors import ChainruleError

if TYPE_CHECKING:
    import onnx

OUTPUT = "logits"


def to_onnx(
    model: nn.Module, example: tuple[Tensor, ...], names: tuple[str, ...], dynamic: tuple[dict[int, str], ...]
) -> "onnx.ModelProto":
    """Return the model as an ONNX graph whose output is `logits`.

    example: inputs to trace with, batch of at least two; names: the inputs' names; dynamic: the names of the axes that
    may vary, per input. What the exporter notes of this machine (stack traces with paths) is left out, so that the
    same weights give the same bytes anywhere. Raises ChainruleError for a model that cannot be exported, or not with
    all of these axes varying.
    """
    sizes = {name: torch.export.Dim.DYNAMIC for axes in dynamic for name in axes.values()}
    shapes = tuple({axis: sizes[name] for axis, name in axes.items()} for axes in dynamic)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                model.eval().cpu(),
                example,
                dynamo=True,
                external_data=False,
                input_names=list(names),
                output_names=[OUTPUT],
                dynamic_shapes=shapes,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        cause = " ".join(str(error.__cause__ or error).split())[:300]
        raise ChainruleError(f"the net cannot be exported to ONNX with axes of any size: {cause}") from error
    assert program is not None  # dynamo=True without a file name returns the program
    graph = program.model_proto
    strip(graph)
    _name_axes(graph, names, dynamic)
    return graph


def strip(model: "onnx.ModelProto") -> None:
    """Remove notes about where the graph came from, and inferred shapes, which quantisers stumble over."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    model.doc_string = model.graph.doc_string = ""
    for node in (*model.graph.node, *(node for function in model.functions for node in function.node)):
        del node.metadata_props[:]
        node.doc_string = ""


def _name_axes(model: "onnx.ModelProto", names: tuple[str, ...], dynamic: tuple[dict[int, str], ...]) -> None:
    """Give the varying axes of inputs and output their names instead of the exporter's s77.

    Raises ChainruleError for an axis that the exporter fixed at the size of the example.
    """
    axes_of = dict(zip(names, dynamic, strict=True)) | {OUTPUT: {0: "batch"}}
    for value in (*model.graph.input, *model.graph.output):
        for axis, name in axes_of[value.name].items():
            size = value.type.tensor_type.shape.dim[axis]
            if not size.dim_param:
                raise ChainruleError(
                    f"the exported graph takes {value.name} with {name} {size.dim_value} only; the net makes it a "
                    "constant where it is computed from the shape"
                )
            size.dim_param = name
