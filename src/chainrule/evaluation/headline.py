"""What one compares models by."""

from typing import Any

from chainrule.evaluation.primary import Measure
from chainrule.evaluation.quality import ranked


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


def summary(report: dict[str, Any], measure: Measure) -> dict[str, float]:
    """Return the handful of `reports/<recipe>/metrics.json` that `dvc metrics show` and `dvc exp show` show.

    PRIMARY with its bounds, that of the best floor as `best_floor`, and the task's further `HEADLINE`. What a test
    split cannot tell is left out.
    """
    decisive, test = measure.PRIMARY, report["test"]
    own = test[decisive.name]
    best = next(iter(ranked(report["floor"], decisive)), None)
    found = {
        decisive.name: own["value"],
        **{f"{decisive.name}_{bound}": own[bound] for bound in ("low", "high")},
        "best_floor": None if best is None else report["floor"][best][decisive.name]["value"],
        **{name: test[name]["value"] for name in measure.HEADLINE},
        "rows": test["rows"],
    }
    return {name: value for name, value in found.items() if value is not None}
