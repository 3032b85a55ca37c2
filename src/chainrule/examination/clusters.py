"""Mistakes that are alike to the model: clusters of the wrong rows, each described by what its rows have in common."""

from collections import Counter
from html import escape

import numpy as np

from chainrule.evaluation import cards
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.slices import asked
from chainrule.examination import features, slices, worst
from chainrule.examination.looked import Looked
from chainrule.system import plugins
from chainrule.training import rows

FEWEST, EACH, MOST, ROWS = 10, 10, 8, 4
"""Wrong rows that can be told apart, wrong rows for each cluster, most clusters, rows that are shown of one."""
FAR_OFF = 0.1
"""Of numbers, the share of rows furthest off, which count as wrong."""
_TELLING, _WORDS = 3, 6  # what is said of a cluster
_APART = 0.2  # by how much more of a cluster's rows something must hold than of the other wrong rows


def part(looked: Looked) -> Part:
    """Return the clusters, the largest first."""
    card = looked.card
    bad = plugins.load("evaluation.mistakes", card["target"]).bad(looked.outputs, looked.target, card["target_facts"])
    wrong = np.flatnonzero(bad if "classes" in card["target_facts"] else bad > np.quantile(bad, 1 - FAR_OFF))
    if len(wrong) < FEWEST:
        raise NotShownError(f"{len(wrong)} wrong rows are too few to be told apart")
    some = looked.rows.iloc[wrong].reset_index(drop=True)
    own = slices.clusters(features.of(looked, some), min(MOST, max(2, len(wrong) // EACH)), looked.seed)
    names = rows.named(card, "input")
    (target,) = rows.named(card, "target")
    traits = plugins.load("evaluation.slices.traits", card["modality"])
    kind = plugins.load("fields", card["target"])
    known = asked.of_rows(some, names, traits, target, kind, least=2)
    spoken = (
        traits.spoken([" ".join(texts) for texts in some[names].itertuples(index=False)])
        if hasattr(traits, "spoken")
        else []
    )
    bodies, numbers = [], []
    for name, count in Counter(own.tolist()).most_common():
        inside = own == name
        telling = _telling({each.words: (each.about, each.rows) for each in known}, inside)
        said = _said_more(spoken, inside)
        about = "; ".join([*telling, *([f"words: {', '.join(said)}"] if said else [])]) or "nothing that stands out"
        shown = cards.to_html(worst.of_rows(looked, wrong[np.flatnonzero(inside)[:ROWS]]))
        bodies.append(f"<h3>{count:,} of {len(wrong):,} wrong rows</h3><p>{escape(about)}</p>{shown}")
        numbers.append({"rows": count, "conditions": telling, "words": said})
    note = (
        "Clusters by k-means of what the last layer of the model sees of the wrong rows; what is said of one holds of "
        f"more of its rows than of the other wrong rows, by {100 * _APART:.0f} points at least."
    )
    return Part("Clusters of mistakes", f'{"".join(bodies)}<p class="note">{note}</p>', {"clusters": numbers})


def _telling(known: dict[str, tuple[str, np.ndarray]], inside: np.ndarray) -> list[str]:
    """Return the conditions, one of each column, that hold of the rows inside most and of the others least."""
    apart = {words: held[inside].mean() - held[~inside].mean() for words, (_, held) in known.items()}
    found: dict[str, str] = {}
    for words in sorted(apart, key=lambda words: -apart[words]):
        if apart[words] >= _APART:
            found.setdefault(known[words][0], words)
    return list(found.values())[:_TELLING]


def _said_more(spoken: list[set[str]], inside: np.ndarray) -> list[str]:
    """Return the words that more of the texts inside have than of the others, the most telling first."""
    parts = (
        [Counter(word for place in np.flatnonzero(part) for word in spoken[place]) for part in (inside, ~inside)]
        if spoken
        else []
    )
    if not parts:
        return []
    sizes = [max(int(part.sum()), 1) for part in (inside, ~inside)]
    apart = {word: parts[0][word] / sizes[0] - parts[1][word] / sizes[1] for word in parts[0]}
    return [word for word in sorted(apart, key=lambda word: (-apart[word], word)) if apart[word] >= _APART][:_WORDS]
