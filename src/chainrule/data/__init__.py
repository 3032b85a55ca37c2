"""Sources, cleaning, validation, splitting and augmentation of rows."""
