"""The flattering number: the digits split image by image, beside the digits split with their writers apart.

Measured: the test accuracy of the digits recipe of params.yaml, run by `dvc repro evaluate@…` in a clone of the
commit that is checked out, once as it is (source.block 45: blocks of consecutive images, roughly a writer's,
stay whole, so that nobody's hand is in both training and test) and once with source.block 1 (every image by
itself, which puts the same hands on both sides, as a shuffled split does). Everything else is the same. Each
for the same --seeds, which choose the split as well as the weights; given are the accuracies, their means, and
the floors on the same rows.

The seeds are the first three from 7 on whose grouped split is within split.tolerance: with 8 the test part
would get 0.3005 of the rows, with 10 the validation part 0.0501.

Published for comparison: scikit-learn's SVC 0.990 in shuffled five-fold cross-validation, 0.972 with the file's
order kept.
"""

import copy
from typing import Any

import common

from chainrule.recipes.file import given_block
from chainrule.recipes.in_force import in_force

BLOCKS = {"grouped": 45, "shuffled": 1}


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--seeds", nargs="*", type=int, default=[7, 9, 11], help="of the split and of the weights")
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="SETTING=VALUE", help="settings changed in both, like finetune.epochs=1"
    )
    parser.add_argument("--keep", action="store_true", help="keep the clone")
    options = parser.parse_args()
    at_start = common.machine()
    figures: dict[str, Any] = {}
    with common.temporary_folder(options.keep) as folder:
        root = common.clone(folder / "clone")
        digits = in_force(given_block(root, "digits"))
        recipes = {
            f"{kind}_{seed}": recipe(digits, block, seed, options.set)
            for seed in options.seeds
            for kind, block in BLOCKS.items()
        }
        common.write_recipes(root, recipes)
        for name in recipes:
            common.repro(root, f"evaluate@{name}", echo=False)
            metrics = common.read_json(root / "reports" / name / "metrics.json")
            found = {"model": metrics["test"], **metrics["floor"]}
            scores = {who: score["accuracy"] for who, score in found.items()}
            interval = scores["model"]
            rows = metrics["test"]["rows"]
            print(
                f"{name}: {interval['value']:.4f} ({interval['low']:.4f} to {interval['high']:.4f}, {rows} rows)",
                flush=True,
            )
            figures[name] = {"rows": rows, "accuracy": scores}
    means = {}
    for kind in BLOCKS:
        scored = [figures[f"{kind}_{seed}"]["accuracy"] for seed in options.seeds]
        means[kind] = {who: common.spread([each[who]["value"] for each in scored]) for who in scored[0]}
        words = ", ".join(f"{who} {score['mean']:.4f}" for who, score in means[kind].items())
        print(f"{kind} (block {BLOCKS[kind]}), mean of {len(options.seeds)} seeds: {words}")
    flattery = means["shuffled"]["model"]["mean"] - means["grouped"]["model"]["mean"]
    print(f"the shuffled split flatters by {flattery:+.4f}")
    results = {"flattery": round(flattery, 4), "accuracy_over_seeds": means, "runs": figures}
    common.write_result(
        options.results, "digits_shuffled", at_start, {"seeds": options.seeds, "set": options.set}, results
    )


def recipe(digits: dict[str, Any], block: int, seed: int, changes: list[str]) -> dict[str, Any]:
    """Return the digits recipe with another block and seed."""
    changed = common.changed(copy.deepcopy(digits), changes)
    return changed | {"seed": seed, "source": changed["source"] | {"block": block}}


if __name__ == "__main__":
    main()
