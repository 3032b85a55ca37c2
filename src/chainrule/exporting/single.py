"""A model whose graph runs once for each row."""

from typing import Any

import torch

from chainrule.exporting import bundle, gate, graph, parity, variants
from chainrule.exporting.trained import Exported, Trained, batch, operations, signed
from chainrule.serving import offline
from chainrule.system.words import count


def export(trained: Trained) -> Exported:
    """Trace the model, compare graph and model, and make the variants of the graph.

    Raises ChainruleError where they differ, or a variant that is wanted cannot be made.
    """
    model, facts, task, known = trained.model, trained.facts, trained.task, trained.card["target_facts"]
    # Answers that are sets: how they are sorted hangs on rounding.
    unordered = getattr(trained.measure, "UNORDERED", False)
    example = task.example(facts, 2, torch.Generator().manual_seed(0))
    trained.say("traces the model")
    onnx_model = graph.to_onnx(model, example, task.dynamic_shapes(facts))
    if hasattr(task, "finish"):  # what the graph says besides and no training needs
        task.finish(onnx_model)
    content = onnx_model.SerializeToString(deterministic=True)
    runtime = offline.session(content, bundle.GRAPH, trained.cores)
    # Numbers are answered in the unit of the data, in which rounding may be large; what is comparable has none.
    unit = 1.0 if unordered else float(known.get("std", 1.0))
    seen = (lambda said: {"seen": trained.measure.comparable(said, known)}) if unordered else None
    trained.say(f"compares model and graph on {count(len(trained.validation), 'validation row')}")
    on_rows = parity.on_rows(model, runtime, trained.validation, trained.agree, batch(facts), unit, seen, trained.track)
    report: dict[str, Any] = {
        "shapes": parity.at_shapes(model, runtime, task, facts, unit, seen),
        "validation": on_rows,
        "bytes": len(content),
    }
    trained.refuse_difference(report)
    signature = signed(trained, {bundle.MODEL: onnx_model})
    trained.say("makes and measures its variants")
    names = [value.name for value in onnx_model.graph.input]

    def variant(name: str) -> bytes:
        found = variants.smaller(name, onnx_model, trained.calibration(names))
        offline.session(found, name, 1)
        return found

    made = {bundle.REFERENCE: content, **trained.smaller(variant)}
    return Exported(
        onnx_model,
        report,
        signature,
        {name: {bundle.MODEL: each} for name, each in made.items()},
        None,
        lambda: gate.speeds(made, trained.validation),
        operations(model, example),
    )
