"""What everything stands on: files, locks, processes, progress, errors."""
