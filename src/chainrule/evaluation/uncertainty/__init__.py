"""How far an answer is to be trusted: sets that hold the truth, a line below which a model does not know, inputs of
another kind; a file per kind of target says what is kept of it.
"""
