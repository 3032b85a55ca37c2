"""Subcommands of `chainrule`, one module each: `add_arguments(parser)` and `run(arguments)`."""
