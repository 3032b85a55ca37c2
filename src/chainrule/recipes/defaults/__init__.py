"""What recipes start with by the kind of their inputs, one file per modality.

Literals alone: dvc.yaml lists them as parameters, section by section, so that a default makes only the stages stale
that use it.
"""
