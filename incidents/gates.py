"""Pure: what still forbids an update to go out. Facts in, blockers out.

The desk, the command line and the API show the same list.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from incidents import phrases, statements
from incidents.blockers import Blocker
from incidents.rollup import is_worse
from incidents.words import ComponentStatus, IncidentStatus, Publication

_SLOT = re.compile(r"\{[a-z_]+\}")


NOT_A_DRAFT = Blocker("not_a_draft", "publication", "This is public already (or discarded). Write a new one.")


@dataclass(frozen=True)
class StatedComponent:
    """What the update states for a component, beside what probes confirmed ("" when none watches it)."""

    code: str
    new_status: str
    observed: str
    internal: bool = False


@dataclass(frozen=True)
class UpdateFacts:
    """All that the gates look at. `names` and `bodies` hold every configured language, the missing ones as "".

    `may_reopen`: it was closed within the last day. `backfilled`: it is written down after it was over.
    `signature`: none, valid or void. `still_stated` are components that the incident keeps in trouble if this update goes out.
    `more`: what it says beside its body, {field: {language: text}}. `ticked`: codes of locked phrases that an engineer confirmed
    in these words; None: they need no tick (a notice's, which has none). `window_published`: it speaks of planned work that was
    published beforehand. `duplicates_open`: double debits of the incident are not all returned.
    """

    is_draft: bool
    incident_status: str | None  # of the last published update; None before the first
    has_been_monitored: bool
    status: str
    names: Mapping[str, str]
    bodies: Mapping[str, str]
    affected: tuple[StatedComponent, ...]
    incident_has_components: bool
    next_update_by: datetime | None
    now: datetime
    signature: str
    reason: str = ""
    still_stated: tuple[str, ...] = field(default=())
    may_reopen: bool = False
    backfilled: bool = False
    more: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ticked: Collection[str] | None = ()
    window_published: bool = False
    duplicates_open: bool = False


def blockers(facts: UpdateFacts) -> list[Blocker]:
    """Everything that still forbids publishing, in the order of the page; empty means that it may go out."""
    if not facts.is_draft:
        return [NOT_A_DRAFT]
    return [
        *_order_blockers(facts),
        *language_blockers({"name": facts.names, "body": facts.bodies}),
        *phrase_blockers(
            {"name": facts.names, "body": facts.bodies, **facts.more},
            ticked=facts.ticked,
            may_say_maintenance=facts.window_published,
            duplicates_open=facts.duplicates_open,
        ),
        *_component_blockers(facts),
        *_promise_blockers(facts),
        *signature_blockers(facts.signature),
    ]


def _order_blockers(facts: UpdateFacts) -> list[Blocker]:
    if facts.incident_status in IncidentStatus.closed() and not (facts.may_reopen and _says_it_goes_on(facts.status)):
        return [Blocker("incident_closed", "incident", "The incident is closed. Open a new one.")]
    if facts.status == IncidentStatus.RESOLVED and not (facts.has_been_monitored or facts.backfilled):
        return [
            Blocker("not_monitored", "status", "Publish “monitoring” first: say that it works again and that you are watching.")
        ]
    return []


def _says_it_goes_on(status: str) -> bool:
    return status in (IncidentStatus.INVESTIGATING, IncidentStatus.IDENTIFIED)


def _component_blockers(facts: UpdateFacts) -> list[Blocker]:
    found = []
    if not facts.incident_has_components and facts.status != IncidentStatus.FALSE_ALARM:
        found.append(Blocker("no_components", "affected", "Name at least one service and its state."))
    found += [
        Blocker("internal_component", "affected", f"{item.code} is internal and never public: name the services that need it.")
        for item in facts.affected
        if item.internal
    ]
    if facts.status in IncidentStatus.closed():
        found += [
            Blocker("not_operational", "affected", f"{code} is not stated as operational: state it, or do not close yet.")
            for code in facts.still_stated
        ]
    if not facts.reason.strip():
        found += [_disagreement(item) for item in facts.affected if _probes_say_worse(item)]
    return found


def _probes_say_worse(item: StatedComponent) -> bool:
    if not item.observed or item.new_status == ComponentStatus.UNDER_MAINTENANCE:
        return False
    return is_worse(item.observed, item.new_status)


def _disagreement(item: StatedComponent) -> Blocker:
    said = f"Probes say that {item.code} is {item.observed}, the update says {item.new_status}"
    return Blocker("probes_disagree", "reason", f"{said}: wait, change the update, or type a reason.")


def _promise_blockers(facts: UpdateFacts) -> list[Blocker]:
    if facts.status in IncidentStatus.closed():
        return []
    if facts.next_update_by is None:
        return [Blocker("promise_missing", "next_update_by", "Say when the next update comes.")]
    if facts.next_update_by <= facts.now:
        return [Blocker("promise_past", "next_update_by", "The promised time has passed: promise a later one.")]
    return []


def draft_blockers(publication: str) -> list[Blocker]:
    return [] if publication == Publication.DRAFT else [NOT_A_DRAFT]


def signature_blockers(signature: str) -> list[Blocker]:
    """`signature`: none, valid or void."""
    if signature == "valid":
        return []
    if signature == "void":
        return [Blocker("signature_void", "signature", "It was changed after it was signed: ask for a new signature.")]
    return [Blocker("signature_missing", "signature", "A second person must sign: ask for a signature.")]


def language_blockers(texts: Mapping[str, Mapping[str, str]]) -> list[Blocker]:
    """A blocker for each text that is missing in a language or has a slot left; `texts`: {field: {language: text}}."""
    found = []
    for where, by_code in texts.items():
        for language, text in by_code.items():
            if not text.strip():
                found.append(
                    Blocker("language_missing", f"{where}.{language}", f"The {where} is missing in “{language}”: write it.")
                )
            elif slot := _SLOT.search(text):
                found.append(
                    Blocker("slot_left", f"{where}.{language}", f"{slot.group()} in “{language}” was not filled in: replace it.")
                )
    return found


def phrase_blockers(
    texts: Mapping[str, Mapping[str, str]],
    *,
    ticked: Collection[str] | None = (),
    may_say_maintenance: bool = False,
    duplicates_open: bool = False,
) -> list[Blocker]:
    """A blocker for each phrase that may not be said, and for each that an engineer must tick first; `texts` as above.

    `ticked`: codes of locked phrases that are confirmed for these words; None: locked phrases are not looked for.
    """
    found = []
    for where, by_code in texts.items():
        refused = phrases.refused(by_code, duplicates_open=duplicates_open)
        unnamed = phrases.maintenance_words(by_code, window_published=may_say_maintenance)
        untold = [] if ticked is None else phrases.unticked(by_code, ticked)
        found += [_phrase_blocker("banned_phrase", where, one) for one in refused]
        found += [_phrase_blocker("maintenance_word", where, one) for one in unnamed]
        found += [_phrase_blocker("phrase_unticked", where, one) for one in untold if not _is_part_of(one, refused)]
    return found


def _is_part_of(one: phrases.Finding, refused: Sequence[phrases.Finding]) -> bool:
    """What is refused as a whole is not asked about again word by word."""
    return any(one.language == whole.language and one.phrase in whole.phrase for whole in refused)


def _phrase_blocker(code: str, where: str, found: phrases.Finding) -> Blocker:
    remedy = f" Ask an engineer to tick it ({found.code})." if code == "phrase_unticked" else ""
    return Blocker(code, f"{where}.{found.language}", f"“{found.phrase}”: {found.reason}{remedy}")


def statement_blockers(*, impact: str, level: statements.Level | None) -> list[Blocker]:
    """What forbids `close` as to data and funds: a major or critical incident has said something of them; level 0 is enough.

    `level`: the one that stands on data, None: none. Never asked before “resolved”: that customers can pay again is said at once.
    """
    if statements.suffices_for(level, impact=impact):
        return []
    message = "Nothing is said of data and funds: sign the notice “checking”, or publish a statement."
    return [Blocker("statement_missing", "statement", message)]
