"""Export: the fine-tuned model as an ONNX bundle that answers as the model does, or not at all."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from chainrule.data.losses import losses
from chainrule.recipes.augment import Augment
from chainrule.recipes.clean import Clean
from chainrule.recipes.export import Export, Variants
from chainrule.recipes.split import Split
from chainrule.recipes.training import Finetune, Pretrain
from chainrule.stages.job import PARTIAL, Job, main
from chainrule.system.errors import ChainruleError
from chainrule.system.files import read_json, read_rows, write_json

BATCH_SIZE, BATCH_CELLS = 256, 32_768
CALIBRATION_BATCH, CALIBRATION_CELLS = 32, 4_096
"""Most rows of a batch, and most tokens: calibration keeps what every node of the graph gives for one."""


def export(job: Job) -> None:
    """Write the bundle and register it; fail if graph and model differ on random inputs or validation rows."""
    from chainrule.evaluation import headline, primary
    from chainrule.exporting import bundle, gate
    from chainrule.exporting import card as cards
    from chainrule.exporting.drawing import page as drawing
    from chainrule.system import plugins
    from chainrule.training import device, models, rows

    settings = job.section("export", Export)
    device.prepare(job.cores)
    model, card, facts = models.load_model(job.dep("models/finetuned/{recipe}"))
    validation_rows = read_rows(job.dep("data/split/{recipe}/validation.parquet"))
    validation = rows.to_inputs(validation_rows, card, facts, card["target_facts"])
    task = plugins.load(f"tasks.{card['task']}", "model")
    measure = plugins.load(f"tasks.{card['task']}", "metrics")
    metrics = read_json(job.dep("reports/{recipe}/metrics.json"))
    kind, doubt = plugins.load("evaluation.uncertainty", card["target"]), metrics["uncertainty"]

    def lines(said: Any) -> dict[str, Any]:
        return {"uncertainty": kind.fit(said, validation.target.numpy(), doubt["lines"])}

    def agree(ours: Any, theirs: Any) -> Any:
        return measure.agree(ours, theirs, card["target_facts"])

    how = _written if hasattr(task, "decoding") else _single
    exported = how(job, settings, model, card, facts, task, metrics, validation, agree)
    onnx_model, report, signature, made = exported.graph, exported.report, exported.signature, exported.made
    content = made["fp32"][bundle.MODEL]
    table = gate.choose(
        {name: b"".join(graphs.values()) for name, graphs in made.items()},
        validation,
        validation.target.numpy(),
        measure,
        card["target_facts"],
        _rows(BATCH_SIZE, BATCH_CELLS, facts),
        task.padding(facts),
        settings.variants,
        lines,
        exported.asked,
    )
    latencies = exported.speeds()
    report["variants"] = table
    source = read_json(job.dep("data/raw/{recipe}/source.json"))
    split = read_json(job.dep("reports/{recipe}/split.json"))
    lost = losses(read_json(job.dep("reports/{recipe}/clean.json")), split)
    fair = read_json(job.dep("reports/{recipe}/fairness.json"))
    in_force = _settings(job)
    training = cards.effort(
        read_json(job.dep("models/finetuned/{recipe}") / "history.json"),
        split["train"] * (1 + in_force["augment"]["copies"]),
        sum(parameter.numel() for parameter in model.parameters()),
        exported.operations / 2,
    )
    doubts = kind.shown(doubt["lines"], doubt["test"])
    model_card = cards.model_card(
        job.recipe, signature, source, metrics, measure, table, lost, in_force, doubts, fair, training
    )
    card_data = cards.data(job.recipe, signature, source, metrics, measure, table, lost, in_force, fair, training)
    decisive = measure.PRIMARY
    shipped = {name: made[name] for name in made if table[name]["ships"] or name == bundle.REFERENCE}
    signature["uncertainty"] = table[bundle.REFERENCE]["uncertainty"]
    signature["variants"] = {
        name: {
            "file": bundle.FILES[name],
            "bytes": table[name]["bytes"],
            "primary": table[name][decisive.name],
            **({} if name == bundle.REFERENCE else {"uncertainty": table[name]["uncertainty"]}),
        }
        for name in shipped
    }
    out = job.out("models/onnx/{recipe}")
    small = {name: graphs[bundle.MODEL] for name, graphs in shipped.items() if name != bundle.REFERENCE}
    decoders = {name: graphs[bundle.DECODER] for name, graphs in shipped.items() if bundle.DECODER in graphs}
    bundle.write(out, content, signature, model_card, facts.get("tokenizer"), small, card_data, decoders)
    write_json(job.out("reports/{recipe}/export.json"), report)
    looked_at = job.out("reports/{recipe}/graph.html")
    looked_at.write_text(drawing.to_html(job.recipe, onnx_model), encoding="utf-8")
    job.run.artifact(looked_at)
    measured = {name: found | latencies.get(name, {}) for name, found in table.items()}
    _keep_measured(job, measured, decisive)
    for name, found in table.items():
        said = "in the bundle" if found["ships"] else "left out"
        speed = gate.in_words(latencies.get(name))
        good = f"{primary.words(decisive.name)} {primary.number(decisive.unit, found[decisive.name])}"
        job.say(f"{name}: {found['bytes']:,} bytes, {good}, {speed}; {said}: {found['reason']}")
    # Where only the export was stale, no evaluation of this chain has said the scores of this version.
    job.run.headline(headline.headline(metrics))
    job.run.headline(headline.exported({**report, "variants": measured}))
    job.run.model(out, bundle.GRAPH, job.dep("models/finetuned/{recipe}"))
    largest = max(shape["max_difference"] for shape in report["shapes"])
    agreement = report["validation"]["agreement"]
    job.say(f"{len(content):,} bytes; logits differ by at most {largest:.1e}, validation agreement {agreement:.4f}")


class _Exported(NamedTuple):
    """A model as graphs."""

    graph: Any
    """The ONNX graph `model`."""
    report: dict[str, Any]
    """How graphs and model compare: shapes, validation, bytes; of a model that writes also texts."""
    signature: dict[str, Any]
    made: dict[str, dict[str, bytes]]
    """By variant and name of the graph."""
    asked: Any
    """What answers rows by each variant; None where one run of the graph does."""
    speeds: Callable[[], dict[str, dict[str, Any]]]
    operations: float
    """Of an example of two rows."""


def _single(
    job: Job,
    settings: Export,
    model: Any,
    card: dict[str, Any],
    facts: dict[str, Any],
    task: Any,
    metrics: dict[str, Any],
    validation: Any,
    agree: Any,
) -> _Exported:
    """Return a model whose graph runs once for each row."""
    import torch

    from chainrule.exporting import bundle, gate, graph, parity
    from chainrule.serving import offline

    example = task.example(facts, 2, torch.Generator().manual_seed(0))
    job.say("traces the model")
    onnx_model = graph.to_onnx(model, example, task.dynamic_shapes(facts))
    if hasattr(task, "finish"):  # what the graph says besides and no training needs
        task.finish(onnx_model)
    content = onnx_model.SerializeToString(deterministic=True)
    runtime = offline.session(content, bundle.GRAPH, job.cores)
    # Numbers are answered in the unit of the data, in which rounding may be large.
    unit = float(card["target_facts"].get("std", 1.0))
    report: dict[str, Any] = {
        "shapes": parity.at_shapes(model, runtime, task, facts, unit),
        "validation": parity.on_rows(model, runtime, validation, agree, _rows(BATCH_SIZE, BATCH_CELLS, facts), unit),
        "bytes": len(content),
    }
    _refuse_difference(report, settings)
    signature = _signature(job, {bundle.MODEL: onnx_model}, card, facts, metrics)
    job.say("makes and measures its variants")
    made = {"fp32": content, **_make_variants(job, onnx_model, card, facts, settings.variants)}
    graphs = {name: {bundle.MODEL: each} for name, each in made.items()}
    return _Exported(
        onnx_model, report, signature, graphs, None, lambda: gate.speeds(made, validation), _operations(model, example)
    )


def _written(
    job: Job,
    settings: Export,
    model: Any,
    card: dict[str, Any],
    facts: dict[str, Any],
    task: Any,
    metrics: dict[str, Any],
    validation: Any,
    agree: Any,
) -> _Exported:
    """Return a model that writes token by token: its graphs must write what it writes."""
    from chainrule.exporting import bundle, gate, written
    from chainrule.serving.decoding import rows as decoded
    from chainrule.training import writing

    facts = writing.known(model, facts)
    parts = writing.parts(task, model, facts)
    job.say("traces the model")
    protos = written.traced(parts)
    contents = {name: proto.SerializeToString(deterministic=True) for name, proto in protos.items()}
    signature = _signature(job, protos, card, facts, metrics)
    sessions = written.opened(contents, job.cores)
    ours = writing.writer(signature["decoding"], parts, facts["tokenizer"])
    theirs = written.writer(signature, sessions, facts["tokenizer"])
    names = list(model.inputs)
    job.say("writes with the model and with its graphs")
    report: dict[str, Any] = {
        "shapes": written.at_shapes(parts, sessions),
        "validation": written.on_rows(ours, theirs, validation, names, agree, _rows(BATCH_SIZE, BATCH_CELLS, facts)),
        "texts": written.texts(ours, theirs, validation, names),
        "bytes": sum(map(len, contents.values())),
    }
    _refuse_difference(report, settings)
    _refuse_other_texts(report["texts"], settings)
    job.say("makes and measures its variants")
    wanted = {name: getattr(settings.variants, name) for name in ("int8", "fp16")}
    feeds = list(_calibration(job, names, card, facts, settings.variants.calibration))
    small = {}
    for name, wish in wanted.items():
        if wish != "never":
            try:
                small[name] = written.smaller(
                    name, protos, lambda found: written.writer(signature, found, facts["tokenizer"]), feeds
                )
                written.opened(small[name], 1)
            except Exception as error:  # as with other graphs
                raise _unmade(name, error) from error
    made = {bundle.REFERENCE: contents, **small}
    asked = {
        name: gate.Asked(decoded.of_rows(written.writer(signature, written.opened(each, 1), facts["tokenizer"])), names)
        for name, each in made.items()
    }
    operations = sum(_operations(module, examples[0]) for module, examples, _ in parts.values())
    return _Exported(
        protos[bundle.MODEL], report, signature, made, asked, lambda: written.speeds(asked, validation), operations
    )


def _operations(model: Any, example: Any) -> float:
    """Return how many operations the model does for an example: two for a multiply-add, of products of matrices."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(**example)
    return float(counter.get_total_flops())


