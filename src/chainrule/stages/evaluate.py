"""Evaluate: the scores on the test split with their intervals, beside the floors on the same rows."""

from pathlib import Path
from typing import Any

from chainrule.data.losses import Losses, losses
from chainrule.recipes.evaluate import Evaluate
from chainrule.stages.job import Job, main
from chainrule.system.files import read_json, read_rows, write_json

BATCH_SIZE = 256
WORST = 12
CONFUSED = 10
CURVES = ("train_loss", "validation_loss", "validation_accuracy")
FIGURES = {
    "scores": "The model's scores beside the floors, with 95% intervals",
    "confusion_matrix": "Confusion matrix of the test rows",
    "roc": "ROC curves of the test rows",
    "reliability": "Reliability of the probabilities on the test rows",
    "learning_curves": "Learning curves of pretraining and fine-tuning",
}


def evaluate(job: Job) -> None:
    """Score the model and the floors on the test rows; of all stages this one alone reads them."""
    from chainrule.evaluation.calibration import softmax
    from chainrule.evaluation.headline import headline, summary
    from chainrule.evaluation.intervals import scores
    from chainrule.system import plugins
    from chainrule.training import device, models, prediction, rows

    settings = job.section("evaluate", Evaluate)
    device.prepare(job.cores)
    folder = job.dep("models/finetuned/{recipe}")
    test = read_rows(job.dep("data/split/{recipe}/test.parquet"))
    model, card, facts = models.load_model(folder)
    inputs = rows.to_inputs(test, card, facts, card["target_facts"])
    job.run.dataset(job.recipe, len(test), "test", f"data/split/{job.recipe}/test.parquet")
    labels = inputs.target.numpy()
    probabilities = softmax(prediction.predict(model, inputs, BATCH_SIZE)["logits"], temperature=1.0)

    measure = plugins.load(f"tasks.{card['task']}", "metrics")

    def score(predicted: Any) -> dict[str, Any]:
        return scores(
            measure,
            {"probabilities": predicted},
            labels,
            card["target_facts"],
            groups=test["group"].to_numpy(),
            resamples=settings.resamples,
            seed=job.seed,
            progress=job.track,
        )

    job.say(f"scores the model and its floors on {len(test):,} test rows")
    floors = _floors(job, card, test)
    report = {"test": score(probabilities), "floor": {name: score(predicted) for name, predicted in floors.items()}}
    write_json(job.out("reports/{recipe}/metrics.json"), _compact(report))
    write_json(job.out("reports/{recipe}/headline.json"), summary(report, measure))
    plots = job.out("reports/{recipe}/plots")
    plots.mkdir()
    history = read_json(folder / "history.json")
    _write_curves(job.out("reports/{recipe}/curves"), history)
    _draw(job, plots, labels, probabilities, card["target_facts"]["classes"], history, report)
    _page(job, card, measure, test, labels, probabilities, report, plots)
    job.run.headline(headline(report))
    for picture in sorted(plots.iterdir()):
        job.run.artifact(picture, "figures")
    _say(job, report, measure.PRIMARY)
    for warning in _warnings(job, report):
        job.warn(warning)


def _say(job: Job, report: dict[str, Any], decisive: Any) -> None:
    """Say where the model stands, then the scores behind it."""
    from chainrule.evaluation import primary, quality

    found = quality.quality(report, decisive)
    if quality.is_under(found):
        job.warn(f"{quality.in_words(found)}; {quality.REMEDY}")
    elif found is not None:
        job.say(quality.in_words(found))
    for name, scores in (("model", report["test"]), *report["floor"].items()):
        said = primary.interval(decisive.unit, scores[decisive.name])
        job.say(f"{name}: {primary.words(decisive.name)} {said}{primary.of_unit(decisive.unit)}")


def _warnings(job: Job, report: dict[str, Any]) -> list[str]:
    """Return what a reader of the scores must know of the rows: that many were lost, that classes were not tested."""
    lost = _lost(job)
    absent = [name for name, scores in report["test"]["per_class"].items() if not scores["support"]]
    more = f" and {len(absent) - CONFUSED:,} more" if len(absent) > CONFUSED else ""
    untested = f"no test row is of class {', '.join(absent[:CONFUSED])}{more}: the scores say nothing of it"
    return [*([str(lost)] if lost.loud else []), *([untested] if absent else [])]


