"""Words have neighbours, the face for training: a net's vectors of tokens, and how well they tell a text's words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from chainrule.evaluation.scores.neighbours import BANDS, LEVEL, OF_BAND, strangers
from chainrule.evaluation.tokens import are_words
from chainrule.system.errors import ParamsError
from chainrule.training.bodies.text import dynamic_shapes, example, padding, parity_shapes
from chainrule.training.objectives.shared import pieces
from chainrule.training.objectives.skip_gram import SkipGram

if TYPE_CHECKING:
    import numpy as np
    import onnx

__all__ = [
    "build",
    "calibrate",
    "dynamic_shapes",
    "example",
    "finish",
    "objective",
    "padding",
    "parity_shapes",
]

NEAREST = 64
"""Words that a graph answers with."""
TINY = 1e-12


class Model(nn.Module):
    """The vectors of words, and texts as sums of them."""

    inputs = ("input_ids", "attention_mask")

    def __init__(self, net: nn.Module, facts: Mapping[str, Any]) -> None:
        """Take which tokens are words from the tokenizer; counts of them come with the training rows (`count`).

        Raises ParamsError for a tokenizer that marks no end.
        """
        super().__init__()
        if facts["end_id"] is None:
            raise ParamsError("word_vectors: the base's tokenizer has no mark of an end; take another, or base nothing")
        self.net = net
        self.names = names(facts)
        self.unknown, self.end = int(facts["unknown_id"]), int(facts["end_id"])
        vocabulary = len(self.embeddings)
        known = are_words(facts["tokenizer"])[:vocabulary]
        words = torch.tensor([*known, *[False] * (vocabulary - len(known))], dtype=torch.float32)
        self.register_buffer("words", words, persistent=False)
        self.register_buffer("counts", torch.zeros(vocabulary))
        self.register_buffer("strangers", torch.zeros(BANDS * OF_BAND, dtype=torch.int64))
        self.register_buffer("bands", torch.full((BANDS * OF_BAND,), -2))
        self.register_buffer("band_of", torch.full((vocabulary,), -1))

    @property
    def embeddings(self) -> Tensor:
        """The vectors [V, D]."""
        return self.net.embeddings  # type: ignore[return-value]

    def count(self, counts: Tensor) -> None:
        """Take how often each token is in the training rows, [V]: strangers are drawn by it."""
        self.get_buffer("counts")[: len(counts)] = counts * self.get_buffer("words")[: len(counts)]
        drawn = strangers(self.get_buffer("counts").cpu().numpy())
        for name, found in (("strangers", drawn.words), ("bands", drawn.bands), ("band_of", drawn.band_of)):
            self.get_buffer(name).copy_(torch.from_numpy(found))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """Return what is told of input_ids, by name; attention_mask is 1 at real ones; int64 [B, T] each.

        query [B, D]: the sum of the vectors of a row's words, of length 1 each, itself of length 1; words behind the
        first mark of an end, as in a pair of texts, are taken away. told [B, T]: of each word, at its first place in
        the text, the share of strangers as frequent as it that are further from the text's other words than it is;
        seen [B, T]: 1 at such places, 0 elsewhere; unknown and real [B, T]: 1 at unknown words, and at all.
        """
        unit = _unit(nn.functional.embedding(input_ids, self.embeddings))
        word = self.get_buffer("words")[input_ids]
        here = attention_mask.to(unit.dtype)
        same = (input_ids.unsqueeze(2) == input_ids.unsqueeze(1)).to(unit.dtype)  # [B, T, T]
        end = (input_ids == self.end).to(unit.dtype)
        ended = (torch.ones_like(same).tril(-1) * end.unsqueeze(1)).amax(dim=2)
        sign = here * word * (1 - 2 * ended)
        query = _unit((sign.unsqueeze(2) * unit).sum(dim=1))
        earlier = (same.tril(-1) * here.unsqueeze(1)).sum(dim=2)
        first = here * word * (earlier == 0).to(unit.dtype)
        told, known = self._told(input_ids, unit, first, here)
        asked = first * known * (first.sum(dim=1, keepdim=True) > 1).to(unit.dtype)
        unknown = here * (input_ids == self.unknown).to(unit.dtype)
        return {"query": query, "told": told * asked, "seen": asked, "unknown": unknown, "real": here * word + unknown}

    def _told(self, ids: Tensor, unit: Tensor, first: Tensor, here: Tensor) -> tuple[Tensor, Tensor]:
        """Return which share of the strangers as frequent as it each word beats, and whether there are any; [B, T]."""
        drawn = self.get_buffer("strangers")
        strange = _unit(nn.functional.embedding(drawn, self.embeddings))
        whole = (first.unsqueeze(2) * unit).sum(dim=1, keepdim=True)
        rest = whole - unit
        rest = rest / rest.norm(dim=2, keepdim=True).clamp(min=1e-3)
        own = (rest * unit).sum(dim=2, keepdim=True)
        ahead = (0.5 + (own - rest @ strange.T) / (2 * LEVEL)).clamp(0, 1)  # [B, T, P]
        within = ((ids.unsqueeze(2) == drawn).to(unit.dtype) * here.unsqueeze(2)).amax(dim=1, keepdim=True)
        alike = (self.get_buffer("band_of")[ids].unsqueeze(2) == self.get_buffer("bands")).to(unit.dtype)
        counted = alike * (1 - within)  # [B, T, P]
        count = counted.sum(dim=2)
        told: Tensor = (ahead * counted).sum(dim=2) / count.clamp(min=1)
        return told, (count > 0).to(unit.dtype)

    def features(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return what is known of a text as a whole, [B, D]: the direction of the sum of its words."""
        return self(input_ids, attention_mask)["query"]  # type: ignore[no-any-return]


