"""Linear models of numbers that stand for a picture or a sound, by what they are to tell."""

from typing import Any

from chainrule.evaluation.selection import Family


def classifiers() -> dict[str, Family]:
    """Return the simple models of one label."""
    from sklearn.linear_model import LogisticRegression

    def logistic_regression(inverse_penalty: float) -> Any:
        return LogisticRegression(C=inverse_penalty, tol=1e-3, max_iter=1000)

    return {"logistic_regression": Family("logistic regression", logistic_regression, (1e-3, 1e-2, 1e-1))}


def one_vs_rest() -> dict[str, Family]:
    """Return the simple models of a set of labels."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    def logistic_regression(inverse_penalty: float) -> Any:
        return OneVsRestClassifier(LogisticRegression(C=inverse_penalty, tol=1e-3, max_iter=1000))

    return {"logistic_regression": Family("logistic regression", logistic_regression, (1e-3, 1e-2, 1e-1))}


def regressors() -> dict[str, Family]:
    """Return the simple models of a number."""
    from sklearn.linear_model import Ridge

    return {"ridge_regression": Family("ridge regression", lambda penalty: Ridge(penalty), (1e4, 1e3, 1e2, 1e1))}
