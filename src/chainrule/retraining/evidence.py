"""What a retraining looks at to decide: the champion, the challenger, new rows and how they differ from old ones."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.data import batches
from chainrule.data.columns import alterable, columns
from chainrule.data.reading import reader
from chainrule.evaluation import primary
from chainrule.exporting.bundle import GRAPH
from chainrule.recipes.evaluate import Evaluate
from chainrule.recipes.file import plug_in, section
from chainrule.recipes.retrain import Retrain
from chainrule.release import altered, contest, promotion, registry
from chainrule.release.promotion import Say
from chainrule.retraining import decisions
from chainrule.runs import journal, places
from chainrule.serving import bundle, runtime, store
from chainrule.serving.limits import Limits
from chainrule.system import dvc_data, dvc_lock, plugins, words
from chainrule.system.errors import ChainruleError, DataError
from chainrule.system.files import read_json, read_rows

if TYPE_CHECKING:
    import pandas as pd

    from chainrule.drift import testing

REGISTERED_SECONDS = 30.0
"""The most that a version may take to be registered before what waits is sent once more."""
LOOK_SECONDS = 0.25
KEEPS = "what is served stays as it is"


@dataclass(frozen=True)
class Champion:
    """The version that is served from models/served."""

    number: int
    folder: Path
    sha256: str
    """Of the fp32 graph."""
    promoted: datetime


def champion(root: Path, recipe: str, say: Say) -> Champion | None:
    """Return what is served; None if nothing was ever promoted.

    A champion that MLflow names and this machine does not have is fetched and tried like any promotion. Raises
    ChainruleError if it cannot be loaded, or the registry is not there.
    """
    path = root / store.SERVED / recipe / store.CHAMPION
    named = _alias(root, recipe)
    if named is not None and (promotion.needs_settling(root, recipe) or not path.exists() or _other(path, named)):
        say(f"{recipe}: version {named} is champion in MLflow and not what is served here; fetches it")
        promotion.promote(root, recipe, named, reason="was champion in MLflow and not served here", say=say)
    if not path.exists():
        return None
    try:
        wanted = store.find(root, recipe)
        assert wanted is not None
        content = bundle.read(wanted.folder, recipe, wanted.version)
        if content.digest != wanted.digest:
            raise DataError(f"{wanted.folder}: not the bundle that {path} names")
        runtime.open_session(content, None, "cpu", 1, Limits())
        promoted = datetime.fromisoformat(read_json(path)["promoted"])
    except (DataError, KeyError, ValueError) as error:
        remedy = (
            f"`chainrule promote {recipe} VERSION` publishes a version anew, `chainrule models {recipe}` names them"
        )
        raise ChainruleError(f"the champion of {recipe} cannot be loaded ({error}); {remedy}; {KEEPS}") from None
    return Champion(int(wanted.version), wanted.folder, content.sums[GRAPH], promoted)


def _other(path: Path, number: int) -> bool:
    """Whether the store names another version than `number`; one that cannot be read names none."""
    try:
        return store.wanted(path.parent.name, store.Place(path, (0, 0, 0))).version != str(number)
    except DataError:
        return False


def _alias(root: Path, recipe: str) -> int | None:
    path = places.sqlite_path(places.tracking_uri(root))
    if path is not None and not path.exists():
        return None  # the first stage that runs makes it
    with _speaking(root) as client:
        return registry.aliases(client, recipe).get(registry.CHAMPION)


@contextmanager
def _speaking(root: Path) -> Iterator[Any]:
    """`promotion.speaking`, with the remedy of a retraining."""
    try:
        with promotion.speaking(root) as client:
            yield client
    except ChainruleError as error:
        remedy = "start it or correct MLFLOW_TRACKING_URI, then run the retraining again"
        raise ChainruleError(f"{error}; {remedy}; {KEEPS}") from None


def registered(root: Path, recipe: str, sha256: str, prefer: int | None) -> int:
    """Return the number of the registered version that is this model, `prefer` if that is, else the newest.

    Waits until the sender has registered what `export` made. Raises ChainruleError if it does not come.
    """
    deadline = time.monotonic() + REGISTERED_SECONDS
    numbers = _numbers(root, recipe, sha256)
    while not numbers and journal.journals(root) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        numbers = _numbers(root, recipe, sha256)
    said = ""
    if not numbers:
        command = [sys.executable, "-m", "chainrule.runs.tracking", str(root)]
        said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout
        numbers = _numbers(root, recipe, sha256)
    if not numbers:
        last = (said.strip().splitlines() or ["tracking: nothing waits"])[-1]
        raise ChainruleError(
            f"the new model of {recipe} is not in the registry ({last}); `dvc repro --force --single-item "
            f"export@{recipe}` registers it, without CHAINRULE_TRACKING=off; then run the retraining again; {KEEPS}"
        )
    return prefer if prefer in numbers else max(numbers)


def _numbers(root: Path, recipe: str, sha256: str) -> list[int]:
    with _speaking(root) as client:
        return [one.number for one in registry.versions(client, recipe) if one.tags.get("sha256") == sha256]


# ---- new rows


def undecided(root: Path, recipe: str) -> dict[str, int]:
    """Return the batches that no model was decided about, oldest first, with their usable rows."""
    made = [decision for decision in decisions.read(root, recipe) if decision["action"] != decisions.FAILED]
    decided = {name for decision in made for name in decision["batches"]}
    folder = batches.prepare(root, recipe, dvc_lock.read)
    return {
        name: int(batches.manifest(folder / name)["usable"]) for name in batches.names(folder) if name not in decided
    }


def drifted(
    root: Path, recipe: str, block: Mapping[str, Any], champion: Champion, names: Sequence[str]
) -> "testing.Report | None":
    """Compare the rows of batches with the validation rows that the champion's recipe has; None if there are none.

    Raises DataError if a batch cannot be read or a row cannot be encoded.
    """
    from chainrule.drift import measuring, testing

    level = section(dict(block), "retrain", Retrain).drift
    reference = root / "data" / "split" / recipe / "validation.parquet"
    if level is None or not names or not reference.is_file():
        return None
    rows = _clean(root, recipe, block, names)
    samples = [measuring.rows_sample(champion.folder, part) for part in (read_rows(reference), rows)]
    return testing.between(*samples, alpha=level, seed=int(block["seed"]))


def _clean(root: Path, recipe: str, block: Mapping[str, Any], names: Sequence[str]) -> "pd.DataFrame":
    """Return the labelled rows of batches as `clean` makes them."""
    import pandas as pd

    from chainrule.data import cleaning

    kind, options = plug_in(block["incoming"], "kind")
    fields = columns(block["task"], block["modality"])
    read = reader(kind, fields)
    folder = batches.prepare(root, recipe, dvc_lock.read)
    raw = pd.concat([batches.read(folder / name, read, options) for name in names], ignore_index=True)
    settings = block["clean"]
    rules = plugins.load(f"tasks.{block['task']}", "rows")
    cleaned = cleaning.clean(
        raw,
        fields,
        rules,
        normalise=settings["normalise"],
        near_duplicates=settings["near_duplicates"],
        labels=settings.get("labels"),
        contradictions=settings.get("contradictions", "reject"),
    )
    kept = cleaned.kept
    return kept[kept["part"].isna()].reset_index(drop=True)


# ---- deciding


def triggers(
    settings: Retrain,
    champion: Champion | None,
    new: Mapping[str, int],
    report: "testing.Report | None",
    *,
    force: bool,
    now: datetime | None = None,
) -> tuple[str, ...]:
    """Return why to train anew, in words; empty if there is no reason."""
    rows = sum(new.values())
    found = []
    if champion is None:
        found.append("no champion yet")
    if rows >= settings.rows:
        found.append(f"new data: {words.count(rows, 'row')}")
    if report is not None and report.flagged:
        found.append(f"drift: {', '.join(test.name for test in report.tests if test.flagged)}")
    if champion is not None and settings.age_days is not None:
        days = ((now or datetime.now(UTC)) - champion.promoted).days
        if days >= settings.age_days:
            found.append(f"age: {words.count(days, 'day')}")
    if force:
        found.append("forced")
    return tuple(found)


def compare(root: Path, recipe: str, block: Mapping[str, Any], champion: Champion) -> dict[str, Any]:
    """Return how the exported model and the champion compare on the current test rows (`contest.compare`).

    "left_out": rows that are not compared on because the champion was trained on a row of their group. New rows can tie
    rows that were trained on to ones that are tested, and the split then tests them all; None if it is not known which.
    "robustness": how they compare where these rows are altered (`altered.compare`); None where that is not asked.
    """
    settings, resamples, seed = (
        section(dict(block), "retrain", Retrain),
        section(dict(block), "evaluate", Evaluate).resamples,
        int(block["seed"]),
    )
    rows = read_rows(root / "data" / "split" / recipe / "test.parquet")
    seen = _trained_on(root, recipe, champion)
    fair = rows if seen is None else rows[~rows["group"].isin(rows["group"][rows["id"].isin(seen)])]
    fair = fair.reset_index(drop=True)
    bundles = exported(root, recipe).folder, champion.folder
    found = contest.compare(fair, *bundles, margin=settings.margin, resamples=resamples, seed=seed)
    hardened = None
    if settings.robustness is not None:
        modality = block["modality"]
        inputs = alterable(columns(block["task"], modality))
        hardened = altered.compare(
            fair, inputs, modality, *bundles, settings.robustness, resamples=resamples, seed=seed
        )
    return found | {"left_out": None if seen is None else len(rows) - len(fair), "robustness": hardened}


def fit(found: Mapping[str, Any]) -> bool:
    """Return whether a challenger may become champion, by what `compare` found of rows as they are and altered."""
    return bool(found["not_worse"] and (found["robustness"] is None or found["robustness"]["not_worse"]))


def _trained_on(root: Path, recipe: str, champion: Champion) -> set[str] | None:
    """Return the ids of rows that the champion was trained or chosen on, from the split that its run names.

    None if the run names none, or DVC's cache does not have it.
    """
    import pandas as pd

    run_id = read_json(champion.folder.parent / "version.json")["run_id"]
    with _speaking(root) as client:
        split = client.get_run(run_id).data.tags.get(f"dvc.data/split/{recipe}")
    if split is None:
        return None
    paths = [f"{dvc_data.DATA}/{part}.parquet" for part in ("train", "validation")]
    with dvc_data.named(root, split) as cached, suppress(FileNotFoundError):
        if all(map(cached.exists, paths)):
            return {row for path in paths for row in pd.read_parquet(cached.open(path), columns=["id"])["id"]}
    return None


def exported(root: Path, recipe: str) -> bundle.Bundle:
    """Return the bundle that `export` wrote; DataError if it is not to be trusted.

    What DVC made links into its cache (`cache.type symlink`) become files again: a bundle is read without links.
    """
    folder = root / store.EXPORTED / recipe
    if folder.is_dir() and any(path.is_symlink() for path in folder.iterdir()):
        from dvc.repo import Repo

        with Repo(str(root)) as repo:
            repo.unprotect(str(folder))
    return bundle.read(folder, recipe, store.UNPROMOTED)


def numbers(found: Mapping[str, Any]) -> dict[str, float]:
    """Return a comparison as metrics of a run; what the rows cannot tell is left out."""
    name = found["primary"]["name"]
    told = {
        **{f"difference.{key}": value for key, value in found["difference"].items()},
        **{f"{who}_{name}": found[who] for who in ("challenger", "champion")},
        **{key: found[key] for key in ("rows", "groups", "margin")},
    }
    if found["robustness"] is not None:
        told |= {f"robustness.{key}": found["robustness"][key] for key in ("challenger", "champion", "margin")}
        told |= {f"robustness.difference.{key}": value for key, value in found["robustness"]["difference"].items()}
    return {key: value for key, value in told.items() if value is not None}


def verdict(found: Mapping[str, Any], champion: int) -> str:
    """Return the outcome of a comparison as a sentence."""
    judged = "not worse than" if found["not_worse"] else "may be worse than"
    notes = [f"the {who} takes {count:,} of the rows not at all" for who, count in found["refused"].items() if count]
    if found["left_out"] is None:
        notes.append("which rows the champion was trained on is not known")
    elif found["left_out"]:
        notes.append(f"{found['left_out']:,} more left out, the champion was trained on rows of their groups")
    said = f"{judged} version {champion} on {words.count(found['rows'], 'test row')}: {_against(found)}"
    if (hardened := found["robustness"]) is not None:
        judged = "not worse" if hardened["not_worse"] else "may be worse"
        ways = words.count(len(hardened["corruptions"]), "corruption")
        severities = words.listed(list(map(str, hardened["severities"])))
        notes.insert(0, f"{judged} under {ways} at severity {severities}: {_against(hardened)}")
    return "; ".join([said, *notes])


def _against(found: Mapping[str, Any]) -> str:
    """Return the scores of both, their difference with its interval and the margin, in words."""
    decisive = primary.read(found["primary"])
    return (
        f"{primary.words(decisive.name)} {primary.number(decisive.unit, found['challenger'])} against "
        f"{primary.number(decisive.unit, found['champion'])}{primary.of_unit(decisive.unit)}, "
        f"{primary.change(decisive.unit, found['difference'])}, margin {found['margin']:g}"
    )


def refused_before(root: Path, recipe: str, challenger: int, champion: int | None) -> str | None:
    """Return when this challenger was refused against this champion, or as the first; None if it was not."""
    for decision in reversed(decisions.read(root, recipe)):
        same = (decision["challenger"], decision["champion"]) == (challenger, champion)
        if same and decision["action"] == decisions.REFUSED:
            return str(decision["when"])
    return None


def lock(root: Path, recipe: str) -> Path:
    """Return the lock that one retraining of a recipe holds."""
    return root / ".chainrule" / "locks" / f"retrain@{recipe}.lock"


def waiting(recipe: str) -> str:
    """Return what a retraining says that waits for another."""
    return f"{recipe}: waits for another retraining of it to end"
