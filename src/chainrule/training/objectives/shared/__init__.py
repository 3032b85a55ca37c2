"""What objectives of one kind share."""
