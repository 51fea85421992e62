"""Pure: what still forbids an update to go out, or an incident to be closed. Facts in, blockers out; one function a gate.

The desk, the command line and the API show the same list. A deployment may switch gates off by name (incidents.policy), never
silently: blockers.waived names those that would have forbidden it. What makes no sense at all (a second publication, a slot that
was not filled) is no gate, and cannot be switched off.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from incidents import phrases, statements
from incidents.blockers import Blocker
from incidents.policy import Gate
from incidents.rollup import is_worse
from incidents.words import ComponentStatus, IncidentStatus, Publication

_SLOT = re.compile(r"\{[a-z_]+\}")

NOT_A_DRAFT = Blocker("not_a_draft", "publication", "This is public already (or discarded). Write a new one.")

Texts = Mapping[str, Mapping[str, str]]  # {field: {language: text}}


@dataclass(frozen=True)
class StatedComponent:
    """What the update states for a component, beside what probes confirmed ("" when none watches it) and the worst that announced
    work going on expects ("" when there is none)."""

    code: str
    new_status: str
    observed: str
    internal: bool = False
    expected: str = ""


@dataclass(frozen=True)
class UpdateFacts:
    """All that the gates look at. `names` and `bodies` hold every configured language, the missing ones as "".

    `may_reopen`: it was closed within the last day. `backfilled`: it is written down after it was over.
    `signature`: none, valid or void. `still_stated` are components that the incident keeps in trouble if this update goes out.
    `more`: what it says beside its body, {field: {language: text}}. `ticked`: codes of locked phrases that an engineer confirmed
    in these words; None: they need no tick (a notice's, which has none). `window_published`: announced work on one of its
    components had begun, it may be called maintenance. `duplicates_open`: double debits of the incident are not all returned.
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
    more: Texts = field(default_factory=dict)
    ticked: Collection[str] | None = ()
    window_published: bool = False
    duplicates_open: bool = False

    @property
    def texts(self) -> Texts:
        """Everything whose phrases are judged, by field."""
        return {"name": self.names, "body": self.bodies, **self.more}


def blockers(facts: UpdateFacts) -> list[Blocker]:
    """Everything that still forbids publishing, in the order of the page; empty means that it may go out."""
    if not facts.is_draft:
        return [NOT_A_DRAFT]
    return [blocker for ask in (*SOUND, *GATES) for blocker in ask(facts)]


# --- What makes sense ------------------------------------------------------------------------------


def in_order(facts: UpdateFacts) -> list[Blocker]:
    """A closed incident speaks no more, unless it comes back within a day."""
    if facts.incident_status in IncidentStatus.closed() and not (facts.may_reopen and _says_it_goes_on(facts.status)):
        return [Blocker("incident_closed", "incident", "The incident is closed. Open a new one.")]
    return []


def _says_it_goes_on(status: str) -> bool:
    return status in (IncidentStatus.INVESTIGATING, IncidentStatus.IDENTIFIED)


def filled(facts: UpdateFacts) -> list[Blocker]:
    return _slots({"name": facts.names, "body": facts.bodies})


def public_services(facts: UpdateFacts) -> list[Blocker]:
    return [
        Blocker("internal_component", "affected", f"{item.code} is internal and never public: name the services that need it.")
        for item in facts.affected
        if item.internal
    ]


def restored(facts: UpdateFacts) -> list[Blocker]:
    """The last word leaves no service in trouble."""
    if facts.status not in IncidentStatus.closed() or facts.backfilled:
        return []
    return [
        Blocker("not_operational", "affected", f"{code} is not stated as operational: state it, or do not close yet.")
        for code in facts.still_stated
    ]


SOUND: tuple[Callable[[UpdateFacts], list[Blocker]], ...] = (in_order, filled, public_services, restored)


# --- Gates of an update ----------------------------------------------------------------------------


def monitoring(facts: UpdateFacts) -> list[Blocker]:
    """Watched before it is called resolved, at every return anew."""
    if facts.status != IncidentStatus.RESOLVED or facts.has_been_monitored or facts.backfilled:
        return []
    say = "Publish “monitoring” first: say that it works again and that you are watching."
    return [Blocker("not_monitored", "status", say, Gate.MONITORING)]


def languages(facts: UpdateFacts) -> list[Blocker]:
    return _missing({"name": facts.names, "body": facts.bodies})


def banned_phrases(facts: UpdateFacts) -> list[Blocker]:
    return _banned(facts.texts, duplicates_open=facts.duplicates_open)


def locked_phrases(facts: UpdateFacts) -> list[Blocker]:
    """Promises that only somebody who looked can make."""
    return _unticked(facts.texts, ticked=facts.ticked, duplicates_open=facts.duplicates_open)


def maintenance_word(facts: UpdateFacts) -> list[Blocker]:
    """Neither the word nor the state without work that was announced."""
    say = "No announced work on {} is going on: say what customers notice."
    stated = [
        Blocker("maintenance_state", "affected", say.format(item.code), Gate.MAINTENANCE_WORD)
        for item in facts.affected
        if item.new_status == ComponentStatus.UNDER_MAINTENANCE and not item.expected
    ]
    return maintenance_blockers(facts.texts, window_published=facts.window_published) + stated


def components(facts: UpdateFacts) -> list[Blocker]:
    if facts.incident_has_components or facts.status == IncidentStatus.FALSE_ALARM:
        return []
    return [Blocker("no_components", "affected", "Name at least one service and its state.", Gate.COMPONENTS)]


def probes(facts: UpdateFacts) -> list[Blocker]:
    """Better than probes see is said only with a typed reason. What is over they do not see."""
    if facts.reason.strip() or facts.backfilled:
        return []
    return [_disagreement(item) for item in facts.affected if _probes_say_worse(item)]


def _probes_say_worse(item: StatedComponent) -> bool:
    at_most = item.expected if item.new_status == ComponentStatus.UNDER_MAINTENANCE else item.new_status
    return bool(item.observed and at_most) and is_worse(item.observed, at_most)


def _disagreement(item: StatedComponent) -> Blocker:
    said = f"Probes say that {item.code} is {item.observed}, the update says {item.new_status}"
    return Blocker("probes_disagree", "reason", f"{said}: wait, change the update, or type a reason.", Gate.PROBES)


def promise(facts: UpdateFacts) -> list[Blocker]:
    if facts.status in IncidentStatus.closed():
        return []
    if facts.next_update_by is None:
        return [Blocker("promise_missing", "next_update_by", "Say when the next update comes.", Gate.PROMISE)]
    if facts.next_update_by <= facts.now:
        return [Blocker("promise_past", "next_update_by", "The promised time has passed: promise a later one.", Gate.PROMISE)]
    return []


def signature(facts: UpdateFacts) -> list[Blocker]:
    return signature_blockers(facts.signature)


GATES: tuple[Callable[[UpdateFacts], list[Blocker]], ...] = (
    monitoring,
    languages,
    banned_phrases,
    locked_phrases,
    maintenance_word,
    components,
    probes,
    promise,
    signature,
)


# --- Gates of closing ------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClosingFacts:
    """What is looked at before a resolved incident is closed for good. `level`: the one that stands on data; None: none.
    `reviewed`: its review is public, or none is asked for."""

    impact: str
    level: statements.Level | None
    reviewed: bool


def closing_blockers(facts: ClosingFacts) -> list[Blocker]:
    """Everything that still forbids closing; being resolved is never blocked by it."""
    return [blocker for ask in CLOSING_GATES for blocker in ask(facts)]


def statement(facts: ClosingFacts) -> list[Blocker]:
    """A major or critical incident has said something of data and funds; level 0 is enough."""
    if statements.suffices_for(facts.level, impact=facts.impact):
        return []
    say = "Nothing is said of data and funds: sign the notice “checking”, or publish a statement."
    return [Blocker("statement_missing", "statement", say, Gate.STATEMENT)]


def review(facts: ClosingFacts) -> list[Blocker]:
    if facts.reviewed:
        return []
    say = "Publish its review first: cause, measures, prevention with dates and owners."
    return [Blocker("review_missing", "review", say, Gate.REVIEW)]


CLOSING_GATES: tuple[Callable[[ClosingFacts], list[Blocker]], ...] = (statement, review)


# --- For every kind of words -----------------------------------------------------------------------


def draft_blockers(publication: str) -> list[Blocker]:
    return [] if publication == Publication.DRAFT else [NOT_A_DRAFT]


def signature_blockers(signature: str) -> list[Blocker]:
    """`signature`: none, valid or void."""
    if signature == "valid":
        return []
    if signature == "void":
        changed = "It was changed after it was signed: ask for a new signature."
        return [Blocker("signature_void", "signature", changed, Gate.SIGNATURE)]
    return [Blocker("signature_missing", "signature", "A second person must sign: ask for a signature.", Gate.SIGNATURE)]


def language_blockers(texts: Texts) -> list[Blocker]:
    """A blocker for each text that is missing in a language or has a slot left."""
    return [*_missing(texts), *_slots(texts)]


def phrase_blockers(
    texts: Texts,
    *,
    ticked: Collection[str] | None = (),
    may_say_maintenance: bool = False,
    duplicates_open: bool = False,
) -> list[Blocker]:
    """A blocker for each phrase that may not be said, and for each that an engineer must tick first.

    `ticked`: codes of locked phrases that are confirmed for these words; None: locked phrases are not looked for.
    """
    return [
        *_banned(texts, duplicates_open=duplicates_open),
        *maintenance_blockers(texts, window_published=may_say_maintenance),
        *_unticked(texts, ticked=ticked, duplicates_open=duplicates_open),
    ]


def maintenance_blockers(texts: Texts, *, window_published: bool) -> list[Blocker]:
    """The word maintenance where no window was published before the work began."""
    return [
        _phrase("maintenance_word", where, one, Gate.MAINTENANCE_WORD)
        for where, by_code in texts.items()
        for one in phrases.maintenance_words(by_code, window_published=window_published)
    ]


def _missing(texts: Texts) -> list[Blocker]:
    return [
        Blocker("language_missing", f"{where}.{language}", f"The {where} is missing in “{language}”: write it.", Gate.LANGUAGES)
        for where, language, text in _each(texts)
        if not text.strip()
    ]


def _slots(texts: Texts) -> list[Blocker]:
    return [
        Blocker("slot_left", f"{where}.{language}", f"{slot.group()} in “{language}” was not filled in: replace it.")
        for where, language, text in _each(texts)
        if (slot := _SLOT.search(text))
    ]


def _banned(texts: Texts, *, duplicates_open: bool) -> list[Blocker]:
    return [
        _phrase("banned_phrase", where, one, Gate.BANNED_PHRASES)
        for where, by_code in texts.items()
        for one in phrases.refused(by_code, duplicates_open=duplicates_open)
    ]


def _unticked(texts: Texts, *, ticked: Collection[str] | None, duplicates_open: bool) -> list[Blocker]:
    """What is refused as a whole is not asked about again word by word."""
    if ticked is None:
        return []
    found = []
    for where, by_code in texts.items():
        refused = phrases.refused(by_code, duplicates_open=duplicates_open)
        untold = [one for one in phrases.unticked(by_code, ticked) if not _is_part_of(one, refused)]
        found += [_phrase("phrase_unticked", where, one, Gate.LOCKED_PHRASES) for one in untold]
    return found


def _is_part_of(one: phrases.Finding, refused: Iterable[phrases.Finding]) -> bool:
    return any(one.language == whole.language and one.phrase in whole.phrase for whole in refused)


def _phrase(code: str, where: str, found: phrases.Finding, gate: Gate) -> Blocker:
    remedy = f" Ask an engineer to tick it ({found.code})." if gate == Gate.LOCKED_PHRASES else ""
    return Blocker(code, f"{where}.{found.language}", f"“{found.phrase}”: {found.reason}{remedy}", gate)


def _each(texts: Texts) -> Iterable[tuple[str, str, str]]:
    return ((where, language, text) for where, by_code in texts.items() for language, text in by_code.items())
