"""Export: the fine-tuned model as an ONNX bundle that answers as the model does, or not at all."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.data.losses import losses
from chainrule.recipes.augment import Augment
from chainrule.recipes.clean import Clean
from chainrule.recipes.export import Export
from chainrule.recipes.split import Split
from chainrule.recipes.training import Finetune, Pretrain
from chainrule.stages.job import PARTIAL, Job, main
from chainrule.system.files import read_json, read_rows, write_json

if TYPE_CHECKING:
    from chainrule.exporting.trained import Exported, Trained


def export(job: Job) -> None:
    """Write the bundle and register it; fail if graph and model differ on random inputs or validation rows."""
    from chainrule.exporting import bundle, single, writer
    from chainrule.exporting.drawing import page as drawing
    from chainrule.training import device

    device.prepare(job.cores)
    trained = _trained(job)
    exported = (writer if hasattr(trained.task, "decoding") else single).export(trained)
    signature, report = exported.signature, exported.report
    table = _chosen(job, trained, exported)
    latencies = exported.speeds()
    report["variants"] = table
    model_card, card_data = _cards(job, trained, exported, table)
    shipped = [name for name in exported.made if table[name]["ships"] or name == bundle.REFERENCE]
    signature["uncertainty"] = table[bundle.REFERENCE]["uncertainty"]
    signature["variants"] = {
        name: {
            "file": bundle.FILES[name],
            "bytes": table[name]["bytes"],
            "primary": table[name][trained.measure.PRIMARY.name],
            **({} if name == bundle.REFERENCE else {"uncertainty": table[name]["uncertainty"]}),
        }
        for name in shipped
    }
    out = job.out("models/onnx/{recipe}")
    graph, *small = (exported.made[name][bundle.MODEL] for name in shipped)
    decoders = {name: graphs[bundle.DECODER] for name in shipped if bundle.DECODER in (graphs := exported.made[name])}
    variants = dict(zip(shipped[1:], small, strict=True))
    bundle.write(out, graph, signature, model_card, trained.facts.get("tokenizer"), variants, card_data, decoders)
    write_json(job.out("reports/{recipe}/export.json"), report)
    looked_at = job.out("reports/{recipe}/graph.html")
    looked_at.write_text(drawing.to_html(job.recipe, exported.graph), encoding="utf-8")
    job.run.artifact(looked_at)
    _say(job, trained, report, latencies)
    job.run.model(out, bundle.GRAPH, job.dep("models/finetuned/{recipe}"))


def _trained(job: Job) -> "Trained":
    """Return the fine-tuned model with what is known of it."""
    from chainrule.exporting.trained import Trained
    from chainrule.system import plugins
    from chainrule.training import models, rows

    model, card, facts = models.load_model(job.dep("models/finetuned/{recipe}"))
    validation = read_rows(job.dep("data/split/{recipe}/validation.parquet"))

    def training(count: int) -> Any:
        found = read_rows(job.dep("data/split/{recipe}/train.parquet"))
        found = found.sample(min(count, len(found)), random_state=job.seed)
        return rows.to_inputs(found, card, facts, None)

    return Trained(
        recipe=job.recipe,
        model=model,
        card=card,
        facts=facts,
        task=plugins.load(f"tasks.{card['task']}", "model"),
        measure=plugins.load(f"tasks.{card['task']}", "metrics").measure,
        metrics=read_json(job.dep("reports/{recipe}/metrics.json")),
        normalise=job.block["clean"]["normalise"],
        validation=rows.to_inputs(validation, card, facts, card["target_facts"]),
        training=training,
        settings=job.section("export", Export),
        cores=job.cores,
        say=job.say,
        track=job.track,
    )


def _chosen(job: Job, trained: "Trained", exported: "Exported") -> dict[str, dict[str, Any]]:
    """Return of each variant its size, what it is worth on validation rows, and whether it ships."""
    from chainrule.exporting import gate
    from chainrule.exporting.trained import batch
    from chainrule.system import plugins

    kind = plugins.load("evaluation.uncertainty", trained.card["target"])
    drawn = trained.metrics["uncertainty"]["lines"]
    target = trained.validation.target.numpy()
    return gate.choose(
        {name: b"".join(graphs.values()) for name, graphs in exported.made.items()},
        trained.validation,
        target,
        trained.measure,
        trained.card["target_facts"],
        batch(trained.facts),
        trained.task.padding(trained.facts),
        trained.settings.variants,
        lambda said: {"uncertainty": kind.fit(said, target, drawn)},
        exported.asked,
        job.track,
    )


def _cards(
    job: Job, trained: "Trained", exported: "Exported", table: dict[str, dict[str, Any]]
) -> tuple[str, dict[str, Any]]:
    """Return the model card, and the same for machines."""
    from chainrule.exporting import card as cards
    from chainrule.system import plugins

    kind, doubt = plugins.load("evaluation.uncertainty", trained.card["target"]), trained.metrics["uncertainty"]
    split, in_force = read_json(job.dep("reports/{recipe}/split.json")), _settings(job)
    effort = cards.effort(
        read_json(job.dep("models/finetuned/{recipe}") / "history.json"),
        split["train"] * (1 + in_force["augment"]["copies"]),
        sum(parameter.numel() for parameter in trained.model.parameters()),
        exported.operations / 2,
    )
    known: dict[str, Any] = {
        "recipe": job.recipe,
        "signature": exported.signature,
        "source": read_json(job.dep("data/raw/{recipe}/source.json")),
        "report": trained.metrics,
        "measure": trained.measure,
        "variants": table,
        "lost": losses(read_json(job.dep("reports/{recipe}/clean.json")), split),
        "settings": in_force,
        "fair": read_json(job.dep("reports/{recipe}/fairness.json")),
        "training": effort,
    }
    return cards.model_card(**known, doubt=kind.shown(doubt["lines"], doubt["test"])), cards.data(**known)


def _say(job: Job, trained: "Trained", report: dict[str, Any], latencies: dict[str, dict[str, Any]]) -> None:
    """Keep what was measured, and say what came of it."""
    from chainrule.evaluation import headline, primary
    from chainrule.exporting import gate

    decisive, table = trained.measure.PRIMARY, report["variants"]
    measured = {name: found | latencies.get(name, {}) for name, found in table.items()}
    _keep_measured(job, measured, decisive)
    for name, found in table.items():
        said = "in the bundle" if found["ships"] else "left out"
        speed = gate.in_words(latencies.get(name))
        good = f"{primary.words(decisive.name)} {primary.number(decisive.unit, found[decisive.name])}"
        job.say(f"{name}: {found['bytes']:,} bytes, {good}, {speed}; {said}: {found['reason']}")
    # Where only the export was stale, no evaluation of this chain has said the scores of this version.
    job.run.headline(headline.headline(trained.metrics))
    job.run.headline(headline.exported({**report, "variants": measured}))
    largest = max(shape["max_difference"] for shape in report["shapes"])
    agreement = report["validation"]["agreement"]
    job.say(f"logits differ by at most {largest:.1e}, validation agreement {agreement:.4f}")


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


if __name__ == "__main__":
    main("export", export, trains=True)
