"""A classifier, segmentation net or detector of torchvision: by the name of its weights, or one file of weights."""

import difflib
import re
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from chainrule.system.errors import DataError
from chainrule.system.files import sha256
from chainrule.training.bases.shared import tensors
from chainrule.training.start import WEIGHTS, differences, refuse_differences
from chainrule.training.weights import save_state

ENDINGS = (".pth", ".pt", ".safetensors")
COUNTED = "num_batches_tracked"
SECONDS = 10.0
"""So long the host may be silent."""


def bring(out: Path, root: Path, place: str, modality: str, *, name: str, arch: str | None) -> dict[str, Any]:
    """Write the classifier's weights without its last layer, and what torchvision does to an image before it.

    Raises DataError for what is not there, is no such net, is not the file that its name says, or would be loaded in
    part.
    """
    import torch

    from chainrule.nets.torchvision import build

    by_file = name.endswith(ENDINGS)
    weights = _of_arch(arch, name) if by_file else _named(name)
    arch = _arch(weights) if arch is None else arch
    with tempfile.TemporaryDirectory() as spare:
        path = _file(root, place, name) if by_file else _brought(root, place, Path(spare), weights)
        stored, files = tensors.of_file(path), {path.name: sha256(path)}
    with torch.device("meta"):
        wanted = build(3, arch=arch, size=None).net.state_dict()
    kept = {key: value for key, value in stored.items() if key in wanted}
    # Detectors were trained with frozen normalisation, which counts no batches.
    kept |= {key: torch.zeros((), dtype=torch.int64) for key in wanted.keys() - kept if key.endswith(COUNTED)}
    refuse_differences(f"base.name: {name}", differences(wanted, kept))
    save_state({f"net.{key}": value for key, value in kept.items()}, out / WEIGHTS)
    return {
        "source": name if by_file else weights.url,
        "licence": weights.meta.get("license"),
        "files": files,
        "net": {"name": "torchvision", "arch": arch},
        "inputs": _inputs(arch, weights),
    }


def _inputs(arch: str, weights: Any) -> dict[str, Any]:
    """Return what torchvision does to an image before a net."""
    import torch
    from torchvision import models

    if arch in models.list_models(module=models.detection):
        with torch.device("meta"):
            known = models.get_model(arch, weights=None, weights_backbone=None).transform
        side = (known.fixed_size or known.min_size)[-1]
        kept = {"mean": list(known.image_mean), "std": list(known.image_std), "size": [side, side]}
        return {**kept, "interpolation": "bilinear", "crop": 1.0}
    shown = weights.transforms()
    resized = shown.resize_size[0]
    cut = shown.crop_size[0] if hasattr(shown, "crop_size") else resized  # segmentation nets see all of an image
    return {
        "mean": list(shown.mean),
        "std": list(shown.std),
        "size": [cut, cut],
        "interpolation": shown.interpolation.value,
        "crop": cut / resized,
    }


def _nets() -> list[str]:
    from torchvision import models

    rooms = (models, models.segmentation, models.detection)
    return [name for room in rooms for name in models.list_models(module=room)]


def _named(name: str) -> Any:
    """Return torchvision's weights of a name; DataError, with names like it, if there are none."""
    from torchvision import models

    every = {str(each): each for arch in _nets() for each in models.get_model_weights(arch)}
    kind, _, member = name.partition(".")
    if member == "DEFAULT":
        found = next((type(each).DEFAULT for each in every.values() if type(each).__name__ == kind), None)
    else:
        found = every.get(name)
    if found is None:
        near = difflib.get_close_matches(name, every, 3, 0.4) or ["ResNet18_Weights.IMAGENET1K_V1"]
        raise DataError(f"base.name: torchvision has no weights {name!r}; did you mean {' or '.join(near)}?")
    return found


def _arch(weights: Any) -> str:
    from torchvision import models

    return next(arch for arch in _nets() if models.get_model_weights(arch) is type(weights))


def _of_arch(arch: str | None, name: str) -> Any:
    """Return the weights that a file is, by its name, or else those that torchvision has of the net."""
    from torchvision import models

    if arch is None:
        raise DataError(f"base.arch: {name}: a file of weights does not say of which net; torchvision's name is needed")
    if arch not in _nets():
        near = difflib.get_close_matches(arch, _nets(), 3, 0.4) or ["resnet18"]
        raise DataError(f"base.arch: torchvision has no classifier {arch!r}; did you mean {' or '.join(near)}?")
    every = list(models.get_model_weights(arch))
    return next((each for each in every if Path(each.url).name == Path(name).name), every[0])


def _file(root: Path, place: str, name: str) -> Path:
    path = next((path for path in (root / name, root / "models" / place / name) if path.is_file()), None)
    if path is None:
        raise DataError(f"base.name: {name}: no such file, from the project or from models/{place}")
    return _checked(path)


def _brought(root: Path, place: str, spare: Path, weights: Any) -> Path:
    """Return the file of some weights, as it was put into `models/<place>` or as torchvision's host has it."""
    name = Path(weights.url).name
    own = root / "models" / place / name
    if own.is_file():
        return _checked(own)
    path = spare / name
    try:
        with urllib.request.urlopen(weights.url, timeout=SECONDS) as answer, path.open("wb") as file:  # noqa: S310
            while block := answer.read(1 << 20):
                file.write(block)
    except OSError as error:
        why = " ".join(str(error).split())[:120]
        raise DataError(
            f"base.name: {weights}: {weights.url} does not answer ({why}); where it does, fetch it, "
            f"and put the file into models/{place}/"
        ) from None
    return _checked(path)


def _checked(path: Path) -> Path:
    """Refuse a file that is not the one that its name says: `resnet18-f37072fd.pth` has a sha256 that begins so."""
    said = re.search(r"-([0-9a-f]{8,})\.\w+$", path.name)
    if said and not sha256(path).startswith(said[1]):
        raise DataError(f"{path}: its sha256 does not begin with {said[1]}, as its name says; bring the file again")
    return path
