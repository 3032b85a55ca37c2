"""The Hugging Face hub: the files of a model, into the hub's own cache; the one place of a training that asks it."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from chainrule import QUIET
from chainrule.system.errors import DataError
from chainrule.training.bases.shared.folders import Folder

OFFLINE = "HF_HUB_OFFLINE"
SAFE = (".safetensors", ".safetensors.index.json")
PICKLED = (".bin", ".bin.index.json")
BESIDE = (".json", ".txt", ".model", "README.md", "LICENSE", "LICENCE")
CACHED: dict[str, Any] = {
    "allow_patterns": [f"*{ending}" for ending in (*SAFE, *BESIDE)],
    "ignore_patterns": ["*/*", *(f"*{ending}" for ending in PICKLED)],
}
"""What the cache has to have of a model; pickled weights may be there or not."""


def allow() -> None:
    """Let the hub be asked, unless the user forbade it: before anything imports its client, which learns it then."""
    if os.environ.get(OFFLINE) == QUIET[OFFLINE]:  # the project's own word, for all that is not this
        os.environ[OFFLINE] = "0"
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def bring(name: str, revision: str | None, place: str) -> Folder:
    """Return a folder with the model's files and the commit that they are of.

    What is in the hub's cache is not loaded again, and is taken where the hub cannot be asked. Raises DataError for
    what the hub does not have, and, with what brings the files, where it does not answer: within the 10 seconds, or as
    many as HF_HUB_ETAG_TIMEOUT says, that the hub's client gives it.
    """
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        about = HfApi().model_info(name, revision=revision, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        files = wanted(each.rfilename for each in about.siblings or ())
        # By the name that was asked for, so that the cache knows what it means where the hub does not answer.
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=files))
        return Folder(folder, folder.name)
    except GatedRepoError:
        raise DataError(
            f"base.name: {name}: the hub gives it to those alone who took its terms: take them on its page, then "
            "`hf auth login`"
        ) from None
    except RevisionNotFoundError:
        raise DataError(f"base.revision: {revision}: the hub has no such commit, tag or branch of {name}") from None
    except RepositoryNotFoundError:
        raise DataError(f"base.name: {name}: no such folder here, and no such model on the hub") from None
    except HFValidationError:
        raise DataError(f"base.name: {name}: no such folder here, and no name that the hub could have") from None
    except Exception as error:  # whatever the hub's client, its transport or the name service makes of no answer
        return _cached(name, revision, place, error)


def _cached(name: str, revision: str | None, place: str, cause: Exception) -> Folder:
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(name, revision=revision, local_files_only=True, **CACHED))
    except OSError:
        at = f" --revision {revision}" if revision else ""
        why = " ".join(str(cause).split())[:120] or type(cause).__name__
        raise DataError(
            f"base.name: {name}: not on this machine, and the hub does not answer ({why}); where it does, "
            f"`hf download {name}{at} --local-dir models/{place}/{name}`, and bring that folder here"
        ) from None
    return Folder(folder, folder.name)


def wanted(files: Iterable[str]) -> list[str]:
    """Return those files of a model that a base is made of: pickled weights only where there are no others."""
    own = [name for name in files if "/" not in name]
    weights = [name for name in own if name.endswith(SAFE)] or [name for name in own if name.endswith(PICKLED)]
    return sorted({*weights, *(name for name in own if name.endswith(BESIDE) and ".index." not in name)})
