"""The numbers one compares models by."""

from typing import Any

from chainrule.evaluation.headline import headline, summary
from chainrule.evaluation.scores import label, number


def score(value: float | None) -> dict[str, Any]:
    return {"value": value, "low": value, "high": value}


def scores(accuracy: float, log_loss: float | None) -> dict[str, Any]:
    named = {"accuracy": score(accuracy), "macro_f1": score(0.5), "log_loss": score(log_loss)}
    return {**named, "roc_auc": score(0.7), "rows": 40, "per_class": {"a": {"f1": score(0.5)}}}


def test_a_handful_of_scores_and_the_best_floor_are_what_dvc_shows() -> None:
    report = {"test": scores(0.75, 0.6), "floor": {"poor": scores(0.25, 1.4), "fair": scores(0.5, 1.1)}}
    assert summary(report, label) == {
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
    assert {"log_loss", "best_floor"}.isdisjoint(summary(report, label))
    assert "test.log_loss" not in headline(report) and headline(report)["test.accuracy"] == 0.75


def test_of_a_metric_where_less_is_better_the_best_floor_is_the_least() -> None:
    def found(error: float) -> dict[str, Any]:
        shown = (number.PRIMARY.name, *number.HEADLINE)
        return {**{name: score(error) for name in shown}, "rows": 40}

    report = {"test": found(1.0), "floor": {"mean": found(3.0), "ridge_regression": found(2.0)}}
    assert summary(report, number)["best_floor"] == 2.0
    assert summary(report, number)["mean_absolute_error_low"] == 1.0
