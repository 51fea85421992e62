"""Pure: statements on data and funds. Which words stand on which level, who signs them, how long they hold, what takes them back.

A level is a claim about what was checked. Level 0 (“we are checking”) stands by itself on every major or critical incident; each
higher one is signed, dated, expires, and is withdrawn to level 0 when its ground shakes. A withdrawn one stays visible.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from incidents import phrases
from incidents.blockers import Blocker
from incidents.policy import Gate
from incidents.words import Impact

HOLDS_FOR = timedelta(hours=24)  # while the incident is open


class Level(StrEnum):
    """What may be said. `MONEY` and `ADVICE` stand beside the others, not above them: one of each ladder is shown."""

    CHECKING = "0"
    NO_SIGN = "1"
    NOT_SECURITY = "2"
    NOT_ACCESSED = "3"
    MONEY = "money"
    ADVICE = "advice"

    @property
    def ladder(self) -> str:
        """data, money or advice."""
        return self.value if self in (Level.MONEY, Level.ADVICE) else "data"


UNSHAKEN = (Level.CHECKING, Level.ADVICE)  # they claim nothing, so nothing shakes them; a false alarm ends them


class Role(StrEnum):
    COMMS_LEAD = "comms_lead"
    HEAD_OF_SECURITY = "head_of_security"
    OPERATIONS = "operations"
    DATA_PROTECTION_OFFICER = "data_protection_officer"
    CHIEF_FINANCIAL_SERVICES_OFFICER = "chief_financial_services_officer"


class Security(StrEnum):
    """Is the incident security related?"""

    NO = "no"
    UNKNOWN = "unknown"
    YES = "yes"


# Every one of these roles signs, each by another person.
SIGNERS: dict[Level, tuple[Role, ...]] = {
    Level.CHECKING: (Role.COMMS_LEAD,),
    Level.NO_SIGN: (Role.HEAD_OF_SECURITY,),
    Level.NOT_SECURITY: (Role.HEAD_OF_SECURITY, Role.OPERATIONS),
    Level.NOT_ACCESSED: (Role.DATA_PROTECTION_OFFICER, Role.HEAD_OF_SECURITY),
    Level.MONEY: (Role.CHIEF_FINANCIAL_SERVICES_OFFICER,),
    Level.ADVICE: (Role.COMMS_LEAD,),
}
MONEY_ADVICE = {
    "en": "Do not pay again before you have an SMS or have checked your balance. Never share your PIN; we never ask for it.",
    "sw": "Usilipe tena kabla ya kupata SMS au kuangalia salio lako. Usimpe mtu yeyote PIN yako; hatuiombi kamwe.",
}
# The permitted words; {time} is when that was so, {by} when late payments are done.
WORDS: dict[Level, dict[str, str]] = {
    Level.CHECKING: {
        "en": "We are checking whether personal data or balances are affected.",
        "sw": "Tunachunguza iwapo taarifa za kibinafsi au salio limeathirika.",
    },
    Level.NO_SIGN: {
        "en": "So far we have seen no sign that personal data was accessed. As of {time}.",
        "sw": "Hadi sasa hatujaona dalili yoyote kwamba taarifa za kibinafsi zilifikiwa. Kufikia {time}.",
    },
    Level.NOT_SECURITY: {
        "en": "This is a service fault. It is not a security incident. As of {time}.",
        "sw": "Hii ni hitilafu ya huduma. Si tukio la usalama. Kufikia {time}.",
    },
    Level.NOT_ACCESSED: {
        "en": "No personal data was accessed or shared because of this incident. As of {time}.",
        "sw": "Hakuna taarifa za kibinafsi zilizofikiwa wala kutolewa kwa sababu ya hitilafu hii. Kufikia {time}.",
    },
    Level.MONEY: {
        "en": "Balances are held in the ledger and are not changed by this fault. Late payments will complete or be returned "
        "by {by}.",
        "sw": "Salio limehifadhiwa kwenye leja na halibadilishwi na hitilafu hii. Malipo yaliyochelewa yatakamilika au "
        "yatarudishwa kufikia {by}.",
    },
    Level.ADVICE: MONEY_ADVICE,
}


Words = Mapping[Level, Mapping[str, str]]
_SLOT = re.compile(r"\{[a-z]+\}")


def appears_by_itself(impact: str) -> bool:
    """Level 0 and the advice about money stand on every major or critical incident, without anybody's act."""
    return impact in (Impact.MAJOR, Impact.CRITICAL)


