"""What a model makes of a target, one file per kind (named like those of `fields`): answer, loss, calibration."""
