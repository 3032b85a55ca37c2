"""The pages of a fine-tuned model and their parts, in order."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from chainrule.evaluation.parts import Part
from chainrule.examination import (
    activations,
    alignment,
    architecture,
    attention,
    clusters,
    confusion,
    convolutions,
    embedding,
    explained,
    filters,
    histograms,
    robust,
    slices,
    surface,
    trace,
    uncertain,
    weights,
    worst,
)
from chainrule.examination.looked import Looked


class Page(NamedTuple):
    """A page reports/<recipe>/<name>.html, and what makes its parts, by the name under which their numbers stand."""

    title: str
    makers: Sequence[tuple[str, Callable[[Looked], Part | None]]]


STYLE = "h3{font-size:1rem;margin:1.2rem 0 .5rem}h3:first-child{margin-top:0}summary{cursor:pointer;margin:.6rem 0}"

PAGES: Mapping[str, Page] = {
    "model": Page(
        "Model",
        (
            ("architecture", architecture.part),
            ("weights", weights.part),
            ("activations", activations.part),
            ("training", trace.part),
            ("histograms", histograms.part),
            ("surface", surface.part),
            ("attention", attention.part),
            ("alignment", alignment.part),
            ("filters", filters.part),
            ("feature_maps", convolutions.feature_maps),
            ("class_activation", convolutions.class_activation),
            ("map", embedding.part),
        ),
    ),
    "errors": Page(
        "Errors",
        (
            ("worst", worst.part),
            ("confusions", confusion.part),
            ("clusters", clusters.part),
            ("slices", slices.part),
        ),
    ),
    "trust": Page(
        "Trust",
        (
            ("explanations", explained.part),
            ("unsure", uncertain.unsure),
            ("sets", uncertain.sets),
            ("foreign", uncertain.foreign),
            ("dropout", uncertain.dropout),
            ("robustness", robust.part),
        ),
    ),
}
"""How the model is built and what it does; where it fails; how far it is to be trusted."""