# --- Facts ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known of the incident when a statement is weighed. Moments are when it last became so; None: never.

    `cause_changed_at` is set each time another cause is named after the first. `duplicates_open`: double debits are not all
    returned. `reconciliation` says where the comparison of the books stands; empty: not attached.
    """

    is_open: bool
    security: Security = Security.UNKNOWN
    security_changed_at: datetime | None = None
    reopened_at: datetime | None = None
    breach_opened_at: datetime | None = None
    cause_changed_at: datetime | None = None
    triage_logged: bool = False
    cause_identified: bool = False
    cause_is_an_attacker: bool = False
    log_review_filed: bool = False
    reconciliation: str = ""
    duplicates_open: bool = False
    was_false_alarm: bool = False

    @property
    def nothing_to_check(self) -> bool:
        return self.was_false_alarm and self.breach_opened_at is None


@dataclass(frozen=True, slots=True)
class Signed:
    role: Role
    person: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, drafted or signed. `security` is the answer that stood when it was signed."""

    level: Level
    texts: Mapping[str, str]
    scope: str
    as_of: datetime | None
    author: str = ""
    signatures: tuple[Signed, ...] = ()
    signed_at: datetime | None = None
    expires_at: datetime | None = None
    security: Security = Security.NO
    withdrawn_at: datetime | None = None


# --- Signing -------------------------------------------------------------------------------------


def blockers(statement: Statement, ground: Ground, *, languages: Sequence[str], words: Words = WORDS) -> list[Blocker]:
    """Everything that forbids publishing the statement now; empty means that it may go out.

    `words` are the deployment's permitted words: a text says those of its level and no more, its slots filled.
    """
    return [
        *_form(statement, languages),
        *_wording(statement, ground, words),
        *_conditions(statement, ground),
        *_signatures(statement),
    ]


def _form(statement: Statement, languages: Sequence[str]) -> list[Blocker]:
    found = [
        Blocker("language_missing", f"text.{code}", f"The statement is missing in “{code}”: write it.", Gate.LANGUAGES)
        for code in languages
        if not statement.texts.get(code, "").strip()
    ]
    if not statement.scope.strip():
        found.append(
            Blocker(
                "scope_missing",
                "scope",
                "Say what it is about: which incident, which services, which data.",
                Gate.STATEMENT_SCOPE,
            )
        )
    if statement.as_of is None:
        found.append(Blocker("as_of_missing", "as_of", "Say as of when it is true."))
    return found


def _wording(statement: Statement, ground: Ground, words: Words) -> list[Blocker]:
    written = {code: text for code, text in statement.texts.items() if text.strip()}
    found = [
        Blocker("banned_phrase", f"text.{one.language}", f"“{one.phrase}”: {one.reason}", Gate.BANNED_PHRASES)
        for one in phrases.refused(written, duplicates_open=ground.duplicates_open)
    ]
    for code, text in written.items():
        permitted = words.get(statement.level, {}).get(code)
        if permitted and not _says(permitted, text):
            found.append(
                Blocker(
                    "words_not_permitted", f"text.{code}", f"Level {statement.level} permits: “{permitted}”", Gate.STATEMENT_WORDS
                )
            )
    return found


def _says(permitted: str, text: str) -> bool:
    """Is it the permitted text with every slot filled by a few words?"""
    parts = (re.escape(part) for part in _SLOT.split(permitted))
    return re.fullmatch(r"[^.!?{}]{1,60}".join(parts), " ".join(text.split())) is not None


def _conditions(statement: Statement, ground: Ground) -> list[Blocker]:
    return [
        Blocker(code, field, message, Gate.STATEMENT_GROUND)
        for code, field, message, met in required(statement.level, ground)
        if not met
    ]


