"""Which answers are wrong, and which of them to look at first; one file per kind of target."""