def _settings(job: Job) -> dict[str, Any]:
    """Return the values in force that made the model, by section."""
    return {
        "seed": job.seed,
        "clean": job.section("clean", Clean).model_dump(),
        "split": job.section("split", Split).model_dump(),
        "augment": job.section("augment", Augment).model_dump(),
        "base": job.block["base"],
        "net": job.block["net"],
        "pretrain": job.section("pretrain", Pretrain).model_dump(),
        "finetune": job.section("finetune", Finetune).model_dump(),
        "export": job.section("export", Export).model_dump(),
    }


def _make_variants(
    job: Job, onnx_model: Any, card: dict[str, Any], facts: dict[str, Any], settings: Variants
) -> dict[str, bytes]:
    """Return int8 and fp16 as far as they are wanted; ChainruleError when a net has an operator that will not do."""
    from chainrule.exporting import variants
    from chainrule.serving import offline

    names = [value.name for value in onnx_model.graph.input]
    makers: dict[str, Callable[[], bytes]] = {
        "int8": lambda: variants.int8(onnx_model, _calibration(job, names, card, facts, settings.calibration)),
        "fp16": lambda: variants.fp16(onnx_model),
    }
    made = {}
    for name, make in makers.items():
        if getattr(settings, name) != "never":
            try:
                made[name] = make()
                offline.session(made[name], name, 1)
            except Exception as error:  # whatever a converter or ONNX Runtime finds wrong with an unforeseen graph
                raise _unmade(name, error) from error
    return made


