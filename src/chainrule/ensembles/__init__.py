"""Several models that answer as one: members that are alike, what each weighs, one graph of them all."""
