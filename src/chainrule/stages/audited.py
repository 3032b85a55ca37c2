"""The gradient audit of one training of a stage: what it looks at, says, and leaves for the page."""

from functools import cached_property
from typing import Any

from torch import Tensor, nn

from chainrule.stages.job import Job
from chainrule.training.audit import recording, verdicts
from chainrule.training.batches import views
from chainrule.training.course import Course
from chainrule.training.prediction import Inputs
from chainrule.training.seeds import seeded


class Audit:
    """The gradient audit of a training: its record, and the warnings that it gave rise to."""

    def __init__(self, job: Job, course: Course, every: int, objective: nn.Module, inputs: Inputs) -> None:
        """Look at nothing yet; every: updates from one look at the gradients to the next."""
        self.job, self.course, self.objective, self.inputs = job, course, objective, inputs
        self.record = recording.begin(objective, every)
        self.said: set[str] = set()

    def watchers(self) -> dict[str, Any]:
        """Return what the training loop is to know of it."""
        around = recording.around_update(self.objective, lambda: self._probe, self.record, self.course.precision)
        return {"around_update": around, "kept": self.record}

    @cached_property
    def _probe(self) -> list[dict[str, Tensor]]:
        """Return a few rows of the first batch, as they are distorted the first time."""
        course = self.course
        order = self.inputs.order(course.batch_size, seeded(course.seed, 0))
        few = order[0][: recording.rows(course.batch_size)]
        device = next(self.objective.parameters()).device
        return views(self.objective, self.inputs, few, seeded(course.seed, 0, 0), device)

    def end_epoch(self, epoch: int) -> None:
        """Look at weights and outputs after an epoch (from 1), and say what is found by now and was not said before."""
        recording.after_epoch(self.objective, lambda: self._probe, self.record, epoch, self.course.precision)
        for found in self._verdicts():
            if found.kind not in self.said:
                self.said.add(found.kind)
                self.job.warn(verdicts.in_words(found, self.course.section))

    def found(self) -> dict[str, Any]:
        """Return the record and what is to be said of it."""
        said = [
            {"kind": found.kind, "layers": found.layers, "said": verdicts.in_words(found, self.course.section)}
            for found in self._verdicts()
        ]
        return {**self.record, "verdicts": said}

    def _verdicts(self) -> list[verdicts.Verdict]:
        return verdicts.verdicts(self.record, self.course.gradient_clip is not None)
