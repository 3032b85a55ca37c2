"""A model in training that writes, as `serving.decoding` has it: torch makes the steps, the searches are a server's.

A task whose model writes says so in `model.py`:

    decoding(facts)       how, as `decoding` in a bundle's signature; facts: of the inputs, with what `model.facts` adds
    graphs(model, facts)  {name: (module, examples, dynamic)}, where `model` alone is not the graph: the modules to
                          export as `model` and `decoder`, inputs to trace each with and to compare it at, a list of
                          dicts, and the names of its axes that may vary. A module's `forward(**inputs)` gives
                          {name: tensor}.

Without `graphs` the model is the graph, and `example`, `parity_shapes` and `dynamic_shapes` say the rest, as ever.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from chainrule.serving.decoding import rows
from chainrule.serving.decoding.rows import DECODER, MODEL, Writer

Arrays = dict[str, np.ndarray]
Part = tuple[nn.Module, list[dict[str, Tensor]], dict[str, dict[int, str]]]
"""A module, inputs of it, and the names of its axes that vary, by input."""


def known(model: nn.Module, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of the inputs with what the model adds to them."""
    return {**facts, **getattr(model, "facts", {})}


def parts(task: Any, model: nn.Module, facts: Mapping[str, Any]) -> dict[str, Part]:
    """Return the graphs of a task's model by name: `model`, and `decoder` where there is one. facts: see `known`."""
    if hasattr(task, "graphs"):
        found: dict[str, Part] = task.graphs(model, facts)
        return found
    generator = torch.Generator().manual_seed(0)
    first = task.example(facts, 2, generator, **traced(task, facts))
    examples = [first, *(task.example(facts, generator=generator, **shape) for shape in task.parity_shapes(facts))]
    return {MODEL: (model, examples, task.dynamic_shapes(facts))}


def traced(task: Any, facts: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes, besides the batch, at which a model is traced: the task's own, or those of its example."""
    found: dict[str, int] = task.traced_shape(facts) if hasattr(task, "traced_shape") else {}
    return found


def writer(block: Mapping[str, Any], found: Mapping[str, Part], tokenizer: str) -> Writer:
    """Return a model that writes by its modules. block: how, `decoding` of a signature; tokenizer: as JSON."""
    graphs = {name: _described(*part[:2]) for name, part in found.items()}
    makers = {name: _maker(part[0]) for name, part in found.items()}
    return rows.writer(block, graphs, makers, Tokenizer.from_str(tokenizer))


def of_model(task: Any, model: nn.Module, facts: Mapping[str, Any]) -> Writer:
    """Return a task's model as one that writes."""
    own = known(model, facts)
    return writer(task.decoding(own), parts(task, model, own), facts["tokenizer"])


@torch.no_grad()
def _described(module: nn.Module, examples: Sequence[Mapping[str, Tensor]]) -> dict[str, list[dict[str, Any]]]:
    """Return what of a graph its signature would say, as far as decoding needs it."""
    device = next(module.parameters()).device
    inputs = {name: tensor.to(device) for name, tensor in examples[0].items()}
    outputs = module(**inputs)
    return {
        "inputs": [{"name": name, "shape": list(tensor.shape)} for name, tensor in inputs.items()],
        "outputs": [{"name": name} for name in outputs],
    }


def _maker(module: nn.Module) -> Callable[[Sequence[str] | None], Callable[[Arrays], Arrays]]:
    device = next(module.parameters()).device

    def make(wanted: Sequence[str] | None) -> Callable[[Arrays], Arrays]:
        @torch.no_grad()
        def run(inputs: Arrays) -> Arrays:
            tensors = {name: torch.from_numpy(np.ascontiguousarray(array)).to(device) for name, array in inputs.items()}
            outputs = module(**tensors)
            return {name: outputs[name].float().cpu().numpy() for name in (outputs if wanted is None else wanted)}

        return run

    return make


__all__ = ["DECODER", "MODEL", "Part", "known", "of_model", "parts", "traced", "writer"]
