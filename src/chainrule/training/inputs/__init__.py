"""Rows in memory to batches on the device, one file per modality."""
