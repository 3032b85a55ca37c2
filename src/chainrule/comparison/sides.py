"""What is compared: a recipe's bundle, a registered version, or a folder."""

from pathlib import Path

from chainrule.exporting.bundle import GRAPH, SUMS
from chainrule.serving import bundle as bundles
from chainrule.serving import store
from chainrule.serving.bundle import Bundle
from chainrule.system.errors import ChainruleError


def found(root: Path, name: str, scratch: Path) -> Bundle:
    """Return the bundle that a name means: a folder of one, `recipe`, `recipe@3`, `recipe@champion`.

    scratch: a folder for what must be fetched. Raises ChainruleError if there is no such bundle.
    """
    if (Path(name) / SUMS).is_file():
        return bundles.read(Path(name), Path(name).resolve().name, "")
    recipe, at, version = name.partition("@")
    if at:
        return _registered(root, recipe, version, scratch)
    folder = root / store.EXPORTED / recipe
    if not store.is_name(recipe) or not (folder / SUMS).is_file():
        known = ", ".join(store.names(root / store.EXPORTED)) or "none"
        raise ChainruleError(
            f"{name}: neither a recipe with a bundle in models/onnx (there are: {known}), nor a version as "
            "`recipe@3` or `recipe@champion`, nor the folder of a bundle"
        )
    return bundles.read(folder, recipe, "")


def _registered(root: Path, recipe: str, wanted: str, scratch: Path) -> Bundle:
    from chainrule.release import promotion, registry

    with promotion.speaking(root, reads=True) as client:
        versions = registry.versions(client, recipe)
        fitting = [each for each in versions if wanted in (str(each.number), *each.aliases)]
        if not fitting:
            there = [str(each.number) for each in versions]
            there += sorted(alias for each in versions for alias in each.aliases)
            raise ChainruleError(f"{recipe}@{wanted}: no such version; there are {', '.join(there) or 'none'}")
        kept = root / store.SERVED / recipe / str(fitting[0].number) / "bundle"
        if (kept / SUMS).is_file():
            content = bundles.read(kept, recipe, str(fitting[0].number))
            if content.sums[GRAPH] == fitting[0].tags.get("sha256"):
                return content
        return promotion.fetch(client, recipe, fitting[0], scratch / f"{recipe}@{fitting[0].number}")
