"""The answers of a graph where no server runs: many rows in, the named outputs out, in the order of the rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainrule.serving.padding import filled, together
from chainrule.system.errors import ChainruleError

if TYPE_CHECKING:
    import onnxruntime

Arrays = dict[str, np.ndarray]
Run = Callable[[Arrays], Arrays]
"""Outputs by name of inputs by name."""

ROWS, CELLS = 32, 2048
"""The most rows of a run, and the most positions that may be filled up in it: what bounds its memory, as a server's."""
_CPU = "CPUExecutionProvider"


def session(graph: bytes, name: object, threads: int = 0, provider: str = _CPU) -> "onnxruntime.InferenceSession":
    """Return an ONNX Runtime session, on the CPU if not said otherwise.

    name: what errors call the graph, such as its path; threads: of one run, 0 for all cores. Raises ChainruleError.
    """
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(graph, options, providers=[provider])
    except Exception as error:  # ONNX Runtime's errors have no base of their own
        raise ChainruleError(f"{name}: ONNX Runtime does not load it ({_line(error)}); export it again") from error


def runner(opened: "onnxruntime.InferenceSession", name: object, outputs: Sequence[str] | None = None) -> Run:
    """Return what runs a session. It raises ChainruleError, by `name`, when the graph fails.

    outputs: those wanted; None for all.
    """
    wanted = [value.name for value in opened.get_outputs()] if outputs is None else list(outputs)

    def run(inputs: Arrays) -> Arrays:
        try:
            return dict(zip(wanted, opened.run(wanted, inputs), strict=True))
        except Exception as error:  # ONNX Runtime's errors have no base of their own
            raise ChainruleError(f"{name}: the graph fails ({_line(error)}); export it again") from None

    return run


def answers(run: Run, rows: Sequence[Arrays], padding: Mapping[str, float], kept: Run | None = None) -> Arrays:
    """Return every output [N, ...] of N encoded rows, [1, ...] each; {} of none.

    Rows of like size run together, filled up as `padding` says, at most ROWS and CELLS of them. kept: makes of the
    outputs of a run what is kept of them.
    """
    parts = _parts(rows, padding)
    whole = run if kept is None else lambda inputs: kept(run(inputs))
    return in_batches(whole, ((part, together([rows[place] for place in part], padding)) for part in parts))


def in_batches(run: Run, batches: Iterable[tuple[Sequence[int] | np.ndarray, Arrays]]) -> Arrays:
    """Return every output [N, ...] of batches that together have each row from 0 to N once; {} of none.

    What differs in size between batches is filled up with zeros; an output tells which positions are there.

    batches: the places of a batch's rows, and their inputs.
    """
    places: list[np.ndarray] = []
    parts: list[Arrays] = []
    for place, inputs in batches:
        places.append(np.asarray(place))
        parts.append(run(inputs))
    if not parts:
        return {}
    back = np.argsort(np.concatenate(places))
    return {name: filled([part[name] for part in parts])[back] for name in parts[0]}


def refuse_not_finite(outputs: Mapping[str, np.ndarray], name: object) -> None:
    """Raise ChainruleError, by `name`, if an output has what is no number."""
    for output, array in outputs.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ChainruleError(f"{name}: {output} has what is no number; train and export it again")


def _parts(rows: Sequence[Arrays], padding: Mapping[str, float]) -> Iterator[list[int]]:
    """Yield the places of the rows that run together, the smallest rows first."""
    part: list[int] = []
    for place in sorted(range(len(rows)), key=lambda place: [array.shape for array in rows[place].values()]):
        cells = max((array.size for name, array in rows[place].items() if name in padding), default=1)
        if part and (
            len(part) == ROWS or (len(part) + 1) * cells > CELLS or _unlike(rows[part[0]], rows[place], padding)
        ):
            yield part
            part = []
        part.append(place)
    if part:
        yield part


def _unlike(one: Arrays, other: Arrays, padding: Mapping[str, float]) -> bool:
    """Return whether two rows differ in the size of an input that nothing fills up."""
    return any(array.shape != other[name].shape for name, array in one.items() if name not in padding)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
