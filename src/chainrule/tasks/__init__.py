"""What differs between kinds of problem, one folder per task with the faces rows, model and service."""
