"""How well a model's answers hold when its inputs are not as they were: altered rows, and rows altered against it."""
