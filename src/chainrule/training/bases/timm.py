"""An image net of timm: by timm's name or the hub's, from a folder of timm's form, or one file of weights."""

import difflib
from pathlib import Path
from typing import Any

from chainrule.system.errors import DataError
from chainrule.system.files import sha256
from chainrule.training.bases.shared import folders, hub, tensors
from chainrule.training.start import WEIGHTS, differences, refuse_differences
from chainrule.training.weights import save_state

ENDINGS = (".safetensors", ".pth", ".pt", ".bin")


def bring(
    out: Path, root: Path, place: str, modality: str, *, name: str, revision: str | None, arch: str | None
) -> dict[str, Any]:
    """Write the net's weights without its classifier, in the type that they are stored in.

    Raises DataError for what is not there, is no such net, or would be loaded in part.
    """
    hub.allow()
    card = _of_file(root, place, name, arch) if name.endswith(ENDINGS) else _of_folder(root, place, name, revision)
    stored, taken = card.pop("stored"), card.pop("taken")
    arch = card["net"]["arch"]
    save_state({f"net.{key}": value for key, value in _loaded(arch, taken, stored, name).items()}, out / WEIGHTS)
    return {
        **card,
        "inputs": {
            "mean": list(taken["mean"]),
            "std": list(taken["std"]),
            "size": list(taken["input_size"][1:]),
            "interpolation": taken["interpolation"],
            "crop": taken["crop_pct"],
        },
    }


def _of_folder(root: Path, place: str, name: str, revision: str | None) -> dict[str, Any]:
    found = folders.beside(root, place, name) or hub.bring(_hub_name(name), revision, place)
    config = folders.config(found.path)
    arch, taken = config.get("architecture"), config.get("pretrained_cfg")
    if not isinstance(arch, str) or not isinstance(taken, dict):
        raise DataError(f"{found.path / folders.CONFIG}: no architecture and pretrained_cfg: no folder of timm's form")
    return {
        "source": name if found.revision is None else f"https://huggingface.co/{_hub_name(name)}",
        "revision": found.revision,
        "licence": taken.get("license") or folders.licence(found.path),
        "files": folders.sums(found.path),
        "net": {"name": "timm", "arch": arch},
        "stored": tensors.of_folder(found.path),
        "taken": {**_known(arch), **taken},
    }


def _of_file(root: Path, place: str, name: str, arch: str | None) -> dict[str, Any]:
    path = next((path for path in (root / name, root / "models" / place / name) if path.is_file()), None)
    if path is None:
        raise DataError(f"base.name: {name}: no such file, from the project or from models/{place}")
    if arch is None:
        raise DataError(f"base.arch: {name}: a file of weights does not say of which net; timm's name for it is needed")
    return {
        "source": name,
        "files": {path.name: sha256(path)},
        "net": {"name": "timm", "arch": arch},
        "stored": tensors.of_file(path),
        "taken": _known(arch),
    }


def _hub_name(name: str) -> str:
    """Return what the hub calls a net of timm, which timm may name without its weights: `resnet50`."""
    if "/" in name:
        return name
    taken = _known(name)
    if not taken.get("hf_hub_id"):
        raise DataError(f"base.name: {name}: timm knows no weights of it; take another net")
    return str(taken["hf_hub_id"])


def _known(arch: str) -> dict[str, Any]:
    """Return what timm knows of a net and its weights; DataError, with names like it, for a net that there is not."""
    import timm

    found = timm.get_pretrained_cfg(arch) if timm.is_model(arch) else None
    if found is None:
        near = difflib.get_close_matches(arch, timm.list_pretrained(), 3, 0.4) or ["resnet18", "vit_small_patch16_224"]
        raise DataError(f"base.name: timm has no net {arch!r}; did you mean {' or '.join(near)}?")
    known: dict[str, Any] = found.to_dict()  # type: ignore[no-untyped-call]
    return known


def _loaded(arch: str, taken: dict[str, Any], stored: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the weights by the names of timm's net without its classifier, in the type that they are stored in.

    timm loads all or nothing only into a net of as many classes as its weights have.
    """
    import timm

    known = {key: value for key, value in taken.items() if key in _known(arch)}
    wanted = timm.create_model(arch, num_classes=0).state_dict()
    for classes in _classes(taken, stored):
        with_weights = {**known, "state_dict": dict(stored), "num_classes": classes, "label_offset": 0}
        try:
            net = timm.create_model(arch, pretrained=True, num_classes=classes, pretrained_cfg=with_weights)
        except (RuntimeError, KeyError):
            continue
        found = {key: value for key, value in net.state_dict().items() if key in wanted}
        refuse_differences(f"base.name: {name}", differences(wanted, found))
        kind = tensors.stored_as(stored)
        return {key: value.to(kind) if value.is_floating_point() else value for key, value in found.items()}
    head = [key for key in stored if key not in wanted and key.startswith(_classifiers(taken))]
    refuse_differences(
        f"base.name: {name}", differences(wanted, {key: stored[key] for key in stored if key not in head})
    )
    raise DataError(f"base.name: {name}: timm cannot load these weights into {arch}")


def _classes(taken: dict[str, Any], stored: dict[str, Any]) -> list[int]:
    """Return how many classes the weights may have, 0 for none: as many as the classifier has rows, if it is there."""
    rows = [len(stored[key]) for each in _classifiers(taken) if (key := f"{each}.weight") in stored]
    return rows[:1] or [taken.get("num_classes") or 0, 0]


def _classifiers(taken: dict[str, Any]) -> tuple[str, ...]:
    found = taken.get("classifier") or ()
    return (found,) if isinstance(found, str) else tuple(found)
