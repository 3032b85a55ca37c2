"""What nets of one kind share."""
