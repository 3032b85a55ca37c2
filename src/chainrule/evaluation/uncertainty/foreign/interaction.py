"""Users and items that nobody met: there is nothing to find out, for it is known who they are."""

TOLD = "foreign rows: every answer says whether training met its user and its item"
"""Why foreign rows are not looked for."""
