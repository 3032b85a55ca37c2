"""What a path holds and what a good first recipe for it is: `chainrule new` looks, and no stage imports it."""
