"""What the splits share: the leak report, as `split` counted it."""

from chainrule.evaluation import page
from chainrule.evaluation.parts import Part
from chainrule.evaluation.shown import Table, Word
from chainrule.exploration.looked import Looked

KINDS = {
    "groups": "groups",
    "exact_duplicates": "equal inputs",
    "near_duplicates": "alike",
    "near_duplicates_apart": "alike, untied",
}


def part(looked: Looked) -> Part:
    """Return how much every two splits have in common; that of two official parts is as it was published."""
    leaks = looked.split["leaks"]
    official = set(leaks["official"])
    rows, look_at = [], []
    for pair, shared in leaks["shared"].items():
        one, other = pair.split("_")
        published = {one, other} <= official
        rows.append((Word(f"{one} and {other}"), *(f"{shared[kind]:,}" for kind in KINDS)))
        for kind, called in KINDS.items():
            if shared[kind] and "unlabelled" not in (one, other):
                note = " (as the source published its parts)" if published else ""
                look_at.append(f"{one} and {other} share {shared[kind]:,}: {called}{note}")
    heads = (Word("splits"), *KINDS.values())
    clean = not any(shared[kind] for shared in leaks["shared"].values() for kind in KINDS)
    notes = [
        "Nothing is in two splits."
        if clean
        else "Equal inputs are counted once each, alike ones in pairs; untied are pairs that no common row ties."
    ]
    if time := leaks.get("time"):
        spans = "; ".join(f"{name} {span[0]} to {span[1]}" for name, span in time["spans"].items())
        notes.append(f"Rows are split by time: {spans}.")
    body = page.table(Table("", heads, rows, notes)) if rows else "<p>There is one split, which shares nothing.</p>"
    return Part("What splits share", body, {"shared": leaks["shared"], "look_at": look_at})
