"""Large numbers as they are read: 25.6 M, 4.09 G."""


def amount(value: float) -> str:
    """Return a count with three digits and its thousands as a letter."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * size:
            return f"{value / size:.3g} {letter}"
    return f"{value:,.0f}"


def shape(sizes: tuple[int, ...] | None) -> str:
    """Return the shape of a tensor without its batch axis; a dash where it is not known."""
    if sizes is None:
        return "–"
    return " × ".join(f"{size:,}" for size in sizes) if sizes else "1"
