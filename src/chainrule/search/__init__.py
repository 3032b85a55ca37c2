"""Search: trials of a recipe with other settings, judged by validation rows alone, and what they found."""
