"""Champion against challenger where the rows are not as they were: does the new one hold as well?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.evaluation.robustness import suite
from chainrule.recipes.retrain import Robustness
from chainrule.release import contest

if TYPE_CHECKING:
    import pandas as pd


def compare(
    rows: "pd.DataFrame",
    inputs: Sequence[str],
    modality: str,
    challenger: Path,
    champion: Path,
    settings: Robustness,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Return how two bundles compare on rows under all corruptions that are asked for, taken together.

    What `contest.compare` gives, whose rows count once for each corruption and severity, and "corruptions" and
    "severities". Both bundles are shown the same altered rows, and a group is drawn with all that was made of it.
    inputs: names of the input columns. Raises DataError as `contest.compare` does, and ParamsError for an unknown
    corruption.
    """
    import pandas as pd

    some = rows.sample(settings.rows, random_state=seed) if len(rows) > settings.rows else rows
    chosen = suite.names(modality) if settings.corruptions is None else settings.corruptions
    made = list(suite.every(some.reset_index(drop=True), inputs, modality, chosen, settings.severities, seed=seed))
    found = contest.compare(
        pd.concat(made, ignore_index=True) if made else some,
        challenger,
        champion,
        margin=settings.margin,
        resamples=resamples,
        seed=seed,
    )
    return found | {"corruptions": chosen, "severities": settings.severities}
