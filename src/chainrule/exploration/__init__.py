"""The page of a recipe's data: what a person looks at before anything is trained on them. No torch."""
