"""A base on disk: what `fetch` brought, in one form wherever it came from.

A folder with `base.json`, its card; and, unless training starts from random numbers, `model.safetensors`, the weights
of one of this project's nets, and for texts `tokenizer.json`. The card: from, name, revision, source, licence, files
(sha256 by name, as they were brought), net (the block that builds the net: name and options), inputs (what the net
takes, as `training.inputs` know it; the tokenizer is a file of its own), prefix (of the net's weights among those in
the file: a fine-tuned model holds its head as well).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.system.errors import DataError, ParamsError
from chainrule.system.files import read_json, write_json

if TYPE_CHECKING:  # a base of nothing needs neither, and takes no seconds to import them
    from torch import Tensor, nn

CARD, WEIGHTS, TOKENIZER = "base.json", "model.safetensors", "tokenizer.json"


@dataclass(frozen=True)
class Base:
    """What a training starts from; net and inputs are None where that is random numbers."""

    folder: Path
    card: Mapping[str, Any]
    net: dict[str, Any] | None
    inputs: dict[str, Any] | None

    def load(self, net: "nn.Module") -> None:
        """Put the weights into a net of the same architecture; nothing where there are none.

        Raises DataError that names the first three differences.
        """
        if self.net is not None:
            load_into(net, self._weights(), str(self.folder / WEIGHTS))

    def _weights(self) -> dict[str, "Tensor"]:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path, prefix = self.folder / WEIGHTS, self.card["prefix"]
        try:
            found = load_file(path)
        except (SafetensorError, OSError) as error:
            why = " ".join(str(error).split())[:200]
            raise DataError(
                f"{path} is no whole file of weights ({why}); `dvc repro -f fetch` brings it anew"
            ) from error
        return {name.removeprefix(prefix): tensor for name, tensor in found.items() if name.startswith(prefix)}


def write(folder: Path, card: Mapping[str, Any]) -> None:
    """Write the card of a base, of which the other files are there."""
    write_json(folder / CARD, {"net": None, "inputs": None, "prefix": "", **card})


def read(folder: Path) -> Base:
    """Read a base that `write` wrote."""
    card = read_json(folder / CARD)
    inputs = card["inputs"]
    if inputs is not None and (folder / TOKENIZER).is_file():
        inputs = {**inputs, "tokenizer": (folder / TOKENIZER).read_text(encoding="utf-8")}
    return Base(folder, card, card["net"], inputs)


def resolved(net: Mapping[str, Any], base: Base) -> dict[str, Any]:
    """Return the recipe's block `net`, its architecture the base's where there is one.

    What the block sets to null is the base's. Raises ParamsError for a net that the base's weights are not of.
    """
    if base.net is None:
        return dict(net)
    if net["name"] != base.net["name"]:
        raise ParamsError(f"net.name: {net['name']!r}, but the base is one of `net: {{name: {base.net['name']}}}`")
    own = {name: value for name, value in net.items() if value is not None and name not in base.net}
    return {**net, **base.net, **own}


def load_into(net: "nn.Module", weights: Mapping[str, "Tensor"], said: str) -> None:
    """Put weights into a net; DataError, which says where they are from and three differences, if they are others."""
    wanted = net.state_dict()
    differences = [
        *(f"{name} is missing" for name in wanted if name not in weights),
        *(f"{name} is not the net's" for name in weights if name not in wanted),
        *(
            f"{name} is {list(weights[name].shape)}, the net's {list(tensor.shape)}"
            for name, tensor in wanted.items()
            if name in weights and weights[name].shape != tensor.shape
        ),
    ]
    if differences:
        more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise DataError(f"{said}: weights of another net: {'; '.join(differences[:3])}{more}")
    net.load_state_dict(dict(weights))
