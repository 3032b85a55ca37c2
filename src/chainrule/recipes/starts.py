"""Whether a recipe can start from what its `base` names: of other recipes, of its kind of inputs, and of its net."""

from collections.abc import Iterator, Mapping
from typing import Any

from chainrule.nets.catalogue import NETS
from chainrule.recipes.file import at
from chainrule.recipes.mistakes import Mistake, nearest
from chainrule.training.bases.catalogue import BASES, OF_RECIPES
from chainrule.training.strategies.catalogue import STRATEGIES


def mistakes(block: Any, recipes: Mapping[Any, Any], path: str) -> Iterator[Mistake]:
    """Yield what a recipe cannot start from; block: the recipe's, as it is written."""
    place, net = at(block, ("base", "from")), at(block, ("net", "name"))
    name, _, recipe = place.partition("/") if isinstance(place, str) else ("", "", "")
    if name not in BASES:
        return  # reported as an unknown name
    entry = BASES[name]
    if name in OF_RECIPES:
        yield from _of_recipe(block, name, recipe, recipes, f"{path}.base.from")
    elif recipe:
        yield Mistake(f"{path}.base.from", repr(place), f"{name} stands alone; what it is goes under `name`")
    made_of_two = net == "image_text" and entry.modality is not None  # of which the base is one
    inside = at(block, ("net", str(entry.modality), "name")) if made_of_two else None
    if entry.modality not in (None, at(block, ("modality",))) and not made_of_two:
        yield Mistake(f"{path}.base.from", repr(place), f"its weights are of modality {entry.modality}")
    elif made_of_two and entry.nets is not None and inside not in entry.nets:
        needed = f"a net that a base from {name} is of is needed: {' or '.join(entry.nets)}"
        yield Mistake(f"{path}.net.{entry.modality}.name", repr(inside) if inside else "nothing", needed)
    elif not made_of_two and entry.nets is not None and net in NETS and net not in entry.nets:
        needed = f"a net that a base from {name} is of is needed: {' or '.join(entry.nets)}"
        yield Mistake(f"{path}.net.name", repr(net), needed)
    strategy = at(block, ("finetune", "strategy", "name"))
    able = STRATEGIES[strategy].bases if strategy in STRATEGIES else None
    if able is not None and name not in able:
        needed = f"strategy {strategy} takes a base from {' or '.join(able)} alone"
        yield Mistake(f"{path}.base.from", repr(place), needed)
    for place_of in (("net", "name"), ("net", "text", "name")):
        if name == "nothing" and at(block, place_of) == "transformers":
            needed = "it is what a base says it is; set base, or take net encoder"
            yield Mistake(".".join((path, *place_of)), "'transformers'", needed)


def _of_recipe(block: Any, name: str, recipe: str, recipes: Mapping[Any, Any], path: str) -> Iterator[Mistake]:
    """Yield what is wrong with another recipe's output as a base: there is none, or it is of another kind."""
    place = f"{name}/{recipe}"
    others = [str(other) for other in recipes if recipes[other] is not block]
    if recipe not in others:
        needed = f"{name}/ and the name of another recipe is needed: {', '.join(others) or 'there is none'}"
        yield Mistake(path, repr(place), needed, nearest(recipe, others))
        return
    strategy = at(block, ("finetune", "strategy", "name"))
    teaches = strategy in STRATEGIES and STRATEGIES[strategy].teacher  # a teacher may be of another net
    for key, said in ((("modality",), "modality"), *(() if teaches else ((("net", "name"), "net"),))):
        ours, theirs = at(block, key), at(recipes[recipe], key)
        if ours is not None and theirs is not None and ours != theirs:
            yield Mistake(path, repr(place), f"its {said} is {theirs}, this recipe's {ours}; they must be one")
    above = list(_above(recipe, recipes))
    if any(recipes[each] is block for each in above):
        yield Mistake(path, repr(place), f"{' starts from '.join([recipe, *above])}: one has to come first")
    untrained = at(recipes[recipe], ("pretrain", "objective", "name")) == "none"
    if name == "pretrained" and untrained and at(recipes[recipe], ("base", "from")) in (None, "nothing"):
        yield Mistake(path, repr(place), "that recipe is not pretrained: its objective is none")


def _above(recipe: str, recipes: Mapping[Any, Any]) -> Iterator[str]:
    """Yield the recipes that a recipe starts from, one from the other, until there is none or one comes again."""
    seen = {recipe}
    while True:
        place = at(recipes[recipe], ("base", "from"))
        name, _, recipe = place.partition("/") if isinstance(place, str) else ("", "", "")
        if name not in OF_RECIPES or recipe not in recipes:
            return
        yield recipe
        if recipe in seen:
            return
        seen.add(recipe)
