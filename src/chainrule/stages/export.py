"""Export: the fine-tuned model as an ONNX bundle that answers as the model does, or not at all."""

from typing import Any

from chainrule.errors import ChainruleError
from chainrule.files import read_json, read_rows, write_json
from chainrule.params.export import Export
from chainrule.stages.job import Job, main

BATCH_SIZE = 256


def export(job: Job) -> None:
    """Write the bundle and register it; fail if graph and model differ on random inputs or validation rows."""
    import torch

    from chainrule import plugins
    from chainrule.exporting import bundle, graph, parity
    from chainrule.training import device, models, rows

    settings = job.section("export", Export)
    device.prepare(job.cores)
    model, card, facts = models.load_model(job.dep("models/finetuned/{recipe}"))
    task = plugins.load(f"tasks.{card['task']}", "model")
    example = task.example(facts, 2, torch.Generator().manual_seed(0))
    job.say("traces the model")
    onnx_model = graph.to_onnx(model, example, model.inputs, task.dynamic_shapes())
    content = onnx_model.SerializeToString(deterministic=True)
    runtime = parity.session(content, job.cores)
    validation_rows = read_rows(job.dep("data/split/{recipe}/validation.parquet"))
    validation = rows.to_inputs(validation_rows, card["modality"], facts, None)
    report: dict[str, Any] = {
        "shapes": parity.at_shapes(model, runtime, task, facts),
        "validation": parity.on_rows(model, runtime, validation, model.inputs, BATCH_SIZE),
        "bytes": len(content),
    }
    _refuse_difference(report, settings)
    metrics = read_json(job.dep("reports/{recipe}/metrics.json"))
    signature = _signature(job, onnx_model, card, facts, metrics)
    source = read_json(job.dep("data/raw/{recipe}/source.json"))
    out = job.out("models/onnx/{recipe}")
    bundle.write(
        out, content, signature, bundle.model_card(job.recipe, signature, source, metrics), facts.get("tokenizer")
    )
    write_json(job.out("reports/{recipe}/export.json"), report)
    job.run.headline({"export.agreement": report["validation"]["agreement"], "export.bytes": len(content)})
    job.run.model(out, bundle.GRAPH)
    largest = max(shape["max_difference"] for shape in report["shapes"])
    agreement = report["validation"]["agreement"]
    job.say(f"{len(content):,} bytes; logits differ by at most {largest:.1e}, validation agreement {agreement:.4f}")


def _refuse_difference(report: dict[str, Any], settings: Export) -> None:
    for found in (*report["shapes"], report["validation"]):
        if not found["max_difference"] <= settings.tolerance:  # not: a NaN must fail
            raise ChainruleError(
                f"the ONNX graph differs from the model by {found['max_difference']:.2e} at {found}; "
                f"export.tolerance allows {settings.tolerance:.2e}"
            )
    if report["validation"]["agreement"] < settings.agreement:
        raise ChainruleError(
            f"graph and model agree on {report['validation']['agreement']:.4%} of the validation rows; "
            f"export.agreement asks for {settings.agreement:.4%}"
        )


def _signature(
    job: Job, model: Any, card: dict[str, Any], facts: dict[str, Any], metrics: dict[str, Any]
) -> dict[str, Any]:
    """Return what a server must know to answer: inputs, outputs, labels, what to do before and after."""
    import onnx
    import torch

    from chainrule import plugins

    def tensor(value: Any) -> dict[str, Any]:
        kind = onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type)
        axes = value.type.tensor_type.shape.dim
        return {"name": value.name, "type": kind, "shape": [axis.dim_param or axis.dim_value for axis in axes]}

    preprocessing = plugins.load("training.inputs", card["modality"]).preprocessing(
        facts, job.block["clean"]["normalise"]
    )
    return {
        "recipe": job.recipe,
        **{key: card[key] for key in ("task", "modality", "net")},
        "labels": card["classes"],
        "inputs": [tensor(value) for value in model.graph.input],
        "outputs": [tensor(value) for value in model.graph.output],
        "preprocessing": preprocessing,
        "postprocessing": "softmax",
        "scores": {name: score for name, score in metrics["test"].items() if name != "per_class"},
        "versions": {
            "opset": max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")),
            "onnx": onnx.__version__,
            "torch": torch.__version__,
        },
    }


if __name__ == "__main__":
    main("export", export, trains=True)
