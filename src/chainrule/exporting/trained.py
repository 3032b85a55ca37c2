"""A fine-tuned model on its way to a bundle: what its export must know, what comes of it, and what both kinds share."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from chainrule.exporting import parity, signature
from chainrule.recipes.export import Export
from chainrule.system import plugins
from chainrule.system.errors import ChainruleError
from chainrule.tasks.field import own

if TYPE_CHECKING:
    from chainrule.exporting.gate import Asked

Made = TypeVar("Made")
BATCH_SIZE, BATCH_CELLS = 256, 8_192
CALIBRATION_BATCH, CALIBRATION_CELLS = 32, 4_096
"""Most rows of a batch, and most tokens: attention takes memory by the square of a text's, in each head and layer."""


class Trained(NamedTuple):
    """A fine-tuned model, and what is known of it."""

    recipe: str
    model: Any
    card: dict[str, Any]
    facts: dict[str, Any]
    task: Any
    """The task's `model`."""
    measure: Any
    metrics: dict[str, Any]
    """What evaluation found."""
    normalise: Mapping[str, Any]
    """What was cleaned of its rows: clean.normalise."""
    validation: Any
    training: Callable[[int], Any]
    """So many of its training rows, drawn by the recipe's seed."""
    settings: Export
    cores: int
    say: Callable[[str], None]
    track: parity.Track
    """As of `parity.on_rows`."""

    def agree(self, ours: Any, theirs: Any) -> Any:
        """Return where two models give the same answer, bool [N]."""
        return self.measure.agree(ours, theirs, self.card["target_facts"])

    def calibration(self, names: list[str]) -> Iterator[dict[str, Any]]:
        """Yield batches of training rows, by input name."""
        drawn = self.training(self.settings.variants.calibration)
        for _, inputs in parity.batches(drawn, names, batch(self.facts, CALIBRATION_BATCH, CALIBRATION_CELLS)):
            yield inputs

    def smaller(self, make: Callable[[str], Made]) -> dict[str, Made]:
        """Return int8 and fp16, as far as they are wanted, as `make` makes them. ChainruleError where it fails."""
        made = {}
        for name in ("int8", "fp16"):
            if getattr(self.settings.variants, name) != "never":
                try:
                    made[name] = make(name)
                except Exception as error:  # whatever a converter or ONNX Runtime finds wrong with an unforeseen graph
                    cause = " ".join(str(error.__cause__ or error).split())[:300]
                    raise ChainruleError(
                        f"no {name} can be made of this net ({cause}); `export.variants.{name}: never` exports without"
                    ) from error
        return made

    def refuse_difference(self, report: Mapping[str, Any]) -> None:
        """Raise ChainruleError where the graph is not the model: on random inputs, or on validation rows."""
        for found in (*report["shapes"], report["validation"]):
            if not found["max_difference"] <= self.settings.tolerance:  # not: a NaN must fail
                raise ChainruleError(
                    f"the ONNX graph differs from the model by {found['max_difference']:.2e} at {found}; "
                    f"export.tolerance allows {self.settings.tolerance:.2e}"
                )
        if report["validation"]["agreement"] < self.settings.agreement:
            raise ChainruleError(
                f"graph and model agree on {report['validation']['agreement']:.4%} of the validation rows; "
                f"export.agreement asks for {self.settings.agreement:.4%}"
            )


class Exported(NamedTuple):
    """A model as graphs."""

    graph: Any
    """The ONNX graph `model`."""
    report: dict[str, Any]
    """How graphs and model compare: shapes, validation, bytes; of a model that writes also texts."""
    signature: dict[str, Any]
    made: dict[str, dict[str, bytes]]
    """By variant and name of the graph."""
    asked: "dict[str, Asked] | None"
    """What answers rows by each variant; None where one run of the graph does."""
    speeds: Callable[[], dict[str, dict[str, Any]]]
    operations: float
    """Of an example of two rows."""


def batch(facts: Mapping[str, Any], most: int = BATCH_SIZE, cells: int = BATCH_CELLS) -> int:
    """Return how many rows go into a batch, fewer of texts that may be long."""
    return max(1, min(most, cells // int(facts.get("max_length", 1))))


def operations(model: Any, example: Mapping[str, Any]) -> float:
    """Return how many operations a model does for an example: two for a multiply-add, of products of matrices."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(**example)
    return float(counter.get_total_flops())


def signed(trained: Trained, graphs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a server must know to answer (see `exporting.signature`); graphs: ONNX models by name."""
    import onnx
    import torch

    from chainrule.evaluation import quality

    model, card, facts, task, measure = graphs["model"], trained.card, trained.facts, trained.task, trained.measure
    fields = plugins.load(f"tasks.{card['task']}", "fields").fields(card["modality"])
    found = quality.quality(trained.metrics, measure.PRIMARY)
    prepared = plugins.load("training.inputs", card["modality"]).preprocessing(facts, trained.normalise)
    if trained.normalise.get("size") is None:  # sides that may vary are those of the image that is sent
        varying = {axis for axes in task.dynamic_shapes(facts).values() for axis in axes.values()}
        prepared |= {name: None for name in ("height", "width") if name in prepared and name in varying}
    return {
        "version": signature.VERSION,
        "recipe": trained.recipe,
        **{key: card[key] for key in ("task", "modality")},
        # What a base's own configuration says of its net is long, and of no use to a server.
        "net": {name: value for name, value in card["net"].items() if not isinstance(value, dict)},
        "base": card["base"],
        "fields": signature.fields(fields),
        **(
            signature.of_writer(graphs, task.decoding(facts))
            if hasattr(task, "decoding")
            else {
                "inputs": signature.tensors(model.graph.input),
                "outputs": signature.tensors(model.graph.output),
            }
        ),
        "target": {"kind": card["target"], **card["target_facts"]},
        "padding": task.padding(facts),
        **({"tiles": task.tiles(facts)} if hasattr(task, "tiles") else {}),
        "preprocessing": {field.name: own(fields, field.kind, prepared) for field in fields if field.role == "input"},
        "primary": measure.PRIMARY._asdict(),
        "scores": signature.scores(trained.metrics["test"], measure.SCORES),
        **({"quality": found} if found else {}),
        "versions": {
            "opset": max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")),
            "onnx": onnx.__version__,
            "torch": torch.__version__,
        },
    }
