"""The numbers one compares models by."""

from typing import Any

from chainrule.evaluation.headline import headline, summary


def score(value: float | None) -> dict[str, Any]:
    return {"value": value, "low": value, "high": value}


def scores(accuracy: float, log_loss: float | None) -> dict[str, Any]:
    named = {"accuracy": score(accuracy), "macro_f1": score(0.5), "log_loss": score(log_loss)}
    return {**named, "roc_auc": score(0.7), "rows": 40, "per_class": {"a": {"f1": score(0.5)}}}


def test_a_handful_of_scores_and_the_best_floor_are_what_dvc_shows() -> None:
    report = {"test": scores(0.75, 0.6), "floor": {"poor": scores(0.25, 1.4), "fair": scores(0.5, 1.1)}}
    assert summary(report) == {
        "accuracy": 0.75,
        "accuracy_low": 0.75,
        "accuracy_high": 0.75,
        "best_floor": 0.5,
        "macro_f1": 0.5,
        "log_loss": 0.6,
        "rows": 40,
    }


def test_what_the_test_rows_cannot_tell_is_left_out() -> None:
    report = {"test": scores(0.75, None), "floor": {}}
    assert {"log_loss", "best_floor"}.isdisjoint(summary(report))
    assert "test.log_loss" not in headline(report) and headline(report)["test.accuracy"] == 0.75
