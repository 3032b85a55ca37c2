"""Evaluate: the scores on the test split with their intervals, beside the floors on the same rows."""

from functools import partial
from pathlib import Path
from typing import Any

from chainrule.data.losses import Losses, losses
from chainrule.recipes.evaluate import Evaluate
from chainrule.stages.job import Job, main
from chainrule.system.errors import ChainruleError
from chainrule.system.files import read_json, read_rows, write_json

BATCH_SIZE = 256
WORST = 12


def evaluate(job: Job) -> None:
    """Score the model and the floors on the test rows; of all stages this one alone reads them."""
    from chainrule.evaluation.advice import advice
    from chainrule.evaluation.headline import headline, summary
    from chainrule.evaluation.intervals import scores
    from chainrule.system import plugins
    from chainrule.training import device, models, prediction, rows

    settings = job.section("evaluate", Evaluate)
    device.prepare(job.cores)
    folder = job.dep("models/finetuned/{recipe}")
    test = read_rows(job.dep("data/split/{recipe}/test.parquet"))
    model, card, facts = models.load_model(folder)
    known = card["target_facts"]
    job.run.dataset(job.recipe, len(test), "test", f"data/split/{job.recipe}/test.parquet")
    measure = plugins.load(f"tasks.{card['task']}", "metrics").measure
    inputs = rows.to_inputs(test, card, facts, known)
    outputs = prediction.predict(model, inputs, BATCH_SIZE, job.say)
    target = rows.encoded_target(test, card, known)
    _refuse_not_finite(outputs)
    grouped = _grouped(test, card, settings.by)

    def score(said: Any) -> dict[str, Any]:
        return scores(
            measure,
            said,
            target,
            known,
            groups=test["group"].to_numpy(),
            resamples=settings.resamples,
            seed=job.seed,
            progress=job.track,
        )

    job.say(f"scores the model and its floors on {len(test):,} test rows")
    train = read_rows(job.dep("data/split/{recipe}/train.parquet"))
    read_by = {name: facts[name] for name in ("tokenizer",) if name in facts}
    floors = _floors(job, card, train, test, read_by)
    report = {
        "test": score(outputs),
        "floor": {name: score(said) for name, said in floors.items()},
        "uncertainty": _doubt(job, settings, model, card, facts, outputs, target),
    }
    if hasattr(inputs, "alone"):  # of several kinds, of which a row may lack one
        by_input = inputs.alone().items()
        report["alone"] = {name: score(prediction.predict(model, own, BATCH_SIZE, job.say)) for name, own in by_input}
    write_json(job.out("reports/{recipe}/metrics.json"), _compact(report))
    write_json(job.out("reports/{recipe}/headline.json"), summary(report, measure))
    fair = _fairness(job, settings, measure, grouped, outputs, target, known, test["group"].to_numpy())
    write_json(job.out("reports/{recipe}/fairness.json"), fair)
    history = read_json(folder / "history.json")
    _write_curves(job.out("reports/{recipe}/curves"), history, measure.PRIMARY.name)
    weights = sum(parameter.numel() for parameter in model.parameters())
    of_base = card["target"] if card["target"] in ("continuation", "neighbours") else card["modality"]
    to_try = advice(job.recipe, of_base, card["base"]["from"], len(train), weights, history)
    _show_pretraining(job)
    _show_gradients(job, read_json(folder / "gradients.json"))
    face = plugins.load(f"tasks.{card['task']}", "model")
    said = face.samples(model, inputs, facts, job.seed) if hasattr(face, "samples") else None
    _show(job, card, measure, test, outputs, target, history, report, to_try, fair, read_by, said)
    job.run.headline(headline(report))
    _say(job, report, measure.PRIMARY, to_try)
    for warning in _warnings(job, card, report):
        job.warn(warning)


