"""What one compares models by."""

from typing import Any


def headline(report: dict[str, Any]) -> dict[str, float]:
    """Return the scores of `reports/<recipe>/metrics.json` as flat metrics of a model.

    `test.<score>` with its bounds `test.<score>.low` and `.high`, and `floor.<name>.<score>`; no scores per class.
    """
    found = {}
    floors = ((f"floor.{name}", scores) for name, scores in report["floor"].items())
    for prefix, scores in (("test", report["test"]), *floors):
        for name, score in scores.items():
            if isinstance(score, dict) and score.get("value") is not None:
                found[f"{prefix}.{name}"] = score["value"]
                if prefix == "test":
                    found |= {f"test.{name}.{bound}": score[bound] for bound in ("low", "high")}
    return found


def exported(report: dict[str, Any]) -> dict[str, float]:
    """Return the numbers of `reports/<recipe>/export.json` as flat metrics of a model, `export.<variant>.<key>`."""
    variants = report["variants"].items()
    return {
        "export.agreement": report["validation"]["agreement"],
        "export.bytes": report["bytes"],
        **{
            f"export.{name}.{key}": value
            for name, found in variants
            for key, value in found.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        },
    }


def summary(report: dict[str, Any]) -> dict[str, float]:
    """Return the handful of `reports/<recipe>/metrics.json` that `dvc metrics show` and `dvc exp show` show.

    `best_floor` is the accuracy of the best floor. What a test split cannot tell is left out.
    """
    test = report["test"]
    accuracy = test["accuracy"]
    found = {
        "accuracy": accuracy["value"],
        "accuracy_low": accuracy["low"],
        "accuracy_high": accuracy["high"],
        "best_floor": max((floor["accuracy"]["value"] for floor in report["floor"].values()), default=None),
        **{name: test[name]["value"] for name in ("macro_f1", "log_loss")},
        "rows": test["rows"],
    }
    return {name: value for name, value in found.items() if value is not None}
