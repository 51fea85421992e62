"""What the public may know of statements on data and funds and of answers to claims, as frozen values: published rows only.

Faces read these beside statuspage.page; nothing here holds a name of staff, a claim as it was logged, or a ground.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Prefetch

from incidents import rebutting
from incidents.facts import Text
from incidents.languages import to_read
from incidents.models import Rebuttal, Statement, Withdrawal
from incidents.models.rebuttal import FOR_STAFF
from incidents.rebuttals import Verdict
from incidents.statements import Level
from incidents.words import Publication, SignatureKind


@dataclass(frozen=True, slots=True)
class TakenBack:
    """When and why something no longer holds."""

    at: datetime
    note: Text


@dataclass(frozen=True, slots=True)
class StatementFacts:
    """One statement. It stands while it is the newest of its ladder (data, money, advice) and is not taken back. `signed_in`: the
    roles that signed it, as the record has them; `presigned`: its words were signed beforehand, as a notice's are."""

    public_id: str
    level: str
    ladder: str
    scope: Text
    body: Text
    as_of: datetime
    expires_at: datetime | None
    published_at: datetime
    record_seq: int
    taken_back: TakenBack | None
    stands: bool
    signed_in: tuple[str, ...] = ()
    presigned: bool = False


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """One version of an answer. The lists hold plain values: evidence (what, dated); corroborations (body, said, dated, link,
    checked_on, reachable); legal_basis (act, section, says, link); days are ISO text."""

    series: str
    version: int
    slug: str
    fact_headline: Text
    verdict: Verdict
    what_is_true: Text
    claim_quote: str
    claim_language: str
    claim_where: Text
    claim_first_seen: date
    what_is_false: Text
    why_it_spread: Text
    evidence: tuple[Mapping[str, Any], ...]
    corroborations: tuple[Mapping[str, Any], ...]
    legal_basis: tuple[Mapping[str, Any], ...]
    short_forms: Mapping[str, Text]
    spokesperson: str
    spokesperson_role: Text
    spoke_at: date | None
    spoke_in: str
    review_date: date | None
    incident: str
    components: tuple[str, ...]
    published_at: datetime
    record_seq: int


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it stands, with its earlier versions, newest first. `address`: of its page, below /answers/; it stays."""

    now: AnswerFacts
    earlier: tuple[AnswerFacts, ...]
    taken_back: TakenBack | None
    address: str

    @property
    def changed_at(self) -> datetime:
        return self.taken_back.at if self.taken_back else self.now.published_at


def statements_of(incidents: Iterable[str]) -> dict[str, tuple[StatementFacts, ...]]:
    """Every public statement of these incidents (public ids), newest first; taken back or replaced ones too."""
    said = Statement.objects.published().filter(incident__public_id__in=list(incidents)).order_by("-record_seq")
    found: dict[str, list[StatementFacts]] = {}
    for row in said.select_related("incident").prefetch_related(_withdrawals(), "signatures"):
        known = found.setdefault(row.incident.public_id, [])
        known.append(_statement_facts(row, is_newest=Level(row.level).ladder not in {one.ladder for one in known}))
    return {public_id: tuple(statements) for public_id, statements in found.items()}


def answers() -> tuple[Answer, ...]:
    """Every public answer, the one that changed last first."""
    series: dict[str, list[Rebuttal]] = {}
    rows = Rebuttal.objects.published().order_by("-record_seq").select_related("incident").prefetch_related(_withdrawals())
    for row in rows:
        series.setdefault(row.series, []).append(row)
    firsts = sorted((versions[-1] for versions in series.values()), key=lambda first: first.record_seq or 0)
    addresses = rebutting.addresses(firsts)
    found = [_answer(versions, addresses[versions[0].series]) for versions in series.values()]
    return tuple(sorted(found, key=lambda answer: answer.changed_at, reverse=True))


def _withdrawals() -> Prefetch[Any]:
    return Prefetch("withdrawals", Withdrawal.objects.filter(publication=Publication.PUBLISHED))


def _taken_back(row: Statement | Rebuttal) -> TakenBack | None:
    for withdrawal in row.withdrawals.all():
        assert withdrawal.published_at is not None
        return TakenBack(withdrawal.published_at, to_read(withdrawal.note))
    return None


def _statement_facts(row: Statement, *, is_newest: bool) -> StatementFacts:
    assert row.published_at is not None
    assert row.record_seq is not None
    taken_back = _taken_back(row)
    return StatementFacts(
        public_id=row.public_id,
        level=row.level,
        ladder=Level(row.level).ladder,
        scope=to_read(row.scope),
        body=to_read(row.body),
        as_of=row.as_of,
        expires_at=row.expires_at,
        published_at=row.published_at,
        record_seq=row.record_seq,
        taken_back=taken_back,
        stands=is_newest and taken_back is None,
        signed_in=tuple(row.signed_in),
        presigned=row.signature_kind == SignatureKind.NOTICE,
    )


def _answer(versions: list[Rebuttal], address: str) -> Answer:
    """`versions`: newest first."""
    now, *earlier = (_answer_facts(row, rebutting.slug_of(versions[-1])) for row in versions)
    return Answer(now, tuple(earlier), next(filter(None, map(_taken_back, versions)), None), address)


def _answer_facts(row: Rebuttal, slug: str) -> AnswerFacts:
    assert row.published_at is not None
    assert row.record_seq is not None
    return AnswerFacts(
        series=row.series,
        version=row.version,
        slug=slug,
        verdict=Verdict(row.verdict),
        fact_headline=to_read(row.fact_headline),
        what_is_true=to_read(row.what_is_true),
        what_is_false=to_read(row.what_is_false),
        why_it_spread=to_read(row.why_it_spread),
        claim_quote=row.claim_quote,
        claim_language=row.claim_language,
        claim_where=to_read(row.claim_where),
        claim_first_seen=row.claim_first_seen,
        evidence=_without_staff(row.evidence),
        corroborations=_without_staff(row.corroborations),
        legal_basis=_without_staff(row.legal_basis),
        short_forms=row.short_forms,
        spokesperson=row.spokesperson,
        spokesperson_role=to_read(row.spokesperson_role),
        spoke_at=row.spoke_at,
        spoke_in=row.spoke_in,
        review_date=row.review_date,
        incident=row.incident.public_id if row.incident else "",
        components=tuple(row.components),
        published_at=row.published_at,
        record_seq=row.record_seq,
    )


def _without_staff(items: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """Their texts are in each language or in one, which is then a plain value."""
    return tuple(
        {key: to_read(value) if isinstance(value, Mapping) else value for key, value in item.items() if key not in FOR_STAFF}
        for item in items
    )
