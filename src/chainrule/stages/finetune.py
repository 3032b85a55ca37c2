"""Finetune: learn the targets, from pretrained or random weights."""

from typing import Any

from chainrule.recipes.file import plug_in
from chainrule.recipes.training import Finetune
from chainrule.stages.job import Job, main
from chainrule.system.files import read_json, read_rows, write_json


def finetune(job: Job) -> None:
    """Train on the augmented training rows; validation rows choose the epoch and calibrate the answers."""
    from chainrule.evaluation import primary
    from chainrule.stages import session
    from chainrule.system import plugins
    from chainrule.training import counted, device, fitting, models, prediction, rows, seen, strategy, weights

    settings = job.section("finetune", Finetune)
    machine = device.prepare(job.cores)
    pretrained = job.dep("models/pretrained/{recipe}")
    training_rows = read_rows(job.dep("data/augmented/{recipe}/train.parquet"))
    validation_rows = read_rows(job.dep("data/split/{recipe}/validation.parquet"))
    target_facts = rows.fit_target(training_rows, job.block)
    facts = plugins.load("training.inputs", job.block["modality"]).load_facts(pretrained)
    block = {**job.block, **weights.load_net(pretrained)}
    net = weights.build_net(block, facts, job.seed)
    fitting.check(net, block, facts, settings.batch_size)
    if (pretrained / weights.WEIGHTS).is_file():
        weights.load_weights(net, pretrained / weights.WEIGHTS)
    task = plugins.load(f"tasks.{job.block['task']}", "model")
    model = task.build(net, facts, target_facts)
    kind = plugins.load("training.targets", job.block["target"])
    measure = plugins.load(f"tasks.{job.block['task']}", "metrics").measure
    name, options = plug_in(settings.strategy, "name")
    base = job.dep("models/base/{recipe}")
    given = strategy.Given(base, block, settings, facts, target_facts, job.seed, job.say)
    chosen = strategy.of(
        plugins.load("training.strategies", name), options, model, given, freeze_norms=settings.freeze_norms
    )
    learnt_from = chosen.rows(training_rows)
    training = rows.to_inputs(
        learnt_from, job.block, facts, target_facts, batch_tokens=settings.batch_tokens, **settings.distort
    )
    learnt_for = {"label_smoothing": settings.label_smoothing, "loss": settings.loss}
    objective = task.objective(model, target_facts, training.target, **learnt_for)
    if hasattr(objective, "look"):  # at the training rows, once
        for warning in objective.look(training):
            job.warn(warning)
    validation = rows.to_inputs(validation_rows, job.block, facts, target_facts, batch_tokens=settings.batch_tokens)
    classes = f", {len(target_facts['classes'])} classes" if "classes" in target_facts else ""
    job.say(f"{name} on {len(learnt_from):,} rows{classes} ({machine})")
    job.run.dataset(job.recipe, len(learnt_from), "training", f"data/augmented/{job.recipe}/train.parquet")
    job.run.dataset(job.recipe, len(validation_rows), "validation", f"data/split/{job.recipe}/validation.parquet")
    session.say_cut(job, training, facts)
    session.say_rare(job, rows.classes(training_rows, job.block), settings.loss)
    history, gradients = session.fit(
        job,
        settings,
        strategy.StrategyLoss(objective, chosen) if chosen.steps_in else objective,
        training,
        validation,
        gains_from_bf16=net.gains_from_bf16,
        score=lambda outputs, target: {
            measure.PRIMARY.name: primary.value(measure, outputs, target, target_facts),
            **kind.deciding(objective.loss, outputs, target),
        },
        decides=f"validation_{kind.DECIDES}",
        strategy=chosen,
    )
    best = next(record for record in reversed(history) if record["best"])
    learnt = chosen.count(best["epoch"])
    chosen.merge(model)
    outputs = prediction.predict(model, validation, settings.batch_size, job.say)
    target_facts, found = task.calibrate(model, outputs, validation.target.numpy(), target_facts)
    if settings.naive_bayes:
        # Of all rows, whichever of them a strategy learns from: counting costs nothing, and forgets nothing.
        originals = training_rows[training_rows["id"] == seen.originals(training_rows)]
        own = rows.to_inputs(originals, job.block, facts, target_facts)
        target_facts, found = counted.beside(model, own, validation, outputs["logits"], facts, target_facts)
        found |= _mixed(job, settings, model, validation, target_facts, objective.loss)
    out = job.out("models/finetuned/{recipe}")
    out.mkdir()
    models.save_model(out, model, block, facts, target_facts, learnt_for)
    seen.write(out, training_rows)
    write_json(out / "history.json", _curves(read_json(pretrained / "history.json"), history))
    both = {"pretrain": read_json(pretrained / "gradients.json"), "finetune": gradients}
    write_json(out / "gradients.json", {phase: found for phase, found in both.items() if found})
    report = {
        measure.PRIMARY.name: round(best[f"validation_{measure.PRIMARY.name}"], 6),
        "loss": best["validation_loss"],
        "best_epoch": best["epoch"],
        "epochs": len(history),
        "rows": len(training),
        **({"cut": training.cut} if training.cut else {}),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "learning_parameters": learnt,
        **found,
    }
    write_json(job.out("reports/{recipe}/finetune.json"), report)
    job.run.headline({f"validation.{name}": report[name] for name in (measure.PRIMARY.name, "loss")})


def _mixed(
    job: Job, settings: Finetune, model: Any, validation: Any, target_facts: dict[str, Any], loss: Any
) -> dict[str, float]:
    """Return how good a model is once there are counts beside its net, on validation rows."""
    from chainrule.evaluation import primary
    from chainrule.system import plugins
    from chainrule.training import prediction

    measure = plugins.load(f"tasks.{job.block['task']}", "metrics").measure
    kind = plugins.load("training.targets", job.block["target"])
    outputs, target = prediction.predict(model, validation, settings.batch_size, job.say), validation.target.numpy()
    score = primary.value(measure, outputs, target, target_facts)
    job.say(f"with naive Bayes beside the net: {measure.PRIMARY.name} {score:.4f}")
    return {
        measure.PRIMARY.name: round(score, 6),
        "loss": round(kind.deciding(loss, outputs, target)[kind.DECIDES], 6),
    }


def _curves(pretraining: list[dict[str, Any]], finetuning: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the history of both trainings in one list, the phase named in each record."""
    phases = {"pretrain": pretraining, "finetune": finetuning}
    return [{"phase": phase, **record} for phase, records in phases.items() for record in records]


if __name__ == "__main__":
    main("finetune", finetune, trains=True)
