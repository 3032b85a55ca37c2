"""What every route needs."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from chainrule.serving.body import Bodies
from chainrule.serving.explaining import Explainer
from chainrule.serving.logs import Log
from chainrule.serving.metrics import Metrics
from chainrule.serving.models import Models
from chainrule.serving.preparing import Preparer
from chainrule.serving.settings import Settings


def _decoder() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "decode")


@dataclass(frozen=True)
class Context:
    """One server's parts."""

    models: Models
    settings: Settings
    metrics: Metrics
    log: Log
    bodies: Bodies
    preparer: Preparer
    explainer: Explainer
    decoder: ThreadPoolExecutor = field(default_factory=_decoder)
    """Decodes large bodies, one at a time: their JSON takes ten times their size, and holds all other requests up."""
