"""What fashion_mnist.py and text_real.py share: recipes on real data, run up to their scores on the test rows."""

from pathlib import Path
from typing import Any

import common


def main(name: str, description: str | None, recipes: dict[str, str], targets: dict[str, float]) -> None:
    """Run the benchmark `name` for its recipes, which map names in benchmarks/params/ to folders of real data.

    `targets`: what a recipe's test accuracy should reach.
    """
    parser = common.arguments(description)
    parser.add_argument("--recipes", nargs="*", choices=list(recipes), default=list(recipes), help="these alone")
    parser.add_argument(
        "--set",
        nargs="*",
        default=[],
        metavar="SETTING=VALUE",
        help="settings changed in every recipe, like finetune.epochs=1",
    )
    parser.add_argument("--keep", action="store_true", help="keep the clone")
    options = parser.parse_args()
    at_start = common.machine()
    data = common.real_data(*(recipes[recipe] for recipe in options.recipes))
    figures: dict[str, Any] = {}
    with common.temporary_folder(options.keep) as folder:
        root = common.clone(folder / "clone")
        blocks = {recipe: common.recipe_from(recipe, options.set, data) for recipe in options.recipes}
        common.write_recipes(root, blocks)
        for recipe in options.recipes:
            print(recipe, flush=True)
            run = common.repro(root, f"evaluate@{recipe}")
            figures[recipe] = scored(root, recipe, run)
            if recipe in targets:
                value = figures[recipe]["test_accuracy"]["value"]
                figures[recipe]["target"] = common.target(f"{recipe}: test accuracy", value, ">=", targets[recipe])
            # One file per recipe, at once: a long run that is cut short keeps what it has.
            block = blocks[recipe] | {"source": blocks[recipe]["source"] | {"path": recipes[recipe]}}
            settings = {"set": options.set, "recipe": block}
            common.write_result(options.results, f"{name}_{recipe}", at_start, settings, figures[recipe])


def scored(root: Path, recipe: str, run: common.Repro) -> dict[str, Any]:
    """Return and print what a recipe's chain cost, its test scores and those of the floors on the same rows."""
    reports = root / "reports" / recipe
    metrics = common.read_json(reports / "metrics.json")
    training = {stage: common.training_seconds(root, recipe, stage) for stage in ("pretrain", "finetune")}
    found = {
        "rows": {
            "training": common.read_json(reports / "finetune.json")["rows"],
            "test": metrics["test"]["rows"],
        },
        "parameters": common.read_json(reports / "finetune.json")["parameters"],
        "training_seconds": {stage: round(seconds, 1) for stage, seconds in training.items() if seconds is not None},
        "chain_seconds": round(run.seconds, 1),
        "stage_seconds": {stage: round(seconds, 1) for stage, seconds in run.stages.items()},
        "best_validation_accuracy": common.read_json(reports / "finetune.json")["accuracy"],
        "test_accuracy": metrics["test"]["accuracy"],
        "floor_accuracy": {floor: scores["accuracy"] for floor, scores in metrics["floor"].items()},
    }
    for stage, seconds in found["training_seconds"].items():
        print(f"  {stage}: {seconds:.1f} s of training on {found['rows']['training']:,} rows")
    for who, score in {"model": found["test_accuracy"], **found["floor_accuracy"]}.items():
        print(f"  {who}: accuracy {score['value']:.4f} ({score['low']:.4f} to {score['high']:.4f})")
    return found
