"""From a registered model back to its commit, parameters and data, and to the same bytes again."""
