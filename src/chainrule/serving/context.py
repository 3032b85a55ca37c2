"""What every route needs."""

from dataclasses import dataclass

from chainrule.serving.logs import Log
from chainrule.serving.metrics import Metrics
from chainrule.serving.models import Models
from chainrule.serving.settings import Settings


@dataclass(frozen=True)
class Context:
    """One server's parts."""

    models: Models
    settings: Settings
    metrics: Metrics
    log: Log
