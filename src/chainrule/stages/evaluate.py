"""Evaluate: the scores on the test split with their intervals, beside the floors on the same rows."""

from pathlib import Path
from typing import Any

from chainrule.files import read_json, read_rows, write_json
from chainrule.params.evaluate import Evaluate
from chainrule.stages.job import Job, main

BATCH_SIZE = 256


def evaluate(job: Job) -> None:
    """Score the model and the floors on the test rows; of all stages this one alone reads them."""
    from chainrule import plugins
    from chainrule.evaluation.calibration import softmax
    from chainrule.evaluation.scores import classification_scores
    from chainrule.training import device, loop, weights

    settings = job.section("evaluate", Evaluate)
    device.prepare(job.cores)
    folder = job.dep("models/finetuned/{recipe}")
    test = read_rows(job.dep("data/split/{recipe}/test.parquet"))
    model, card, facts = weights.load_model(folder)
    inputs = plugins.load("training.inputs", card["modality"]).from_rows(test, facts, card["classes"])
    job.run.dataset(name=job.recipe, rows=len(test), source=f"data/split/{job.recipe}/test.parquet", context="test")
    labels = inputs.labels.numpy()
    probabilities = softmax(loop.predict(model, inputs, model.inputs, BATCH_SIZE).numpy(), temperature=1.0)

    def score(predicted: Any) -> dict[str, Any]:
        groups = test["group"].to_numpy()
        return classification_scores(
            labels, predicted, card["classes"], groups=groups, resamples=settings.resamples, seed=job.seed
        )

    job.say(f"scores the model and its floors on {len(test):,} test rows")
    floors = _floors(job, card, test)
    report = {"test": score(probabilities), "floor": {name: score(predicted) for name, predicted in floors.items()}}
    write_json(job.out("reports/{recipe}/metrics.json"), report)
    plots = job.out("reports/{recipe}/plots")
    plots.mkdir()
    history = read_json(folder / "history.json")
    _draw(plots, labels, probabilities, card["classes"], history, report)
    _page(job, card, test, probabilities, report, plots)
    job.run.headline(_headline(report))
    for picture in sorted(plots.iterdir()):
        job.run.artifact(picture, "figures")
    for name, scores in (("model", report["test"]), *report["floor"].items()):
        accuracy = scores["accuracy"]
        job.say(f"{name}: accuracy {accuracy['value']:.4f} ({accuracy['low']:.4f} to {accuracy['high']:.4f})")


def _floors(job: Job, card: dict[str, Any], test: Any) -> dict[str, Any]:
    """Return the probabilities of simple models trained on the same training rows, on the same test rows."""
    from chainrule import plugins

    train = read_rows(job.dep("data/split/{recipe}/train.parquet"))
    numbers = {name: number for number, name in enumerate(card["classes"])}
    column = card["modality"]
    found: dict[str, Any] = plugins.load("evaluation.floors", card["modality"]).floors(
        train[column].tolist(),
        train["label"].map(numbers).to_numpy(dtype="int64"),
        test[column].tolist(),
        len(card["classes"]),
        job.seed,
        groups=train["group"].to_numpy(),
    )
    return found


def _draw(folder: Path, labels: Any, probabilities: Any, classes: list[str], history: Any, report: dict[str, Any]) -> None:
    from chainrule.evaluation import figures

    figures.confusion_matrix(labels, probabilities.argmax(axis=1), classes, folder / "confusion_matrix.png")
    figures.roc_curves(labels, probabilities, classes, folder / "roc.png")
    figures.reliability_diagram(labels, probabilities, folder / "reliability.png")
    figures.learning_curves(history, folder / "learning_curves.png")
    figures.scores_beside_floors(report["test"], report["floor"], folder / "scores.png")


def _headline(report: dict[str, Any]) -> dict[str, float]:
    """Return what one compares chains by: the test scores with their bounds, and every floor's scores."""
    found = {}
    for prefix, scores in (("test", report["test"]), *((f"floor.{name}", scores) for name, scores in report["floor"].items())):
        for name, score in scores.items():
            if isinstance(score, dict) and score.get("value") is not None:
                found[f"{prefix}.{name}"] = score["value"]
                if prefix == "test":
                    found |= {f"test.{name}.{bound}": score[bound] for bound in ("low", "high")}
    return found
