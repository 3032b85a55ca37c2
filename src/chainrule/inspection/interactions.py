"""Tables of who met what: a user, an item, and a rating or nothing but that they met."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chainrule.inspection.cells import Table
from chainrule.inspection.examples import Examples, Options
from chainrule.inspection.profile import Profile, numbers, titles
from chainrule.inspection.roles import Roles
from chainrule.inspection.rows import Columns

RATED, CHOSEN = "recommendation", "item_ranking"
TASKS = (RATED, CHOSEN)
USERS = {"user", "users", "userid", "uid", "customer", "reviewer", "member", "visitor", "listener", "reader", "viewer"}
ITEMS = {
    *("item", "items", "itemid", "iid", "movie", "movieid", "film", "book", "isbn", "product", "productid", "asin"),
    *("song", "track", "artist", "album", "article", "game", "business", "restaurant", "recipe", "joke", "anime"),
}
RATINGS = {"rating", "ratings", "stars", "star", "score", "rate", "overall"}
TIMES = {"time", "timestamp", "date", "when", "datetime"}
TITLES = ("user", "item", "rating", "timestamp")
"""What the columns of a file of ratings without titles are, as MovieLens has them."""
MOST_LEVELS = 200
"""Different ratings of a scale at most."""
_SECONDS = re.compile(r"\d{8,10}")
FEWEST = 5
"""Users and items there are at least."""


def of_files(files: Sequence[Path], options: Options) -> Sequence[Path]:
    """Return the one file that is called ratings, where tables of users and items lie beside it; else all files."""
    found = [file for file in files if file.stem.lower() in RATINGS]
    return found if len(found) == 1 and options.task in (None, *TASKS) else files


def titled(table: Table) -> Table:
    """Return a file called ratings with titles, if it has none and as many columns as MovieLens's; others as they are.

    A fourth column are seconds since 1970.
    """
    known = table.titles is None and table.path.stem.lower() in RATINGS and table.width in (3, 4)
    if not known or (table.width == 4 and not all(map(_SECONDS.fullmatch, table.column(3)))):
        return table
    return table.named(TITLES[: table.width])


def of_columns(profiles: Sequence[Profile], options: Options) -> Roles | None:
    """Return what each column is for where rows say who met what; None where they say something else.

    Columns are known by their titles; without any by --task, which then are user, item and rating in this order.
    """
    if options.task not in (None, *TASKS):
        return None
    user, item = (_named(profiles, names) for names in (USERS, ITEMS))
    rating = _named(profiles, RATINGS) if options.target is None else _asked(profiles, options.target)
    if options.task is not None and (user is None or item is None) and len(profiles) > 1:
        user, item, *more = profiles
        rating = rating or next((each for each in more if each.kind == "number"), None)
    if user is None or item is None or user is item or not all(map(_repeats, (user, item))):
        return None
    if rating is not None and (rating in (user, item) or rating.kind != "number" or rating.distinct > MOST_LEVELS):
        rating = None
    if options.task is None and any(each.kind == "text" for each in profiles):
        return None  # a review is read, whoever wrote it
    rated = rating is not None and options.task != CHOSEN
    target = rating if rated and rating is not None else item
    others = [each for each in profiles if each not in (user, target)]
    said = [
        f"users: {user.title}, {user.distinct:,}; items: {item.title}, {item.distinct:,}",
        f"target: {target.title}, a rating" if rated else "target: that a user chose an item, which every row says",
    ]
    task, kind = (RATED, "rating") if rated else (CHOSEN, "click")
    return Roles(task, "interaction", kind, {"item": item.column}, target.column, target, user, others, said)


def _named(profiles: Sequence[Profile], names: set[str]) -> Profile | None:
    found = [each for each in profiles if names & _words(each.title)]
    return found[0] if len(found) == 1 else None


def _words(title: str) -> set[str]:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(title)).lower()
    words = [word for word in re.split(r"[\W_]+", apart) if word]
    return {*words, *(word.removesuffix("id") for word in words), "".join(words)}


def _asked(profiles: Sequence[Profile], name: str) -> Profile | None:
    return next((each for each in profiles if name in (each.title, str(each.column))), None)


def _repeats(given: Profile) -> bool:
    return given.kind in ("number", "names", "category") and FEWEST <= given.distinct < given.cells


def used(chosen: Roles) -> Columns:
    """Return what clean.normalise says of the columns, and how rows are held out."""
    assert chosen.group is not None and chosen.profile is not None
    item = next(each for each in (chosen.profile, *chosen.others) if each.column == chosen.inputs["item"])
    normalise: dict[str, Any] = {"user": chosen.group.title, "item": item.title}
    scale = []
    if chosen.target_kind == "rating" and (found := numbers(chosen.profile)):
        normalise["ratings"] = [min(found), max(found)]
        scale = [f"ratings: {min(found):g} to {max(found):g}, by what is there; others will be rejected"]
    time = next((each for each in chosen.others if TIMES & _words(each.title)), None)
    by = "within_groups" if time is None else "time"
    said = [
        *scale,
        "split: each user gives some rows, and keeps one at least"
        if time is None
        else f"split: by time, the newest rows by {time.title} are tested, whosever they are",
    ]
    if left := [each for each in chosen.others if each not in (time, item)]:
        said.append(f"not used: {titles(left)}; clean.normalise can list them as features")
    return Columns(normalise, time, {"by": by}, said, [])


def blocks(found: Examples, why: list[str]) -> dict[str, Any]:
    """Return the blocks of a recipe that do not come from its rows; `why` gets a line."""
    floors = "popularity, biases and item-kNN" if found.task == RATED else "popularity and item-kNN"
    why.append(f"net: matrix factorisation; the report holds it against {floors}")
    return {
        "clean": {},
        "augment": {},
        "base": {"from": "nothing"},
        "net": {"name": "matrix_factorisation"},
        "pretrain": {"objective": {"name": "none"}},
        "finetune": {"strategy": {"name": "full"}},
    }
