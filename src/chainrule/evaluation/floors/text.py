"""Floors for texts: bag-of-words models that take seconds and are hard to beat on a few thousand rows.

Wang and Manning 2012, "Baselines and bigrams", section 2: naive Bayes on binarised word 1- and 2-grams;
logistic regression on tf-idf is the other usual choice. Words are what `chainrule.fields.text.words` finds, in their
case, and every other sign is a word of its own, so that "!" counts.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.evaluation.bootstrap import Progress, unseen
from chainrule.evaluation.selection import best, folds
from chainrule.fields.text import words

# From the most cautious: a tie goes to the first.
INVERSE_PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0)
SMOOTHINGS = (3.0, 1.0, 0.3, 0.1)


def floors(
    train_inputs: Sequence[str],
    train_labels: np.ndarray,
    test_inputs: Sequence[str],
    classes: int,
    seed: int,
    groups: Sequence[Any] | np.ndarray | None = None,
    progress: Progress = unseen,
) -> dict[str, np.ndarray]:
    """Probabilities float64 [N_test, classes] of each floor: majority_class, naive_bayes,
    tfidf_logistic_regression.

    `train_labels` are int in 0..classes-1; `groups` [N_train] stay whole in the cross-validation that chooses
    each strength by accuracy on the training rows alone; where too few rows can be held out, the most
    cautious strength stays. A class without training rows gets probability 0. Raises ValueError on inputs
    that do not fit together.
    """
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline
    from threadpoolctl import threadpool_limits

    if len(train_inputs) != len(train_labels) or not len(train_labels):
        raise ValueError(f"{len(train_inputs)} training texts and {len(train_labels)} labels")
    frequencies = np.bincount(train_labels, minlength=classes) / len(train_labels)
    floor = {"majority_class": np.tile(frequencies, (len(test_inputs), 1))}
    if np.count_nonzero(frequencies) < 2:
        # One class in training: every model says just that.
        return dict.fromkeys(("majority_class", "naive_bayes", "tfidf_logistic_regression"), floor["majority_class"])

    counts = CountVectorizer(
        tokenizer=partial(words, signs=True), token_pattern=None, lowercase=False, ngram_range=(1, 2), dtype=np.float64
    )
    train = counts.fit_transform(train_inputs)
    test = counts.transform(test_inputs)
    chosen_on = folds(train_labels, groups, seed)

    def naive_bayes(smoothing: float) -> Any:
        return MultinomialNB(alpha=smoothing)

    def logistic_regression(inverse_penalty: float) -> Any:
        weights = TfidfTransformer(sublinear_tf=True)
        return make_pipeline(weights, LogisticRegression(C=inverse_penalty, tol=1e-5, max_iter=1000))

    once, test_once = train.sign(), test.sign()
    # Sparse products take one thread anyway; more would only spin over the solver's short vectors.
    with threadpool_limits(1):
        smoothing = best(naive_bayes, SMOOTHINGS, once, train_labels, chosen_on, progress, "naive Bayes")
        inverse_penalty = best(
            logistic_regression, INVERSE_PENALTIES, train, train_labels, chosen_on, progress, "logistic regression"
        )
        fitted = {
            "naive_bayes": (naive_bayes(smoothing).fit(once, train_labels), test_once),
            "tfidf_logistic_regression": (
                logistic_regression(inverse_penalty).fit(train, train_labels),
                test,
            ),
        }
    for name, (model, inputs) in fitted.items():
        floor[name] = np.zeros((len(test_inputs), classes))
        floor[name][:, model.classes_] = model.predict_proba(inputs)
    return floor