def _unit(vectors: Tensor) -> Tensor:
    unit: Tensor = vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=TINY)
    return unit


class Objective(SkipGram):
    """Skip-gram on a model's vectors; what it looks at is how often words are, which the model keeps."""

    loss = None
    """Of answers and targets: there is none, pairs of words have one."""

    def look(self, inputs: Any) -> list[str]:
        """Count the tokens of the training texts, for the model, too; there is nothing to warn of."""
        said = super().look(inputs)
        self.net.count(self.counts)  # type: ignore[operator]
        return said

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        """Return loss and count [] of pairs, see `SkipGram`, and in evaluation mode the model's outputs."""
        outputs = {} if self.training else self.net(**{name: batch[name] for name in Model.inputs})
        return {**super().forward(batch), "outputs": outputs}


def build(net: nn.Module, facts: dict[str, Any], target: dict[str, Any]) -> Model:
    """Return the model for a net and the facts of its inputs."""
    return Model(net, facts)


def objective(
    model: Model, target: dict[str, Any], encoded: Tensor, *, label_smoothing: float, loss: dict[str, Any]
) -> Objective:
    """Return what the model is fine-tuned for: to tell a word's neighbours from other words."""
    special = (model.get_buffer("words") == 0).nonzero().flatten().tolist()
    options = {name: value for name, value in loss.items() if name != "name"}
    found = Objective(model, len(model.embeddings), special, **options)
    found.counts += model.get_buffer("counts")
    return found


def calibrate(
    model: Model, outputs: Mapping[str, "np.ndarray"], encoded: "np.ndarray", target: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Add the words by token, "" of one that is none, and the mark behind which words are taken away."""
    return {**target, "words": model.names, "end": model.end}, {}


def names(facts: Mapping[str, Any]) -> list[str]:
    """Return how each token is written, by id, "" of one that is no word of its own."""
    known = pieces.of(facts["tokenizer"], facts["vocabulary"])
    words = are_words(facts["tokenizer"])
    told = zip(known.texts, known.begins, words, strict=False)
    return [written.strip() if begins and word else "" for written, begins, word in told]


def finish(graph: "onnx.ModelProto") -> None:
    """Add what answers a request: nearest int64 [B, K], the words nearest to the query but those that it is made of,
    their cosine [B, K] and vectors [B, K, D], of length 1.
    """
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.graph.initializer}
    looked_up = [node.input for node in graph.graph.node if node.op_type in ("Gather", "GatherND")]
    found = {given[0]: numpy_helper.to_array(tensors[given[0]]) for given in looked_up if given[0] in tensors}
    (words,) = (name for name, values in found.items() if values.ndim == 1 and values.dtype == np.float32)
    (table,) = (name for name, values in found.items() if values.ndim == 2)
    # All that is made of the vectors is made of their directions: one table, of length 1, serves both.
    unit = found[table] / np.maximum(np.linalg.norm(found[table], axis=1, keepdims=True), TINY)
    tensors[table].CopyFrom(numpy_helper.from_array(unit.astype(np.float32), table))
    kept = min(NEAREST, len(unit))
    constants = {
        "hidden": (3 * (found[words] - 1)).astype(np.float32)[None],
        "out_of_reach": np.array([-4.0], np.float32),
        "kept": np.array([kept], np.int64),
    }
    graph.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants.items())
    graph.graph.node.extend(
        [
            helper.make_node("Transpose", [table], ["columns"], perm=[1, 0]),
            helper.make_node("MatMul", ["query", "columns"], ["to_all"]),
            helper.make_node("Add", ["to_all", "hidden"], ["to_words"]),
            helper.make_node("Shape", ["input_ids"], ["size_of_ids"]),
            helper.make_node("Expand", ["out_of_reach", "size_of_ids"], ["its_own"]),
            helper.make_node("ScatterElements", ["to_words", "input_ids", "its_own"], ["to_others"], axis=1),
            helper.make_node("TopK", ["to_others", "kept"], ["cosine", "nearest"], axis=1),
            helper.make_node("Gather", [table, "nearest"], ["vectors"]),
        ]
    )
    batch = graph.graph.output[0].type.tensor_type.shape.dim[0].dim_param
    graph.graph.output.extend(
        [
            helper.make_tensor_value_info("cosine", TensorProto.FLOAT, [batch, kept]),
            helper.make_tensor_value_info("nearest", TensorProto.INT64, [batch, kept]),
            helper.make_tensor_value_info("vectors", TensorProto.FLOAT, [batch, kept, unit.shape[1]]),
        ]
    )
