"""Finetune: learn the labels, from pretrained or random weights."""

from typing import Any

from chainrule.recipes.file import plug_in
from chainrule.recipes.training import Finetune
from chainrule.stages.job import Job, main
from chainrule.system.files import read_json, read_rows, write_json


def finetune(job: Job) -> None:
    """Train on the augmented training rows; validation rows choose the epoch and calibrate the probabilities."""
    from chainrule.evaluation.calibration import fit_temperature
    from chainrule.stages import session
    from chainrule.system import plugins
    from chainrule.training import device, fitting, models, prediction, rows, weights

    settings = job.section("finetune", Finetune)
    machine = device.prepare(job.cores)
    pretrained = job.dep("models/pretrained/{recipe}")
    training_rows = read_rows(job.dep("data/augmented/{recipe}/train.parquet"))
    validation_rows = read_rows(job.dep("data/split/{recipe}/validation.parquet"))
    classes = sorted(training_rows["label"].unique())
    modality = job.block["modality"]
    facts = plugins.load("training.inputs", modality).load_facts(pretrained)
    net = weights.build_net(job.block, facts, job.seed)
    fitting.check(net, job.block, facts, settings.batch_size)
    if (pretrained / weights.WEIGHTS).is_file():
        weights.load_weights(net, pretrained / weights.WEIGHTS)
    task = plugins.load(f"tasks.{job.block['task']}", "model")
    model = task.build(net, facts, len(classes))
    strategy, options = plug_in(settings.strategy, "name")
    validation = rows.to_inputs(validation_rows, modality, facts, classes)
    job.say(f"{strategy} on {len(training_rows):,} rows, {len(classes)} classes ({machine})")
    job.run.dataset(
        name=job.recipe,
        rows=len(training_rows),
        source=f"data/augmented/{job.recipe}/train.parquet",
        context="training",
    )
    job.run.dataset(
        name=job.recipe,
        rows=len(validation_rows),
        source=f"data/split/{job.recipe}/validation.parquet",
        context="validation",
    )
    history = session.fit(
        job,
        settings,
        task.objective(model, settings.label_smoothing),
        rows.to_inputs(training_rows, modality, facts, classes, **settings.distort),
        validation,
        gains_from_bf16=net.gains_from_bf16,
        patience=settings.patience,
        freeze=lambda objective: plugins.load("training.strategies", strategy).freeze(objective.model, **options),
    )
    logits = prediction.predict(model, validation, model.inputs, settings.batch_size).numpy()
    temperature = fit_temperature(logits, validation.labels.numpy())
    model.temperature.fill_(temperature)
    out = job.out("models/finetuned/{recipe}")
    out.mkdir()
    models.save_model(out, model, job.block, facts, classes)
    write_json(out / "history.json", _curves(read_json(pretrained / "history.json"), history))
    report = _report(history, model, temperature, len(training_rows))
    write_json(job.out("reports/{recipe}/finetune.json"), report)
    job.run.headline({f"validation.{name}": report[name] for name in ("accuracy", "loss")})


def _curves(pretraining: list[dict[str, Any]], finetuning: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the history of both trainings in one list, the phase named in each record."""
    phases = {"pretrain": pretraining, "finetune": finetuning}
    return [{"phase": phase, **record} for phase, records in phases.items() for record in records]


def _report(history: list[dict[str, Any]], model: Any, temperature: float, rows: int) -> dict[str, Any]:
    best = next(record for record in reversed(history) if record["best"])
    learning = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    return {
        "accuracy": round(best["validation_accuracy"], 6),
        "loss": best["validation_loss"],
        "best_epoch": best["epoch"],
        "epochs": len(history),
        "rows": rows,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "learning_parameters": learning,
        "temperature": round(temperature, 6),
    }


if __name__ == "__main__":
    main("finetune", finetune, trains=True)
