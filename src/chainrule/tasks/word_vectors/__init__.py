"""Words have neighbours: vectors learnt by skip-gram."""
