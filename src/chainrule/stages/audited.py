"""The gradient audit of one training of a stage: what it looks at, says, and leaves for the page."""

from typing import Any

from torch import Tensor, nn

from chainrule.recipes.training import Training
from chainrule.stages.job import Job
from chainrule.training.audit import recording, verdicts
from chainrule.training.batches import views
from chainrule.training.prediction import Inputs
from chainrule.training.seeds import seeded


class Audit:
    """The gradient audit of a training: its record, and the warnings that it gave rise to."""

    def __init__(self, job: Job, settings: Training, objective: nn.Module, inputs: Inputs) -> None:
        """Look at nothing yet; the settings have an audit."""
        assert settings.audit is not None
        self.job, self.settings, self.objective, self.inputs = job, settings, objective, inputs
        self.record = recording.begin(objective, settings.audit.every)
        self.said: set[str] = set()

    def watchers(self) -> dict[str, Any]:
        """Return what the training loop is to know of it."""
        around = recording.around_update(self.objective, self._probe, self.record)
        return {"around_update": around, "kept": self.record}

    def _probe(self) -> list[dict[str, Tensor]]:
        """Return a few rows of the first batch, as they are distorted the first time."""
        order = self.inputs.order(self.settings.batch_size, seeded(self.job.seed, 0))
        few = order[0][: recording.rows(self.settings.batch_size)]
        device = next(self.objective.parameters()).device
        return views(self.objective, self.inputs, few, seeded(self.job.seed, 0, 0), device)

    def warn(self) -> None:
        """Say what is found by now and was not said before."""
        for found in self._verdicts():
            if found.kind not in self.said:
                self.said.add(found.kind)
                self.job.warn(verdicts.in_words(found, self._section()))

    def found(self) -> dict[str, Any]:
        """Return the record and what is to be said of it."""
        said = [
            {"kind": found.kind, "layers": found.layers, "said": verdicts.in_words(found, self._section())}
            for found in self._verdicts()
        ]
        return {**self.record, "verdicts": said}

    def _verdicts(self) -> list[verdicts.Verdict]:
        return verdicts.verdicts(self.record, self.settings.gradient_clip is not None)

    def _section(self) -> str:
        return "finetune" if self.job.stage == "finetune" else "pretrain.training"
