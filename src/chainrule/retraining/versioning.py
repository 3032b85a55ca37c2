"""What a retraining leaves in git: a commit of what DVC and the stages wrote, and a tag for a promoted version."""

import subprocess
from pathlib import Path

from chainrule.runs.tracking import stranger_remedy
from chainrule.system.errors import ChainruleError


def paths(recipe: str) -> tuple[str, ...]:
    """Return what is committed of a recipe."""
    return ("dvc.lock", f"reports/{recipe}")


def tag_name(recipe: str, version: int) -> str:
    """Return the tag of a version, as `chainrule reproduce` takes it."""
    return f"{recipe}@{version}"


def check(root: Path, recipe: str) -> None:
    """Raise ChainruleError, with the reason, if `commit` could not do its work now."""
    top = _git(root, "rev-parse", "--show-toplevel")
    if Path(top).resolve() != root.resolve():
        raise ChainruleError(f"{root}: the git repository is {top}; run from its top folder, or without --commit")
    branch = subprocess.run(["git", "symbolic-ref", "-q", "HEAD"], cwd=root, capture_output=True, check=False)
    if branch.returncode != 0:
        raise ChainruleError(f"{root}: no branch is checked out; `git switch` to one, or run without --commit")
    for who in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
        _git(root, "var", who)
    ours = paths(recipe)
    staged = _git(root, "diff", "--cached", "--name-only", "-z").split("\0")
    others = [name for name in staged if name and not any(name == path or name.startswith(f"{path}/") for path in ours)]
    if others:
        raise ChainruleError(
            f"{root}: other changes are staged ({', '.join(others[:5])}); commit or unstage them (`git restore "
            "--staged`), or run without --commit"
        )


def commit(root: Path, recipe: str, message: str) -> str | None:
    """Commit the recipe's paths and nothing else; return the commit, None if they were committed already.

    Raises ChainruleError as `check`, and if git refuses.
    """
    check(root, recipe)
    known = set(_git(root, "ls-files", "-z", "--", *paths(recipe)).split("\0"))
    ours = [
        path
        for path in paths(recipe)
        if (root / path).exists() or any(name == path or name.startswith(f"{path}/") for name in known)
    ]
    if not ours or not _git(root, "status", "--porcelain", "--", *ours):
        return None
    _git(root, "add", "--all", "--", *ours)
    _git(root, "commit", "--quiet", "-m", message, "--", *ours)
    return _git(root, "rev-parse", "HEAD")


def tag(root: Path, recipe: str, version: int, message: str) -> bool:
    """Tag the present commit as a version; False if the tag is there already. Raises ChainruleError if git refuses."""
    name = tag_name(recipe, version)
    if _git(root, "tag", "--list", name):
        return False
    _git(root, "tag", "--annotate", name, "-m", message)
    return True


def _git(root: Path, *words: str) -> str:
    try:
        answer = subprocess.run(
            ["git", *words], cwd=root, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        raise ChainruleError("git is not installed; install it, or run without --commit") from None
    if refused := stranger_remedy(answer.stderr):
        raise ChainruleError(f"{root}: {refused}")
    if answer.returncode != 0:
        said = " ".join((answer.stderr.strip() or answer.stdout.strip()).split())[:300]
        raise ChainruleError(f"git {words[0]} in {root}: {said}; mend that, or run without --commit")
    return answer.stdout.strip().strip("\0")
