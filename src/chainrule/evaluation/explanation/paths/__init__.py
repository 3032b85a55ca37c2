"""Where the straight way from a row that says nothing to a row runs, one file per kind of input."""
