"""Chainrule: from labelled rows to a served model through one chain."""