def _doubt(
    job: Job, settings: Evaluate, model: Any, card: dict[str, Any], facts: Any, outputs: Any, target: Any
) -> dict[str, Any]:
    """Return the lines that validation rows draw of an answer's doubt, and what they are worth on the test rows."""
    from chainrule.system import plugins
    from chainrule.training import prediction, rows

    kind, known = plugins.load("evaluation.uncertainty", card["target"]), card["target_facts"]
    held_out = read_rows(job.dep("data/split/{recipe}/validation.parquet"))
    said = prediction.predict(model, rows.to_inputs(held_out, card, facts, known), BATCH_SIZE, job.say)
    _refuse_not_finite(said)
    lines = kind.fit(said, rows.encoded_target(held_out, card, known), settings.uncertainty.model_dump())
    return {"lines": lines, "test": kind.measured(outputs, target, lines)}


def _grouped(test: Any, card: dict[str, Any], by: list[str]) -> dict[str, list[Any]]:
    """Return what each test row has of what the rows are grouped by; ChainruleError for what no row has."""
    from chainrule.evaluation import fairness
    from chainrule.system import plugins
    from chainrule.training import rows

    (target,) = rows.named(card, "target")
    known = fairness.known(test, card["modality"], rows.named(card, "input"), target) if by else {}
    task = plugins.load(f"tasks.{card['task']}", "figures")
    if by and hasattr(task, "grouped"):
        known = {**known, **task.grouped(test)}
    for name in by:
        if name not in known:
            raise ChainruleError(f"evaluate.by: no test row has a {name!r}; rows have {', '.join(known)}")
    return {name: known[name] for name in by}


def _fairness(
    job: Job, settings: Evaluate, measure: Any, grouped: Any, outputs: Any, target: Any, known: Any, groups: Any
) -> dict[str, Any]:
    """Return the scores of the groups of test rows by what they are grouped by, or why there are none."""
    from chainrule.evaluation import fairness
    from chainrule.evaluation.parts import NotShownError

    found: dict[str, Any] = {}
    for name, values in grouped.items():
        try:
            names = fairness.groups(values)
        except NotShownError as reason:
            found[name] = {"not_shown": str(reason)}
            job.warn(f"evaluate.by: {name} is not shown: {reason}")
            continue
        found[name] = fairness.scores(
            names, measure, outputs, target, known, groups=groups, resamples=settings.resamples, seed=job.seed
        )
        if small := fairness.warned(name, found[name]):
            job.warn(small)
    return found


def _refuse_not_finite(outputs: Any) -> None:
    import numpy as np

    for name, array in outputs.items():
        if not np.isfinite(array).all():
            raise ChainruleError(f"{name} of a row is no number: lower `finetune.learning_rate` and train again")


def _say(job: Job, report: dict[str, Any], decisive: Any, to_try: list[str]) -> None:
    """Say where the model stands, with what to try if that is under its floor, then the scores behind it."""
    from chainrule.evaluation import primary, quality

    found = quality.quality(report, decisive)
    if quality.is_under(found):
        job.warn(f"{quality.in_words(found)}; what to try:")
        for sentence in to_try:
            job.say(f"- {sentence}")
    elif found is not None:
        job.say(quality.in_words(found))
    for name, scores in (("model", report["test"]), *report["floor"].items()):
        said = primary.interval(decisive.unit, scores[decisive.name])
        job.say(f"{name}: {primary.words(decisive.name)} {said}{primary.of_unit(decisive.unit)}")


def _warnings(job: Job, card: dict[str, Any], report: dict[str, Any]) -> list[str]:
    """Return what a reader of the scores must know of the rows: that many were lost, and what the task says."""
    from chainrule.system import plugins

    lost = _lost(job)
    of_task = plugins.load(f"tasks.{card['task']}", "figures").warnings(report["test"])
    return [*([str(lost)] if lost.loud else []), *of_task]


def _lost(job: Job) -> Losses:
    return losses(read_json(job.dep("reports/{recipe}/clean.json")), read_json(job.dep("reports/{recipe}/split.json")))


