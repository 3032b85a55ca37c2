"""A model that writes token by token: its graphs must write what it writes."""

from collections.abc import Mapping
from typing import Any

from chainrule.exporting import bundle, gate, written
from chainrule.exporting.trained import Exported, Trained, batch, operations, signed
from chainrule.recipes.export import Export
from chainrule.serving.decoding import rows as decoded
from chainrule.serving.decoding.rows import Writer
from chainrule.system.errors import ChainruleError
from chainrule.training import writing


def export(trained: Trained) -> Exported:
    """Trace the model's parts, compare what graphs and model write, and make the variants of the graphs.

    Raises ChainruleError where they differ, or a variant that is wanted cannot be made.
    """
    trained = trained._replace(facts=writing.known(trained.model, trained.facts))
    facts, tokenizer, validation = trained.facts, trained.facts["tokenizer"], trained.validation
    parts = writing.parts(trained.task, trained.model, facts)
    trained.say("traces the model")
    protos = written.traced(parts)
    contents = {name: proto.SerializeToString(deterministic=True) for name, proto in protos.items()}
    signature = signed(trained, protos)
    sessions = written.opened(contents, trained.cores)

    def at_work(sessions: Mapping[str, Any]) -> Writer:
        return written.writer(signature, sessions, tokenizer)

    ours, theirs = writing.writer(signature["decoding"], parts, tokenizer), at_work(sessions)
    names = list(trained.model.inputs)
    trained.say("writes with the model and with its graphs")
    report: dict[str, Any] = {
        "shapes": written.at_shapes(parts, sessions),
        "validation": written.on_rows(ours, theirs, validation, names, trained.agree, batch(facts)),
        "texts": written.texts(ours, theirs, validation, names),
        "bytes": sum(map(len, contents.values())),
    }
    trained.refuse_difference(report)
    _refuse_other_texts(report["texts"], trained.settings)
    trained.say("makes and measures its variants")

    def variant(name: str) -> dict[str, bytes]:
        found = written.smaller(name, protos, at_work, trained.calibration(names))
        written.opened(found, 1)
        return found

    made = {bundle.REFERENCE: contents, **trained.smaller(variant)}
    asked = {name: gate.Asked(decoded.of_rows(at_work(written.opened(each, 1))), names) for name, each in made.items()}
    return Exported(
        protos[bundle.MODEL],
        report,
        signature,
        made,
        asked,
        lambda: written.speeds(asked, validation),
        sum(operations(module, examples[0]) for module, examples, _ in parts.values()),
    )


def _refuse_other_texts(found: Mapping[str, Any], settings: Export) -> None:
    if found["agreement"] < settings.agreement:
        raise ChainruleError(
            f"graphs and model write the same for {found['agreement']:.4%} of {found['rows']} beginnings; "
            f"export.agreement asks for {settings.agreement:.4%}"
        )
