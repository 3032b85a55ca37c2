"""What a model said of rows and how well, one file per kind of target."""
