"""Why a model said what it said of a row, as weights of the row's parts. Gradients alone need torch."""