def _unmade(name: str, error: Exception) -> ChainruleError:
    cause = " ".join(str(error.__cause__ or error).split())[:300]
    return ChainruleError(
        f"no {name} can be made of this net ({cause}); `export.variants.{name}: never` exports without"
    )


def _rows(most: int, cells: int, facts: dict[str, Any]) -> int:
    """Return how many rows go into a batch, fewer of texts that may be long."""
    return max(1, min(most, cells // int(facts.get("max_length", 1))))


def _calibration(job: Job, names: list[str], card: dict[str, Any], facts: dict[str, Any], count: int) -> Any:
    """Yield batches of training rows, drawn by the recipe's seed."""
    from chainrule.exporting import parity
    from chainrule.training import rows

    training = read_rows(job.dep("data/split/{recipe}/train.parquet"))
    training = training.sample(min(count, len(training)), random_state=job.seed)
    drawn = rows.to_inputs(training, card, facts, None)
    for _, inputs in parity.batches(drawn, names, _rows(CALIBRATION_BATCH, CALIBRATION_CELLS, facts)):
        yield inputs


def _keep_measured(job: Job, table: dict[str, dict[str, Any]], decisive: Any) -> None:
    """Write the variants with their times, as JSON and as a picture, to `measured/` and to MLflow.

    Times are no function of the stage's inputs. So these files are none of its outputs, which DVC hashes, but metrics
    and plots of the project (see dvc.yaml), each replaced in one step.
    """
    from chainrule.exporting import figure

    numbers = job.root / "measured" / "metrics" / f"{job.recipe}.json"
    picture = job.root / "measured" / "plots" / f"{job.recipe}.png"
    _replace(numbers, lambda path: write_json(path, table))
    _replace(picture, lambda path: figure.variants(table, decisive, path))
    job.run.artifact(picture, "figures")


def _replace(final: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place and put it there in one step."""
    partial = final.parent / PARTIAL / final.name
    partial.parent.mkdir(parents=True, exist_ok=True)
    write(partial)
    os.replace(partial, final)


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


def _refuse_other_texts(found: dict[str, Any], settings: Export) -> None:
    if found["agreement"] < settings.agreement:
        raise ChainruleError(
            f"graphs and model write the same for {found['agreement']:.4%} of {found['rows']} beginnings; "
            f"export.agreement asks for {settings.agreement:.4%}"
        )


def _signature(
    job: Job, graphs: dict[str, Any], card: dict[str, Any], facts: dict[str, Any], metrics: dict[str, Any]
) -> dict[str, Any]:
    """Return what a server must know to answer (see `exporting.signature`)."""
    import onnx
    import torch

    from chainrule.evaluation import quality
    from chainrule.exporting import signature
    from chainrule.system import plugins

    model = graphs["model"]
    task = plugins.load(f"tasks.{card['task']}", "model")
    fields = plugins.load(f"tasks.{card['task']}", "fields").fields(card["modality"])
    measure = plugins.load(f"tasks.{card['task']}", "metrics")
    found = quality.quality(metrics, measure.PRIMARY)
    normalise = job.block["clean"]["normalise"]
    prepared = plugins.load("training.inputs", card["modality"]).preprocessing(facts, normalise)
    if normalise.get("size") is None:  # sides that may vary are those of the image that is sent
        varying = {axis for axes in task.dynamic_shapes(facts).values() for axis in axes.values()}
        prepared |= {name: None for name in ("height", "width") if name in prepared and name in varying}
    return {
        "version": signature.VERSION,
        "recipe": job.recipe,
        **{key: card[key] for key in ("task", "modality")},
        # What a base's own configuration says of its net is long, and of no use to a server.
        "net": {name: value for name, value in card["net"].items() if not isinstance(value, dict)},
        "base": card["base"],
        "fields": signature.fields(fields),
        **(
            signature.of_writer(graphs, task.decoding(facts))
            if hasattr(task, "decoding")
            else {
                "inputs": signature.tensors(model.graph.input),
                "outputs": signature.tensors(model.graph.output),
            }
        ),
        "target": {"kind": card["target"], **card["target_facts"]},
        "padding": task.padding(facts),
        **({"tiles": task.tiles(facts)} if hasattr(task, "tiles") else {}),
        "preprocessing": {field.name: prepared for field in fields if field.role == "input"},
        "primary": measure.PRIMARY._asdict(),
        "scores": signature.scores(metrics["test"], measure.SCORES),
        **({"quality": found} if found else {}),
        "versions": {
            "opset": max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")),
            "onnx": onnx.__version__,
            "torch": torch.__version__,
        },
    }


if __name__ == "__main__":
    main("export", export, trains=True)
