"""What bag-of-words models see in texts: they take seconds and are hard to beat on a few thousand rows.

Wang and Manning 2012, "Baselines and bigrams", section 2: naive Bayes on binarised word 1- and 2-grams;
logistic regression on tf-idf is the other usual choice. Words are what `chainrule.fields.text.words` finds, in their
case, and every other sign is a word of its own, so that "!" counts.
"""

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.evaluation.selection import Family
from chainrule.fields.text import words

FEW_ROWS: int | None = None
"""However many rows there are, every fold is held out once."""
INVERSE_PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0)
SMOOTHINGS = (3.0, 1.0, 0.3, 0.1)


def features(train: Sequence[Sequence[str]], test: Sequence[Sequence[str]]) -> tuple[Any, Any]:
    """Return sparse float64 [N, words] of training and test rows: how often each 1- and 2-gram occurs.

    One list of texts per input field. Of several fields each has columns of its own, and each two of them those
    of what occurs in both.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    counts = CountVectorizer(
        tokenizer=partial(words, signs=True), token_pattern=None, lowercase=False, ngram_range=(1, 2), dtype=np.float64
    )
    stacked = counts.fit_transform(itertools.chain.from_iterable(train))
    rows = len(train[0])
    seen = [stacked[place * rows : (place + 1) * rows] for place in range(len(train))]
    return _beside(seen), _beside([counts.transform(texts) for texts in test])


def classifiers() -> dict[str, Family]:
    """Return the simple models of one label."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Binarizer

    def naive_bayes(smoothing: float) -> Any:
        return make_pipeline(Binarizer(), MultinomialNB(alpha=smoothing))

    def logistic_regression(inverse_penalty: float) -> Any:
        return _weighted(LogisticRegression(C=inverse_penalty, tol=1e-5, max_iter=1000))

    return {
        "naive_bayes": Family("naive Bayes", naive_bayes, SMOOTHINGS),
        "tfidf_logistic_regression": Family("logistic regression", logistic_regression, INVERSE_PENALTIES),
    }


def one_vs_rest() -> dict[str, Family]:
    """Return the simple models of a set of labels."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    def logistic_regression(inverse_penalty: float) -> Any:
        # Of sparse rows and two classes liblinear takes a fraction of the time of the others.
        one = LogisticRegression(C=inverse_penalty, solver="liblinear", tol=1e-3, random_state=0)
        return _weighted(OneVsRestClassifier(one))

    return {"tfidf_logistic_regression": Family("logistic regression", logistic_regression, (1.0, 10.0, 100.0))}


def regressors() -> dict[str, Family]:
    """Return the simple models of a number."""
    from sklearn.linear_model import Ridge

    return {
        "tfidf_ridge_regression": Family(
            "ridge regression", lambda penalty: _weighted(Ridge(penalty)), (10.0, 3.0, 1.0, 0.3, 0.1)
        )
    }


def _weighted(model: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.pipeline import make_pipeline

    return make_pipeline(TfidfTransformer(sublinear_tf=True), model)


def _beside(fields: Sequence[Any]) -> Any:
    from scipy.sparse import hstack

    if len(fields) == 1:
        return fields[0]
    return hstack([*fields, *(one.minimum(other) for one, other in itertools.combinations(fields, 2))], format="csr")
