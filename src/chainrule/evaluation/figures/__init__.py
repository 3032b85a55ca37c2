"""Pictures of one model as PNG files, one file per kind of target and two for all: the same numbers, the same bytes.

Colours are those of Okabe and Ito (2008, "Color universal design"), which colour-blind readers can tell apart.
matplotlib is used through Figure objects alone, so there is no global state and no display.
"""
