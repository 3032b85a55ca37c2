"""What simple models see in the rows of a table: a linear one, and gradient-boosted trees, which are hard to beat.

Friedman 2001, "Greedy function approximation: a gradient boosting machine", https://doi.org/10.1214/aos/1013203451, on
histograms (scikit-learn, after LightGBM). A column of strings is one of dates if each of its cells is one, and of
categories otherwise; categories of fewer than FEWEST training rows, and so texts, are left out.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.evaluation.selection import Family
from chainrule.fields.encoding import DATE_PARTS, Row, category, numbers

if TYPE_CHECKING:
    import pandas as pd

FEW_ROWS: int | None = 10_000
"""With more rows than this, one fold held out says enough about a strength."""
FEWEST = 5
MOST = 250
"""Categories of a column; the trees take no more than 255."""
TREES = (50.0, 100.0, 200.0, 400.0, 800.0)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d)?")


def features(train: Sequence[Sequence[Row]], test: Sequence[Sequence[Row]]) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Return training and test rows as tables of numbers (NaN where missing) and categories; one input field."""
    (seen,), (asked,) = train, test
    kinds = {column: _kind([row[column] for row in seen]) for column in seen[0]}
    return _table(seen, seen, kinds), _table(asked, seen, kinds)


def classifiers() -> dict[str, Family]:
    """Return the simple models of one label."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    def logistic_regression(inverse_penalty: float) -> Any:
        return _prepared(LogisticRegression(C=inverse_penalty, max_iter=1000))

    return {
        "logistic_regression": Family("logistic regression", logistic_regression, (1e-3, 1e-2, 1e-1, 1.0, 10.0)),
        "gradient_boosting": Family("gradient boosting", partial(_boosted, HistGradientBoostingClassifier), TREES),
    }


def regressors() -> dict[str, Family]:
    """Return the simple models of a number."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import Ridge

    def ridge_regression(penalty: float) -> Any:
        return _prepared(Ridge(penalty))

    return {
        "ridge_regression": Family("ridge regression", ridge_regression, (1e3, 1e2, 1e1, 1.0)),
        "gradient_boosting": Family("gradient boosting", partial(_boosted, HistGradientBoostingRegressor), TREES),
    }


def _boosted(model: Any, trees: float) -> Any:
    return model(max_iter=int(trees), early_stopping=False, categorical_features="from_dtype", random_state=0)


def _prepared(model: Any) -> Any:
    """Return a linear model of standardised numbers, gaps at their median, and one-hot categories."""
    from sklearn.compose import ColumnTransformer, make_column_selector
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    columns = [
        ("numbers", scaled, make_column_selector(dtype_include="number")),
        ("categories", OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include="category")),
    ]
    return make_pipeline(ColumnTransformer(columns), model)


def _kind(cells: Sequence[Any]) -> str:
    """Return the kind of a column; of one value alone nothing can be learnt."""
    there = [cell for cell in cells if cell is not None]
    if len(set(there)) < 2:
        return "none"
    if all(isinstance(cell, int | float) for cell in there):  # a boolean is a number, too
        return "number"
    return "date" if all(_DATE.fullmatch(cell) for cell in there) else "category"


def _table(rows: Sequence[Row], seen: Sequence[Row], kinds: dict[str, str]) -> "pd.DataFrame":
    """Return rows as a table whose categories are those of the training rows."""
    import pandas as pd

    dates = [(column, tuple(DATE_PARTS)) for column, kind in kinds.items() if kind == "date"]
    plain = [column for column, kind in kinds.items() if kind == "number"]
    found: list[Any] = list(numbers(rows, plain, dates).T.astype(np.float64))
    for column in (column for column, kind in kinds.items() if kind == "category"):
        counts = Counter(str(category(row[column])) for row in seen if row[column] is not None)
        often = sorted(name for name, count in counts.most_common(MOST) if count >= FEWEST)
        if often:
            known = {name: name for name in often}
            found.append(pd.Categorical([known.get(str(category(row[column]))) for row in rows], categories=often))
    return pd.DataFrame({f"x{place}": values for place, values in enumerate(found)})