def _floors(job: Job, card: dict[str, Any], train: Any, test: Any, read_by: dict[str, Any]) -> dict[str, Any]:
    """Return by name what simple models, trained on the same training rows, say of the test rows.

    read_by: the tokenizer by which the model reads texts.
    """
    from chainrule.system import plugins
    from chainrule.training import rows

    found: dict[str, Any] = plugins.load(f"tasks.{card['task']}", "floors").floors(
        plugins.load("evaluation.floors", card["modality"]),
        rows.decoded(train, card),
        rows.encoded_target(train, card, card["target_facts"]),
        rows.decoded(test, card),
        read_by | card["target_facts"],
        job.seed,
        groups=train["group"].to_numpy(),
        progress=job.track,
    )
    return found


def _write_curves(folder: Path, history: list[dict[str, Any]], metric: str) -> None:
    """Write each curve of the trainings as a CSV of its own: `dvc plots` lays those of experiments over one another."""
    import pandas as pd

    folder.mkdir()
    for phase in ("pretrain", "finetune"):
        epochs = pd.DataFrame([epoch for epoch in history if epoch["phase"] == phase])
        for curve in ("train_loss", "validation_loss", f"validation_{metric}"):
            if curve in epochs:
                points = epochs[["epoch", curve]].dropna()
                points.to_csv(folder / f"{phase}_{curve}.csv", index=False, float_format="%.6f")


def _compact(report: dict[str, Any]) -> dict[str, Any]:
    """Return the report without the scores per class of floors and of inputs alone: nobody compares those."""
    return report | {
        part: {name: {key: score[key] for key in score if key != "per_class"} for name, score in report[part].items()}
        for part in ("floor", "alone")
        if part in report
    }


def _show(
    job: Job,
    card: dict[str, Any],
    measure: Any,
    test: Any,
    outputs: Any,
    target: Any,
    history: list[dict[str, Any]],
    report: dict[str, Any],
    to_try: list[str],
    fair: dict[str, Any],
    read_by: dict[str, Any],
    said: Any,
) -> None:
    """Draw the pictures, and write the recipe's report as one page that needs nothing else."""
    from chainrule.evaluation import fairness, page
    from chainrule.evaluation import report as report_page
    from chainrule.system import plugins
    from chainrule.training import rows

    task, known, scores = plugins.load(f"tasks.{card['task']}", "figures"), card["target_facts"], report["test"]
    _say_undrawable(job, known.get("classes", []))
    plots = job.out("reports/{recipe}/plots")
    plots.mkdir()
    figures = []
    for picture in _pictures(measure, task, task.pictures(outputs, target, known), history, report, fair):
        path = plots / f"{picture.name}.png"
        picture.draw(path)
        figures.append(page.Figure(path, picture.caption, picture.wide))
        job.run.artifact(path, "figures")
    worst = task.worst(outputs, target, known, WORST)
    shown = [test[name] for name in rows.named(card, "input")]
    mistakes = []
    for wrong in worst.rows:
        inputs = [column.iloc[wrong.row] for column in shown]
        marks = task.marked(wrong.row, inputs[0], outputs, read_by) if hasattr(task, "marked") else ()
        mistakes.append(report_page.Mistake(test["id"].iloc[wrong.row], inputs, wrong, marks))
    by = [fairness.table(name, found, measure) for name, found in fair.items()]
    html = report_page.to_html(
        job.recipe,
        measure,
        scores,
        report["floor"],
        _facts(job, card),
        figures,
        [*task.tables(outputs, target, known, scores), *_alone(measure, report), *_doubted(card, report), *by],
        worst,
        mistakes,
        task.notes(scores),
        _warnings(job, card, report),
        to_try,
        said,
    )
    path = job.out("reports/{recipe}/report.html")
    path.write_text(html, encoding="utf-8")
    job.run.artifact(path)


def _alone(measure: Any, report: dict[str, Any]) -> list[Any]:
    """Return the table of what each of several inputs tells by itself, if there are several kinds."""
    from chainrule.evaluation.shown import Table, Word

    if "alone" not in report:
        return []
    rows = {"all inputs": report["test"], **{f"{name} alone": found for name, found in report["alone"].items()}}
    lines = [(Word(name), *(found[score.name] for score in measure.SCORES)) for name, found in rows.items()]
    note = "One model: of the same test rows it is shown all there is, or one input as if the other were missing."
    return [Table("Each input alone", (Word("shown"), *(score.title for score in measure.SCORES)), lines, [note])]


