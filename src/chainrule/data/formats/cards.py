"""Cards: YAML files that describe a data set which a library or a hub has."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chainrule.system.errors import DataError


def read(path: Path, needed: Sequence[str], kind: str) -> dict[str, Any]:
    """Return what a card says; DataError where it cannot be read or lacks one of the keys that are needed."""
    import yaml

    try:
        card = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); source.path must name a card of {kind}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not valid YAML ({' '.join(str(error).split())[:120]}); mend it") from None
    for key in needed:
        if not isinstance(card, dict) or not isinstance(card.get(key), str):
            raise DataError(f"{path}: has no {key!r}; a card of {kind} has a line such as `{key}: …` (docs/sources.md)")
    found: dict[str, Any] = card
    return found
