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