def _lost(job: Job) -> Losses:
    return losses(read_json(job.dep("reports/{recipe}/clean.json")), read_json(job.dep("reports/{recipe}/split.json")))


def _floors(job: Job, card: dict[str, Any], test: Any) -> dict[str, Any]:
    """Return the probabilities of simple models trained on the same training rows, on the same test rows."""
    from chainrule.system import plugins

    train = read_rows(job.dep("data/split/{recipe}/train.parquet"))
    numbers = {name: number for number, name in enumerate(card["target_facts"]["classes"])}
    decode = plugins.load("fields", card["modality"]).decode
    found: dict[str, Any] = plugins.load("evaluation.floors", card["modality"]).floors(
        decode(train[card["modality"]].tolist()),
        train["label"].map(numbers).to_numpy(dtype="int64"),
        decode(test[card["modality"]].tolist()),
        len(card["target_facts"]["classes"]),
        job.seed,
        groups=train["group"].to_numpy(),
        progress=job.track,
    )
    return found


def _draw(
    job: Job, folder: Path, labels: Any, probabilities: Any, classes: list[str], history: Any, report: dict[str, Any]
) -> None:
    from chainrule.evaluation import figures
    from chainrule.evaluation import fonts as class_labels

    if missing := class_labels.undrawable(classes):
        job.say(
            f"no font of this machine has the letters of {len(missing)} of {len(classes)} class names, such as "
            f"{missing[0]}: figures show their numbers in report.html; a font that has them, once installed, is used"
        )
    figures.confusion_matrix(labels, probabilities.argmax(axis=1), classes, folder / "confusion_matrix.png")
    figures.roc_curves(labels, probabilities, classes, folder / "roc.png")
    figures.reliability_diagram(labels, probabilities, folder / "reliability.png")
    figures.learning_curves(history, folder / "learning_curves.png")
    figures.scores_beside_floors(report["test"], report["floor"], folder / "scores.png")


def _write_curves(folder: Path, history: list[dict[str, Any]]) -> None:
    """Write each curve of the trainings as a CSV of its own: `dvc plots` lays those of experiments over one another."""
    import pandas as pd

    folder.mkdir()
    for phase in ("pretrain", "finetune"):
        epochs = pd.DataFrame([epoch for epoch in history if epoch["phase"] == phase])
        for curve in CURVES:
            if curve in epochs:
                points = epochs[["epoch", curve]].dropna()
                points.to_csv(folder / f"{phase}_{curve}.csv", index=False, float_format="%.6f")


def _compact(report: dict[str, Any]) -> dict[str, Any]:
    """Return the report without the floors' scores per class: nobody compares those."""
    floors = report["floor"].items()
    return {
        **report,
        "floor": {name: {key: score[key] for key in score if key != "per_class"} for name, score in floors},
    }


def _page(
    job: Job,
    card: dict[str, Any],
    measure: Any,
    test: Any,
    labels: Any,
    probabilities: Any,
    report: dict[str, Any],
    plots: Path,
) -> None:
    """Write the recipe's report as one page that needs nothing else."""
    from chainrule.evaluation import report as page

    mistakes = [
        page.Mistake(
            test["id"].iloc[row],
            test[card["modality"]].iloc[row],
            card["target_facts"]["classes"][labels[row]],
            card["target_facts"]["classes"][probabilities[row].argmax()],
            float(probabilities[row].max()),
        )
        for row in page.worst_mistakes(labels, probabilities, most=WORST)
    ]
    source = read_json(job.dep("data/raw/{recipe}/source.json"))
    facts = {
        "task": card["task"],
        "net": card["net"]["name"],
        "data": source["name"],
        **({"about": source["description"]} if "description" in source else {}),
        "rows": str(_lost(job)),
    }
    figures = [
        page.Figure(plots / f"{name}.png", caption, wide=name not in ("roc", "reliability"))
        for name, caption in FIGURES.items()
    ]
    confused = page.most_confused(labels, probabilities.argmax(axis=1), card["target_facts"]["classes"], CONFUSED)
    html = page.to_html(
        job.recipe, measure, report["test"], report["floor"], facts, figures, mistakes, confused, _warnings(job, report)
    )
    path = job.out("reports/{recipe}/report.html")
    path.write_text(html, encoding="utf-8")
    job.run.artifact(path)


if __name__ == "__main__":
    main("evaluate", evaluate, trains=True)