def _doubted(card: dict[str, Any], report: dict[str, Any]) -> list[Any]:
    """Return the table of what the lines of doubt are worth."""
    from chainrule.evaluation.shown import Table, Word
    from chainrule.system import plugins

    found = report["uncertainty"]
    shown = plugins.load("evaluation.uncertainty", card["target"]).shown(found["lines"], found["test"])
    note = f"By lines that {found['lines']['rows']:,} validation rows drew, which are those of the exported model."
    return [Table("Doubt", (Word(""), "asked", "test rows"), [(Word(what), *told) for what, *told in shown], [note])]


def _show_pretraining(job: Job) -> None:
    """Write what the net had learnt from inputs alone as a page that needs nothing else."""
    from chainrule.evaluation import pretraining

    path = job.out("reports/{recipe}/pretrain.html")
    told = read_json(job.dep("reports/{recipe}/learnt.json"))
    path.write_text(pretraining.to_html(job.recipe, told), encoding="utf-8")
    job.run.artifact(path)


def _show_gradients(job: Job, records: dict[str, Any]) -> None:
    """Write what the gradients of the trainings did: a page, pictures, and curves that `dvc plots` draws."""
    from chainrule.evaluation.gradients import page

    folder, path = job.out("reports/{recipe}/gradients"), job.out("reports/{recipe}/gradients.html")
    folder.mkdir()
    drawn = {phase: page.pictures(record) for phase, record in records.items()}
    for phase, record in records.items():
        page.write_curves(record, folder, phase)
        for name, picture in drawn[phase].items():
            (folder / f"{phase}_{name}.svg").write_text(picture, encoding="utf-8")
    path.write_text(page.to_html(job.recipe, records, drawn), encoding="utf-8")
    job.run.artifact(path)
    for picture_path in sorted(folder.glob("*.svg")):
        job.run.artifact(picture_path, "gradients")


def _say_undrawable(job: Job, classes: list[str]) -> None:
    from chainrule.evaluation import fonts

    if missing := fonts.undrawable(classes):
        job.say(
            f"no font of this machine has the letters of {len(missing)} of {len(classes)} class names, such as "
            f"{missing[0]}: figures show their numbers in report.html; a font that has them, once installed, is used"
        )


def _pictures(
    measure: Any, task: Any, of_task: list[Any], history: Any, report: dict[str, Any], fair: dict[str, Any]
) -> list[Any]:
    """Return the pictures in their order on the page: the task's own between those that every task has."""
    from chainrule.evaluation.figures import beside, by_group, curves
    from chainrule.evaluation.shown import Picture

    known = {score.name: score for score in measure.SCORES}
    first = Picture(
        "scores",
        "The model's scores beside the floors, with 95% intervals",
        lambda path: beside.scores_beside_floors(
            [known[name] for name in task.BESIDE], report["test"], report["floor"], path
        ),
    )
    last = Picture(
        "learning_curves",
        "Learning curves of pretraining and fine-tuning",
        lambda path: curves.learning_curves(history, measure.PRIMARY, path),
    )
    decisive = known[measure.PRIMARY.name]
    grouped = [
        Picture(
            f"by_{place}",
            f"{decisive.title} by {by}, with 95% intervals; the line is that of all test rows",
            partial(by_group.by_group, by, found, decisive, report["test"][decisive.name]),
        )
        for place, (by, found) in enumerate(fair.items(), 1)
        if decisive.name in next(iter(found.get("groups", {}).values()), {})
    ]
    return [first, *of_task, *grouped, last]


def _facts(job: Job, card: dict[str, Any]) -> dict[str, str]:
    source = read_json(job.dep("data/raw/{recipe}/source.json"))
    return {
        "task": card["task"],
        "net": card["net"]["name"],
        "data": source["name"],
        **({"about": source["description"]} if "description" in source else {}),
        "rows": str(_lost(job)),
    }


if __name__ == "__main__":
    main("evaluate", evaluate, trains=True)
