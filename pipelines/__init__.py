"""Prefect flows around the chain of DVC stages."""

import chainrule as chainrule  # its environment, before Prefect is imported
