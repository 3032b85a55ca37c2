"""What a bundle says of rows where no server runs, whether its graph runs once or writes token by token."""

from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.serving import bundle as bundles
from chainrule.serving import offline, plain, tiles
from chainrule.serving.bundle import Bundle
from chainrule.serving.decoding import rows
from chainrule.serving.decoding.rows import Maker, Writer
from chainrule.serving.offline import Run
from chainrule.system.errors import DataError


def of_rows(bundle: Bundle, graphs: Mapping[str, Any], name: object) -> Run:
    """Return what a bundle's metrics are of, as a run on rows.

    graphs: a session of each of its graphs (see `sessions`); name: what errors call it.
    """
    if bundle.decoding is None:
        return tiles.around(offline.runner(graphs[rows.MODEL], name), bundle.signature)
    return rows.of_rows(writer(bundle, graphs, name))


def to_requests(bundle: Bundle, graphs: Mapping[str, Any], name: object) -> Run:
    """Return what a bundle answers requests with, as a run on rows."""
    if bundle.decoding is None:
        return tiles.around(offline.runner(graphs[rows.MODEL], name), bundle.signature)
    return rows.generated(writer(bundle, graphs, name))


def sessions(bundle: Bundle, variant: str, threads: int = 0, name: object = None) -> dict[str, Any]:
    """Return a session of each graph of a variant, on the CPU, of content that is proven to be what was checked."""
    called = name or bundle.folder
    return {
        graph: offline.session(bundles.graph_bytes(bundle, variant, graph), called, threads) for graph in bundle.graphs
    }


def writer(bundle: Bundle, graphs: Mapping[str, Any], name: object) -> Writer:
    """Return a bundle that writes. Raises DataError for one without a tokenizer."""
    assert bundle.decoding is not None
    if bundle.tokenizer is None:
        raise DataError(f"{bundle.folder}: writes texts and has no tokenizer.json; export it again")
    makers = {graph: _maker(session, name) for graph, session in graphs.items()}
    return rows.writer(bundle.decoding, bundle.signature["graphs"], makers, plain.tokenizer(bundle.tokenizer))


def _maker(session: Any, name: object) -> Maker:
    def make(outputs: Sequence[str] | None) -> Run:
        return offline.runner(session, name, outputs)

    return make
