"""Pretrain: what the inputs alone teach — normalisation, vocabulary, and the weights of the net."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chainrule.recipes.file import given_block, plug_in
from chainrule.recipes.training import Pretrain, Training
from chainrule.stages.job import Job, main
from chainrule.system.files import read_rows, write_json


def pretrain(job: Job) -> None:
    """Learn from training and unlabelled rows without their targets; validation rows only measure."""
    import pandas as pd

    from chainrule.stages import session
    from chainrule.system import plugins
    from chainrule.training import device, fitting, rows, start, weights

    settings = job.section("pretrain", Pretrain)
    machine = device.prepare(job.cores)
    labelled = read_rows(job.dep("data/split/{recipe}/train.parquet"))
    unlabelled = read_rows(job.dep("data/split/{recipe}/unlabelled.parquet"))
    training_rows = pd.concat([labelled, unlabelled])
    inputs = plugins.load("training.inputs", job.block["modality"])
    base = start.read(job.dep("models/base/{recipe}"))
    given = given_block(job.root, job.recipe)
    resolved, said = start.resolved(job.block["net"], base, given["net"])
    block = {**job.block, "net": resolved}
    training = settings.training
    # A tokenizer learns and works outside of Python's lock; beside it, what the net needs is imported, for seconds.
    with ThreadPoolExecutor(1) as beside:
        learning = beside.submit(rows.fit_facts, training_rows, block, settings.tokenizer, base.inputs)
        plugins.load("nets", block["net"]["name"])
        facts = learning.result()
        encoding = None  # without a training nobody looks at the rows again
        if training is not None:
            encoding = beside.submit(rows.alone, training_rows, block, facts, **training.distort)
        net = weights.build_net(block, facts, job.seed)
    if base.inputs is not None:
        said += inputs.beside_base(facts, base.inputs, {**given, "net": resolved})
    fitting.check(net, block, facts, training.batch_size if training else 2)
    for line in [*said, *base.load(net)]:
        job.say(line)
    out = job.out("models/pretrained/{recipe}")
    out.mkdir()
    inputs.save_facts(facts, out)
    weights.save_net(out, block["net"], base.card)
    name, options = plug_in(settings.objective, "name")
    chosen = plugins.load("training.objectives", name)
    objective = chosen.build(net, facts, **options)
    report: dict[str, Any] = {"objective": name, "rows": len(training_rows), "parameters": _parameters(net)}
    history: list[dict[str, Any]] = []
    gradients: dict[str, Any] = {}
    learnt = None
    if objective is not None and training is not None and encoding is not None:
        job.say(f"{name} on {len(training_rows):,} rows ({machine})")
        job.run.dataset(job.recipe, len(labelled), "pretraining", f"data/split/{job.recipe}/train.parquet")
        job.run.dataset(job.recipe, len(unlabelled), "pretraining", f"data/split/{job.recipe}/unlabelled.parquet")
        validation_rows = read_rows(job.dep("data/split/{recipe}/validation.parquet"))
        # Views of one row must differ for validation, too.
        validation = rows.alone(validation_rows, block, facts, **training.distort)
        session.say_cut(job, encoding.result(), facts)
        history, gradients = _fit(job, training, objective, encoding.result(), validation)
        best = next(record for record in reversed(history) if record["best"])
        report |= {
            "epochs": len(history),
            "best_epoch": best["epoch"],
            "validation_loss": round(best["validation_loss"], 6),
        }
        learnt = chosen.show(objective, validation, facts, loss=best["validation_loss"], seed=job.seed)
    if history or base.net is not None:
        weights.save_weights(net, out / weights.WEIGHTS)
    write_json(out / "history.json", history)
    write_json(out / "gradients.json", gradients)
    write_json(job.out("reports/{recipe}/pretrain.json"), report)
    _tell(job, base.card, report, history, learnt)
    job.run.headline({f"pretrain.{key}": value for key, value in report.items() if key == "validation_loss"})


def _fit(
    job: Job, settings: Training, objective: Any, inputs: Any, validation: Any
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Train the objective; the net it holds learns. Return the history, and what is said of the gradients."""
    from chainrule.stages import session

    if hasattr(objective, "look"):  # at the training rows, once
        for warning in objective.look(inputs):
            job.warn(warning)
    return session.fit(job, settings, objective, inputs, validation, gains_from_bf16=objective.net.gains_from_bf16)


def _tell(job: Job, card: Any, report: dict[str, Any], history: list[dict[str, Any]], learnt: Any) -> None:
    """Write what is on the page of the pretraining; how that looks is no matter of this stage."""
    from chainrule.evaluation.learnt import to_json

    trained = {"rows": f"{report['rows']:,}", "weights": f"{report['parameters']:,}"} if history else {}
    facts = {"objective": report["objective"], "starts from": _started(card), **trained}
    told = {"facts": facts, "history": history, "learnt": to_json(learnt) if learnt else None}
    write_json(job.out("reports/{recipe}/learnt.json"), told)


def _started(card: dict[str, Any]) -> str:
    """Return in one line what the weights started from, of a base's card."""
    if card["from"] == "nothing":
        return "random numbers"
    known = (card.get("name"), card.get("revision"), card.get("licence"))
    return ", ".join([str(card["from"]), *(str(each) for each in known if each)])


def _parameters(net: Any) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


if __name__ == "__main__":
    main("pretrain", pretrain, trains=True)
