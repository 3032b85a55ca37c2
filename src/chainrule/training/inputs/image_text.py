"""Images with texts in memory, of which either may be missing: an image that many rows share is there once."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from chainrule.system.errors import DataError
from chainrule.training.inputs import image, text

Decode = Callable[[Sequence[Any]], Any]


class Shared(NamedTuple):
    """Images of rows: the different ones, as `image.held` has them, and by row which it is, int64 [N]; -1 for none."""

    images: Tensor | image.Encoded
    place: Tensor


class Inputs:
    """Images uint8 [M, H, W, C] that N rows share, their texts, and targets [N, …] (or none)."""

    def __init__(
        self,
        shared: Shared,
        texts: Sequence[str],
        target: Tensor | None,
        facts: dict[str, Any],
        *,
        hide: float = 0.0,
        image: Mapping[str, Any] | None = None,
        text: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep the rows and how each training batch is distorted; an empty text is none.

        hide: share of the rows with both that lose one of them; image, text: how each is distorted. Raises ParamsError
        where images are to be mixed.
        """
        self.target, self.hide, self._place = target, hide, shared.place
        self._images = _images(shared.images, facts, **(image or {}))
        self._texts = _texts(texts, target, facts, **(text or {}))
        self.cut = self._texts.cut
        # Of the image and of the text of each row, 1 where there is one.
        self.given = torch.stack([shared.place >= 0, torch.tensor([bool(each) for each in texts])], dim=1).long()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._place)

    def alone(self) -> dict[str, "Inputs"]:
        """Return by name the same rows with one input each, as if the other were missing: what each tells by itself."""
        found = {}
        for place, name in enumerate(("image", "text")):
            found[name] = copy(self)
            found[name].given = self.given * (torch.arange(2) == place)
        return found

    def order(self, batch_size: int, generator: torch.Generator | None) -> list[Tensor]:
        """Return the batches of one pass as row indices, as images have them; shuffled, rows of one image together.

        What a net sees of an image it then computes once for all of its rows in a batch.
        """
        batches = image.order(len(self), batch_size, generator, self._images.images.shape)
        if generator is None:
            return batches
        drawn = torch.rand(len(self), generator=generator)
        by_image = torch.where(self._place >= 0, drawn[self._place], drawn)
        return list(torch.split(by_image.argsort(stable=True)[: sum(map(len, batches))], batch_size))

    def take(self, index: Tensor, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Return image uint8 [B, C, H, W], input_ids and attention_mask int64 [B, T], given int64 [B, 2] and target.

        given: whether there is an image, and whether there is a text. An image that is missing is black. With a
        generator also same, int64 [B], one number for rows of one image, which is distorted alike for all of them.
        """
        given, same = self.given[index], self._place[index]
        there, row = torch.unique(same, return_inverse=True)
        images = self._images.take(there.clamp(min=0), generator)["image"]
        images = (images * (there >= 0).to(torch.uint8)[:, None, None, None])[row]
        if generator is not None and self.hide:
            given = _some_hidden(given, self.hide, generator)
        found = {"image": images, **self._texts.take(index, generator), "given": given}
        return found if generator is None else {**found, "same": same}


def _images(images: Tensor | image.Encoded, facts: dict[str, Any], **distort: Any) -> image.Inputs:
    if not len(images):  # no row has one
        images = torch.zeros(1, facts["height"], facts["width"], facts["channels"], dtype=torch.uint8)
    return image.Inputs(images, None, facts, **distort)


def _texts(texts: Sequence[str], target: Tensor | None, facts: dict[str, Any], **distort: Any) -> text.Inputs:
    ids, cut = text.encode([list(texts)], facts)
    return text.Inputs(ids, target, facts, cut=cut, **distort)


def _some_hidden(given: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return which inputs int64 [B, 2] there are when a share of the rows with both lose one, either as often."""
    drawn = torch.rand(len(given), generator=generator)
    lost = torch.stack([drawn < share / 2, (drawn >= share / 2) & (drawn < share)], dim=1)
    return given * ~(lost & given.all(dim=1, keepdim=True))


def held(values: Sequence[Any], decode: Decode, once: bool = False) -> Shared | list[str]:
    """Return rows' images as the different ones, each decoded once, or their texts."""
    if all(isinstance(value, str) for value in values):
        return text.held(values, decode, once)
    number: dict[bytes, int] = {}
    place = [number.setdefault(value, len(number)) if value else -1 for value in values]
    return Shared(image.held(list(number), decode, once), torch.tensor(place))


def of_fields(fields: list[Any], target: Tensor | None, facts: dict[str, Any], **distort: Any) -> Inputs:
    """Return the rows with these images and texts in their two input fields."""
    shared, texts = fields
    return Inputs(shared, texts, target, facts, **distort)


def fit_facts(
    fields: list[Any],
    tokenizer: dict[str, Any] | None,
    base: dict[str, Any] | None = None,
    normalise: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what training rows tell: what `image` and `text` have of theirs, together.

    base: what the base's net takes, of images, of texts or of both, which wins. Raises DataError where all rows lack
    one of them.
    """
    shared, texts = fields
    for name, there in (("image", len(shared.images)), ("text", any(texts))):
        if not there:
            raise DataError(
                f"no training row has a{'n' if name == 'image' else ''} {name}: take a task of the other alone"
            )
    taken = base or {}
    of_texts = {name: value for name, value in taken.items() if name not in image.NAMES}
    return {
        **image.fit_facts([shared.images], None, taken if "mean" in taken else None),
        **text.fit_facts([[each for each in texts if each]], tokenizer, of_texts if "vocabulary" in taken else None),
    }


def beside_base(facts: dict[str, Any], base: dict[str, Any], block: dict[str, Any]) -> list[str]:
    """Return in words how these rows differ from what a base of images or of texts learnt from; block: the recipe's."""
    found = []
    if "mean" in base:
        found += image.beside_base(facts, base, {**block, "net": block["net"]["image"]})
    if "vocabulary" in base:
        found += text.beside_base(facts, base, block)
    return found


def net_arguments(facts: dict[str, Any]) -> dict[str, int]:
    """Return the arguments of a net over images and texts that the rows decide."""
    return {**image.net_arguments(facts), **text.net_arguments(facts)}


def net_inputs(facts: dict[str, Any], rows: int) -> tuple[Tensor, ...]:
    """Return what a net is called with for so many rows: images, ids, mask and which inputs there are."""
    return (*image.net_inputs(facts, rows), *text.net_inputs(facts, rows), torch.ones(rows, 2, dtype=torch.int64))


def save_facts(facts: dict[str, Any], folder: Path) -> None:
    """Write the facts where `load_facts` finds them: those of images and of texts in their own files."""
    image.save_facts({name: facts[name] for name in image.NAMES}, folder)
    text.save_facts({name: value for name, value in facts.items() if name not in image.NAMES}, folder)


def load_facts(folder: Path) -> dict[str, Any]:
    """Read the facts that `save_facts` wrote."""
    return {**image.load_facts(folder), **text.load_facts(folder)}


def preprocessing(facts: dict[str, Any], normalise: dict[str, Any]) -> dict[str, Any]:
    """Return by kind what a server does to an image and to a text before the graph."""
    return {
        "image": image.preprocessing(facts, normalise["image"]),
        "text": text.preprocessing(facts, normalise["text"]),
    }
