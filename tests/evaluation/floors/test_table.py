"""Floors on the rows of tables."""

import numpy as np

from chainrule.evaluation.floors import label, number, table

Rows = list[dict[str, object]]


def rows(count: int, seed: int) -> tuple[Rows, np.ndarray]:
    """Rows of every kind with gaps, and whether one number is above another on Sundays, which no linear model tells."""
    random = np.random.default_rng(seed)
    made: Rows = []
    for _ in range(count):
        day, first, second = int(random.integers(0, 28)), float(random.normal()), float(random.normal())
        made.append(
            {
                "first": first if random.random() > 0.1 else None,
                "second": second,
                "kind": str(random.choice(["a", "b", "c"])) if random.random() > 0.1 else None,
                "name": f"somebody {random.integers(1_000_000)}",
                "when": f"2012-01-{day + 1:02}",
                "yes": bool(random.random() > 0.5),
                "nothing": None,
            }
        )
    target = [(row["second"] > 0) == (row["kind"] == "a") for row in made]  # type: ignore[operator]
    return made, np.array(target)


def test_features_are_numbers_dates_and_categories_and_names_are_left_out() -> None:
    seen, asked = table.features([rows(50, 0)[0]], [[*rows(3, 1)[0], rows(1, 2)[0][0] | {"kind": "never met"}]])
    kinds = [dtype.name for dtype in seen.dtypes]
    assert kinds == ["float64"] * 10 + ["category"]  # two numbers, yes, seven parts of a date; the kind
    assert asked.dtypes.tolist() == seen.dtypes.tolist()
    assert asked.iloc[:, -1].isna().tolist()[-1]


def test_trees_tell_what_a_linear_model_cannot() -> None:
    (train, target), (test, truth) = rows(300, 0), rows(100, 1)
    found = label.floors(table, [train], target.astype(int), [test], {"classes": ["no", "yes"]}, 0)
    right = {name: float((said["probabilities"].argmax(1) == truth).mean()) for name, said in found.items()}
    assert list(right) == ["majority_class", "logistic_regression", "gradient_boosting"]
    assert right["gradient_boosting"] > 0.95
    assert right["logistic_regression"] < 0.8


def test_a_number_has_linear_and_boosted_floors() -> None:
    (train, _), (test, _) = rows(300, 0), rows(100, 1)
    target, truth = (np.array([3 * float(row["second"]) + 1 for row in part]) for part in (train, test))  # type: ignore[arg-type]
    found = number.floors(table, [train], target, [test], {"mean": 1.0, "std": 3.0}, 0)
    error = {name: float(np.abs(said["value"] - truth).mean()) for name, said in found.items()}
    assert error["ridge_regression"] < 0.1
    assert error["gradient_boosting"] < 0.5 < error["mean"]
