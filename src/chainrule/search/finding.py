"""What is done with a search's outcome: shown, kept in MLflow, and put into params.yaml where that is asked for."""

from typing import TYPE_CHECKING

from chainrule.evaluation import primary
from chainrule.recipes import in_force, rewriting
from chainrule.recipes.file import given_block
from chainrule.runs import tracking
from chainrule.search import outcome, study
from chainrule.search.plan import Plan
from chainrule.system.errors import ParamsError

if TYPE_CHECKING:
    from optuna import Study

NOTE = (
    "The best of many trials looks better on the rows that chose it than it is: the test rows say what it is worth, "
    "after `dvc repro`."
)


def show(plan: Plan, opened: "Study", apply: bool, again: str) -> int:
    """Print the best trials and what they would change in params.yaml, or change it; 1 where there is none.

    again: the command that applies it.
    """
    print(f"\n{outcome.table(opened, plan)}")
    best = study.best(opened)
    if best is None:
        return 1
    keep(plan, opened)
    if best.user_attrs.get("own"):
        print(f"\nNothing found was better than the recipe as it is. {NOTE}")
        return 0
    print(f"\n{changes(plan, opened)}")
    if apply:
        before, after = rewriting.rewritten(plan.root, plan.recipe, best.user_attrs["values"])
        if given_block(plan.root, plan.recipe) != plan.given:
            raise ParamsError(f"params.yaml: recipes.{plan.recipe} was changed during the search; nothing is written")
        rewriting.write(plan.root, before, after)
        print(f"Written into params.yaml. {NOTE}")
    else:
        print(f"`{again}` writes it. {NOTE}")
    return 0


def changes(plan: Plan, opened: "Study") -> str:
    """Return what the best values change in params.yaml as a unified diff; empty where nothing does."""
    best = study.best(opened)
    if best is None or best.user_attrs.get("own"):
        return ""
    return rewriting.difference(*rewriting.rewritten(plan.root, plan.recipe, best.user_attrs["values"]))


def keep(plan: Plan, opened: "Study") -> None:
    """Draw the picture, and let MLflow have it and the best value beside the trials."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    path = plan.folder / "slices.png"
    outcome.slices(opened, plan, path)
    print(f"\npicture: {path.relative_to(plan.root)}")
    best = study.best(opened)
    assert best is not None and best.value is not None
    params, defaults = in_force.logged_of(plan.given)
    with (
        tracking.chain(plan.chain),
        tracking.stage_run(
            plan.root, plan.recipe, "search", params, defaults, trial=plan.tracked(best.user_attrs["values"])
        ) as run,
    ):
        run.headline({f"validation.{plan.metric}": best.value, "trials": len(opened.get_trials(deepcopy=False))})
        run.artifact(path, "figures")


def said(plan: Plan, opened: "Study") -> str:
    """Return the best value found, in words."""
    best = study.best(opened)
    if best is None:
        return f"{plan.study}: no trial could be trained"
    value = primary.number(plan.unit, best.value)
    return f"{plan.study}: best of the validation rows: {primary.words(plan.metric)} {value}, trial {best.number}"
