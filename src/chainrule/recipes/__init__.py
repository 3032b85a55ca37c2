"""params.yaml, typed: the only reader of it. `file` reads, one module per section types, `check` refuses."""