def required(level: Level, ground: Ground) -> list[tuple[str, str, str, bool]]:
    """(code, field, what to do, is it so?) of a level; who says more must have checked more."""
    if level in UNSHAKEN:
        return []
    no_breach = (
        "breach_open",
        "breach",
        "A breach record is open: only “we are checking” may be said.",
        ground.breach_opened_at is None,
    )
    if level == Level.MONEY:
        attached = bool(ground.reconciliation.strip())
        return [
            no_breach,
            ("reconciliation_missing", "reconciliation", "Attach where the comparison of the books stands.", attached),
        ]
    triage = ("triage_missing", "triage", "Log the security triage first.", ground.triage_logged)
    if level == Level.NO_SIGN:
        not_yes = ground.security != Security.YES
        return [no_breach, triage, ("is_security", "security", "It is marked as security related: stay on level 0.", not_yes)]
    ruled_out = ("security_open", "security", "Whether it is security related must be answered with no.", ground.security == "no")
    if level == Level.NOT_SECURITY:
        known = ground.cause_identified and not ground.cause_is_an_attacker
        cause = ("cause_open", "cause", "The cause must be identified and must not be an attacker.", known)
        return [no_breach, triage, ruled_out, cause]
    reviewed = ("log_review_missing", "log_review", "Finish the log review and file it.", ground.log_review_filed)
    return [no_breach, triage, ruled_out, reviewed]


def _signatures(statement: Statement) -> list[Blocker]:
    missing = missing_signers(statement.level, statement.signatures, author=statement.author)
    return [
        Blocker("signature_missing", "signature", f"The {role.replace('_', ' ')} must sign.", Gate.SIGNATURE) for role in missing
    ]


def missing_signers(level: Level, signatures: Iterable[Signed], *, author: str = "") -> list[Role]:
    """Roles that have not signed yet. The author never signs, and nobody signs for two roles.

    Whoever may sign for fewer of the roles is taken first, so that the order of signing does not matter.
    """
    by_role = {role: [one.person for one in signatures if one.role == role and one.person != author] for role in SIGNERS[level]}
    taken: dict[Role, str] = {}
    for role in sorted(by_role, key=lambda role: len(set(by_role[role]))):
        free = [person for person in by_role[role] if person not in taken.values()]
        if free:
            taken[role] = free[0]
    return [role for role in SIGNERS[level] if role not in taken]


def may_sign(level: Level, *, role: Role, person: str, author: str, signatures: Iterable[Signed]) -> str:
    """Why this person may not sign in this role; "" if they may."""
    if role not in SIGNERS[level]:
        return f"A statement of level {level} is not signed by the {role.replace('_', ' ')}."
    if person == author:
        return "You wrote this statement. Another person must sign it."
    if any(one.person == person and one.role != role for one in signatures):
        return "You have signed it in another role. Another person must sign in this one."
    return ""


def expires(level: Level, *, signed_at: datetime, incident_is_open: bool) -> datetime | None:
    """When it lapses unless signed anew: 24 hours while the incident is open. “We are checking” and what is said of a closed
    incident do not lapse."""
    return signed_at + HOLDS_FOR if incident_is_open and level not in UNSHAKEN else None


# --- Withdrawal ----------------------------------------------------------------------------------


