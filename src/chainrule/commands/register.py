"""`chainrule register`: a bundle that is here becomes a version, where no run of its export is in this registry."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.system.errors import ChainruleError

if TYPE_CHECKING:
    from chainrule.release.registry import Version

PATIENCE = 60.0
"""Seconds for the registry to take it: nothing else waits meanwhile."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("recipe", help="name of a recipe whose bundle is in models/onnx, as `dvc pull` brings it")
    parser.add_argument("--root", type=Path, default=Path("."), help="the project (default: here)")


def run(arguments: argparse.Namespace) -> int:
    """Register the bundle with the numbers of its reports, unless it is a version already, and say its number.

    Raises ChainruleError if the bundle is not what dvc.lock records, or the registry does not take it.
    """
    from chainrule.evaluation import headline
    from chainrule.exporting.bundle import GRAPH
    from chainrule.recipes import in_force
    from chainrule.release import promotion, registry
    from chainrule.runs import mlflow_store, places, tracking
    from chainrule.serving import bundle
    from chainrule.system.files import read_json

    root, recipe = arguments.root.resolve(), arguments.recipe
    told = in_force.logged(root, recipe)
    _refuse_other_than_recorded(root, recipe)
    folder, reports = root / "models" / "onnx" / recipe, root / "reports" / recipe
    trained = root / "models" / "finetuned" / recipe
    sha256 = bundle.read(folder, recipe, "new").sums[GRAPH]
    path = places.sqlite_path(places.tracking_uri(root))
    if path is not None and not path.exists():
        mlflow_store.connect(root, places.tracking_uri(root))
    with promotion.speaking(root) as client:
        if known := _known(registry.versions(client, recipe), sha256):
            print(f"{recipe}: the bundle is version {known} already")
            return 0
        with tracking.stage_run(root, recipe, "export", *told, patience=PATIENCE) as run:
            run.headline(headline.headline(read_json(reports / "metrics.json")))
            run.headline(headline.exported(read_json(reports / "export.json")))
            run.model(folder, GRAPH, trained if trained.is_dir() else None)
        number = _known(registry.versions(client, recipe), sha256)
    if number is None:
        raise ChainruleError(f"{recipe}: not registered yet; `python -m chainrule.runs.tracking` sends what waits")
    print(f"{recipe}: registered as version {number}; `chainrule promote {recipe}` makes it champion")
    return 0


def _refuse_other_than_recorded(root: Path, recipe: str) -> None:
    """A version says a commit: whatever is here must be what that commit's dvc.lock records."""
    from chainrule.reproduction import staleness

    for stage in staleness.look(root).get(recipe, []):
        if stage.name == "export" and stage.missing:
            raise ChainruleError(
                f"{recipe}: models/onnx/{recipe} is not here; `dvc pull export@{recipe}` fetches the bundle, "
                f"`dvc repro export@{recipe}` makes and registers it"
            )
        if stage.reasons and not stage.missing:
            reasons = "; ".join(stage.reasons)
            raise ChainruleError(f"{recipe}: {stage.name} is stale ({reasons}); `dvc repro` builds and registers it")


def _known(versions: list["Version"], sha256: str) -> int | None:
    return next((version.number for version in versions if version.tags.get("sha256") == sha256), None)
