"""What a batch is trained for, one class per file."""