class Cause(StrEnum):
    """Why a statement is withdrawn by itself, the gravest first; `BY_HAND` by people, with a note of their own."""

    BREACH = "breach_opened"
    SECURITY = "security_changed"
    REOPENED = "reopened"
    CAUSE_CHANGED = "cause_changed"
    LAPSED = "lapsed"
    FALSE_ALARM = "false_alarm"
    BY_HAND = "by_hand"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Since when the statement no longer holds, why, and the public note that takes its place; level 0 stands again."""

    cause: Cause
    at: datetime
    note: Mapping[str, str]


NOTES: dict[Cause, dict[str, str]] = {
    Cause.BREACH: {
        "en": "We have withdrawn this statement: we are looking into whether personal data was seen.",
        "sw": "Tumeondoa taarifa hii: tunachunguza iwapo taarifa za kibinafsi zilionwa.",
    },
    Cause.SECURITY: {
        "en": "We have withdrawn this statement: we are checking again whether security is concerned.",
        "sw": "Tumeondoa taarifa hii: tunachunguza tena iwapo suala hili linahusu usalama.",
    },
    Cause.REOPENED: {
        "en": "We have withdrawn this statement: the problem came back, and we are checking again.",
        "sw": "Tumeondoa taarifa hii: hitilafu imerudi, na tunachunguza tena.",
    },
    Cause.CAUSE_CHANGED: {
        "en": "We have withdrawn this statement: the cause is not what we thought, and we are checking again.",
        "sw": "Tumeondoa taarifa hii: chanzo sicho tulichodhani, na tunachunguza tena.",
    },
    Cause.LAPSED: {
        "en": "This statement was not confirmed anew in time. We are checking.",
        "sw": "Taarifa hii haikuthibitishwa tena kwa wakati. Tunachunguza.",
    },
    Cause.FALSE_ALARM: {
        "en": "We have withdrawn this notice: it was a false alarm.",
        "sw": "Tumeondoa taarifa hii: hakukuwa na hitilafu.",
    },
}


def withdrawal(statement: Statement, ground: Ground, *, now: datetime) -> Withdrawal | None:
    """Does a signed statement still hold? None: yes (or it is withdrawn already).

    Only what happened after it was signed counts; of several reasons the earliest, of two at once the gravest. What says only
    that we are checking goes when it turns out that there was nothing to check, unless a breach record is open.
    """
    if statement.signed_at is None or statement.withdrawn_at is not None:
        return None
    if statement.level in UNSHAKEN:
        return Withdrawal(Cause.FALSE_ALARM, now, NOTES[Cause.FALSE_ALARM]) if ground.nothing_to_check else None
    reasons = [
        (at, rank, cause)
        for rank, (cause, at) in enumerate(_shaken(statement, ground, now))
        if at is not None and statement.signed_at < at <= now
    ]
    if not reasons:
        return None
    at, _, cause = min(reasons)
    return Withdrawal(cause, at, NOTES[cause])


def _shaken(statement: Statement, ground: Ground, now: datetime) -> list[tuple[Cause, datetime | None]]:
    """Each cause with the moment it came about. A step from unknown to no, or yes to no, takes nothing back."""
    worse = ground.security != Security.NO and ground.security != statement.security
    return [
        (Cause.BREACH, ground.breach_opened_at),
        (Cause.SECURITY, (ground.security_changed_at or now) if worse else None),
        (Cause.REOPENED, ground.reopened_at),
        (Cause.CAUSE_CHANGED, ground.cause_changed_at),
        (Cause.LAPSED, statement.expires_at if ground.is_open else None),
    ]


_STRENGTH = (Level.CHECKING, Level.NO_SIGN, Level.NOT_SECURITY, Level.NOT_ACCESSED)


def standing(statements: Sequence[Statement], ground: Ground, *, impact: str, now: datetime) -> tuple[Level | None, bool]:
    """(level on data that readers see now, does the statement on money stand?). None: nothing needs saying.

    The highest signed level that still holds; else level 0 where it appears by itself or something was withdrawn.
    """
    held = [one for one in statements if _holds(one, ground, now)]
    on_data = [one.level for one in held if one.level.ladder == "data"]
    money = any(one.level == Level.MONEY for one in held)
    if on_data:
        return max(on_data, key=_STRENGTH.index), money
    if ground.nothing_to_check:
        return None, money
    was_said = any(one.signed_at for one in statements if one.level.ladder == "data")
    return (Level.CHECKING if appears_by_itself(impact) or was_said else None), money


def _holds(statement: Statement, ground: Ground, now: datetime) -> bool:
    if statement.signed_at is None or statement.withdrawn_at is not None:
        return False
    return withdrawal(statement, ground, now=now) is None


def suffices_for(statement_level: Level | None, *, impact: str) -> bool:
    """May an incident of this impact be closed as to statements? Level 0 is enough; none is not."""
    return statement_level is not None or not appears_by_itself(impact)
