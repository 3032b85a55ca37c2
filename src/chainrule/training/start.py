"""A base on disk: what `fetch` brought, in one form wherever it came from.

A folder with `base.json`, its card; and, unless training starts from random numbers, `model.safetensors`, the weights
of one of this project's nets, and for texts `tokenizer.json`. The card: from, name, revision, source, licence, files
(sha256 by name, as they were brought), weights (the sha256 of `model.safetensors`), net (the block that builds the
net: name and options), inputs (what the net takes, as `training.inputs` know it; the tokenizer is a file of its own),
prefix (of the net's weights among those in the file: a fine-tuned model holds its head as well), teacher (whether it is
there to teach: nothing starts from it). For a strategy that learns the base's task along, `training.parquet` is what
that was learnt from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.system.errors import DataError, ParamsError
from chainrule.system.files import read_json, sha256, write_json

if TYPE_CHECKING:  # a base of nothing needs neither, and takes no seconds to import them
    from torch import Tensor, nn

CARD, WEIGHTS, TOKENIZER = "base.json", "model.safetensors", "tokenizer.json"
FREE = ("dropout", "size")
"""Options of nets that no weight depends on: what the recipe gives goes before the base's."""
PARTS = {"image": "mean", "text": "vocabulary"}
"""The nets that a net of images and texts is made of, and what a base of such a one knows of its inputs."""
LONGEST = 60
"""Characters of an option that a line shows."""
ROWS = "training.parquet"


@dataclass(frozen=True)
class Base:
    """What a training starts from; net and inputs are None where that is random numbers, net as well of a teacher."""

    folder: Path
    card: Mapping[str, Any]
    net: dict[str, Any] | None
    inputs: dict[str, Any] | None

    def load(self, net: "nn.Module") -> list[str]:
        """Put the weights into a net of the same architecture, nothing where there are none; return what to say of it.

        Of a net made of two they are of one, or of both. A net may have `adapted`, which makes weights fit that are of
        the same net at another image size. Raises DataError that names the first three differences, or says that the
        file is not what `fetch` wrote.
        """
        if self.net is None:
            return []
        weights, said = self._weights(), list[str]()
        if part := self.part(vars(net).get("blocks", {})):
            net = net.get_submodule(part)
        if hasattr(net, "adapted"):
            weights, said = net.adapted(weights)  # type: ignore[operator]
        load_into(net, weights, str(self.folder / WEIGHTS))
        return said

    def part(self, blocks: Mapping[str, Any]) -> str | None:
        """Return which of the nets that a net is made of the base is one of; None if it is of the whole net.

        blocks: by part the block of each, or a block `net`.
        """
        taken = self.inputs or {}
        of = [part for part, known in PARTS.items() if known in taken and isinstance(blocks.get(part), Mapping)]
        return of[0] if len(of) == 1 else None

    def _weights(self) -> dict[str, "Tensor"]:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path, prefix = self.folder / WEIGHTS, self.card["prefix"]
        remedy = f"`dvc repro -f fetch@{self.folder.name}` brings it anew"
        try:
            if sha256(path) != self.card["weights"]:
                raise DataError(f"{path} is not the file that was fetched, it was cut or altered since; {remedy}")
            found = load_file(path)
        except (SafetensorError, OSError) as error:
            why = " ".join(str(error).split())[:200]
            raise DataError(f"{path} is no whole file of weights ({why}); {remedy}") from error
        return {name.removeprefix(prefix): tensor for name, tensor in found.items() if name.startswith(prefix)}


def write(folder: Path, card: Mapping[str, Any]) -> None:
    """Write the card of a base, of which the other files are there."""
    weights = sha256(folder / WEIGHTS) if (folder / WEIGHTS).is_file() else None
    told = {"net": None, "inputs": None, "prefix": "", "teacher": False, **card}
    write_json(folder / CARD, {**told, "weights": weights})


def read(folder: Path) -> Base:
    """Read a base that `write` wrote."""
    card = read_json(folder / CARD)
    inputs = card["inputs"]
    if inputs is not None and (folder / TOKENIZER).is_file():
        inputs = {**inputs, "tokenizer": (folder / TOKENIZER).read_text(encoding="utf-8")}
    return Base(folder, card, None if card["teacher"] else card["net"], inputs)


def resolved(net: Mapping[str, Any], base: Base, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the recipe's block `net`, its architecture the base's where there is one, and what to say of it.

    What the block sets to null is the base's. given: the block as it is written, of which FREE options win. Raises
    ParamsError for a net that the base's weights are not of.
    """
    if base.net is None:
        return dict(net), []
    if part := base.part(net):
        inner, said = _resolved(net[part], base.net, given.get(part, {}), f"net.{part}")
        return {**net, part: inner}, said
    return _resolved(net, base.net, given, "net")


def _resolved(
    net: Mapping[str, Any], base: Mapping[str, Any], given: Mapping[str, Any], path: str
) -> tuple[dict[str, Any], list[str]]:
    if net["name"] != base["name"]:
        raise ParamsError(f"{path}.name: {net['name']!r}, but the base is one of `{path}: {{name: {base['name']}}}`")
    own = {name: value for name, value in net.items() if value is not None and name not in base}
    free = {name: value for name, value in given.items() if name in FREE and value is not None}
    said = [
        f"{path}.{name}: the base's wins, {_shown(base[name])}, not {_shown(value)}"
        for name, value in given.items()
        if name in base and name not in free and value not in (None, base[name])
    ]
    return {**net, **base, **own, **free}, said


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def load_into(net: "nn.Module", weights: Mapping[str, "Tensor"], said: str) -> None:
    """Put weights into a net; DataError, which says where they are from and three differences, if they are others."""
    refuse_differences(said, differences(net.state_dict(), weights))
    net.load_state_dict(dict(weights))


def differences(wanted: Mapping[str, "Tensor"], found: Mapping[str, "Tensor"]) -> list[str]:
    """Return in words how weights differ from a net's by name and shape."""
    return [
        *(f"{name} is missing" for name in wanted if name not in found),
        *(f"{name} is not the net's" for name in found if name not in wanted),
        *(
            f"{name} is {list(found[name].shape)}, the net's {list(tensor.shape)}"
            for name, tensor in wanted.items()
            if name in found and found[name].shape != tensor.shape
        ),
    ]


def refuse_differences(said: str, found: Sequence[str], more: str = "") -> None:
    """Raise DataError that names the first three differences, if there are any."""
    if found:
        others = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise DataError(f"{said}: weights of another net: {'; '.join(found[:3])}{others}{more}")
