"""`chainrule reproduce`: a registered model rebuilt from the commit, parameters and data it came from, and compared."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.system.errors import ChainruleError

if TYPE_CHECKING:
    from chainrule.reproduction.origin import Origin
    from chainrule.serving.bundle import Bundle

DIFFERENT = 3
TIMED = "export.variants.faster"
"""The parameter of versions whose variants shipped by a timing, which is no function of their inputs."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("model", metavar="NAME@VERSION", help="a registered model: digits@3, digits@champion")
    parser.add_argument("--anyway", action="store_true", help="also if no commit holds the code it was trained with")
    parser.add_argument("--keep", action="store_true", help="leave the worktree and both bundles for a look")
    parser.add_argument("--root", type=Path, default=Path("."), help="the project (default: here)")


def run(arguments: argparse.Namespace) -> int:
    """Rebuild and compare: 0 if every byte of the bundle is the same, 3 if not, after saying what differs.

    Raises ChainruleError (exit code 1) if it cannot be rebuilt: no such version, its commit or data is not to be had,
    it was trained with changes that no commit holds (unless `--anyway`), a stage fails.
    """
    from chainrule.release import promotion
    from chainrule.reproduction import building, environment, inputs, origin, worktree
    from chainrule.serving import bundle

    root = arguments.root.resolve()
    with worktree.scratch(root, arguments.keep) as folder:
        with promotion.speaking(root) as client:
            found = origin.find(client, arguments.model, folder)
            _say(f"{found.name}: commit {found.commit[:12]}, run {found.version.run_id}")
            registered = promotion.fetch(client, found.recipe, found.version, folder / "registered")
        commit = _commit(root, found, registered, arguments.anyway)
        project = worktree.check_out(root, commit, folder)
        _params(project, found)
        for line in inputs.place(root, project, found):
            _say(f"data: {line}")
        causes = environment.differences(project, found, registered.signature)
        for line in causes:
            _say(f"note: {line}")
        if found.dirty and commit == found.commit:
            causes.insert(0, "it was trained with changes that no commit holds")
        building.build(project, found, folder / "cache")
        rebuilt = bundle.read(project / "models" / "onnx" / found.recipe, found.recipe, str(found.version.number))
        same = _compare(project, found, registered, rebuilt, causes)
        if arguments.keep:
            _say(f"kept: {project} and {registered.folder}; `git worktree remove --force {folder / 'tree'}` ends it")
    return 0 if same else DIFFERENT


def _commit(root: Path, found: "Origin", registered: "Bundle", anyway: bool) -> str:
    """The commit to build; ChainruleError if it is not here, or only half of what was run."""
    from chainrule.reproduction import origin

    if found.dirty:
        later = origin.recorded_in(root, found, registered.folder)
        if later is not None:
            _say(f"trained before its changes were committed; dvc.lock of commit {later[:12]} records this very model")
            return later
        if not anyway:
            raise ChainruleError(
                f"{found.name}: was trained with changes to commit {found.commit[:12]} that no commit holds (no "
                "dvc.lock records it); commit code, params.yaml and dvc.lock, or --anyway builds that commit with the "
                "run's parameters"
            )
        _say("note: trained with changes that no commit holds; where they were in the code, the difference will show")
    if not origin.is_here(root, found.commit):
        raise ChainruleError(
            f"{found.name}: commit {found.commit[:12]} is not in this repository; fetch it from where it was pushed: "
            "`git fetch --all` (`git fetch --unshallow` in a shallow clone)"
        )
    return found.commit


def _params(project: Path, found: "Origin") -> None:
    """Make the checkout's params.yaml what the run logged, and say where it was not."""
    from chainrule.recipes.file import given_block
    from chainrule.reproduction import building, origin

    differences = origin.params_differences(given_block(project, found.recipe), found.given)
    for line in differences:
        _say(f"params: {line}; the run's is taken")
    if edited := found.tags.get("chainrule.params_changed"):
        _say(f"note: params.yaml was edited while the chain ran ({edited})")
    if differences or found.dirty:  # then the commit's defaults need not be the run's either
        building.write_params(project, found)


def _compare(project: Path, found: "Origin", registered: "Bundle", rebuilt: "Bundle", causes: list[str]) -> bool:
    """Say whether the bundles are the same, and if not, how they differ and from where on."""
    from chainrule.exporting.bundle import GRAPH
    from chainrule.reproduction import building, differences
    from chainrule.system.files import read_rows

    departed = building.departures(project, found)
    if departed:
        first = departed[0][0]
        paths = ", ".join(path for stage, path in departed if stage == first)
        _say(f"the chain departs at {first}: {paths}")
        later = [stage for stage in dict.fromkeys(stage for stage, _ in departed) if stage != first]
        if later:
            _say(f"and after it: {', '.join(later)}")
    names = differences.differing(registered.folder, rebuilt.folder)
    if not names:
        _say(f"{found.name} is reproduced: {len(rebuilt.sums) + 1} files, every byte the same")
        return True
    if not departed:
        _say("the chain is the same up to evaluate; it departs at export")
    for name in names:
        _say(f"{name} differs")
        for line in differences.details(registered.folder, rebuilt.folder, name):
            print(f"    {line}")
    if GRAPH in names:
        rows = read_rows(project / "data" / "split" / found.recipe / "validation.parquet")
        _say(differences.answers(registered, rebuilt, rows))
    elif any(name.endswith(".onnx") for name in names):
        _say(f"{GRAPH} is the same, its variants differ")
        if TIMED in found.params:
            causes = ["at that commit their measured speed decided which ship"]
    for cause in causes:
        _say(f"a likely cause: {cause}")
    if not causes:
        first = departed[0][0] if departed else "export"
        same = "commit, parameters, data, packages, processor and cores are those it was made with"
        _say(f"no cause is known: {same}; if it differs from itself when it is run again, {first} is not deterministic")
    total = len(registered.sums.keys() | rebuilt.sums.keys()) + 1
    _say(f"{found.name} is not reproduced byte for byte: {len(names)} of {total} files differ")
    return False


def _say(text: str) -> None:
    print(text, flush=True)
