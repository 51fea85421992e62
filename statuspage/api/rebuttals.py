"""Claims as they are seen, and our answers to them, up to a second person's approval."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from ninja import Path, Router, Status

from incidents import claims, rebuttals, rebutting
from incidents.languages import by_language
from incidents.models import Claim, Component, Rebuttal
from statuspage import publishing
from statuspage.api import schemas, shapes
from statuspage.api.door import Caller, caller, guarded
from statuspage.api.drafts import Kind, add_routes
from statuspage.api.incidents import find_incident, named_in
from statuspage.api.paging import Cursor, Limit, page_of
from statuspage.api.problems import unknown
from statuspage.api.responses import ANSWERS, LISTS, MADE

router = Router(tags=["rebuttals"])
VIEW, VIEW_CLAIMS = "incidents.view_rebuttal", "incidents.view_claim"


def _publish(rebuttal: Rebuttal, reason: str, asking: Caller) -> object:
    return publishing.publish_rebuttal(rebuttal=rebuttal, actor=asking.owner, now=asking.now)


def _about(rebuttal: Rebuttal) -> Iterable[Component]:
    """What it names itself, and what its incident names."""
    of_incident = named_in(rebuttal.incident) if rebuttal.incident else []
    return [*Component.objects.filter(public_id__in=rebuttal.components), *of_incident]


KIND = Kind(
    thing="rebuttal",
    scope="rebuttals",
    view=VIEW,
    rows=lambda: Rebuttal.objects.select_related("incident", "author"),
    shape=shapes.rebuttal,
    about=_about,
    publish=_publish,
)
add_routes(router, "/rebuttals", KIND)


def _find_claim(number: int, asking: Caller) -> Claim:
    claim = Claim.objects.select_related("incident").filter(pk=number).first()
    if claim is None:
        raise unknown("claim")
    asking.require_components(_claimed_of(claim))
    return claim


def _claimed_of(claim: Claim) -> Iterable[Component]:
    """A claim without an incident is about the page as a whole."""
    return named_in(claim.incident) if claim.incident else []


@router.get("/claims", response=LISTS)
@guarded("read")
def list_claims(request: HttpRequest, limit: Limit = 50, after: Cursor = "") -> dict[str, Any]:
    """Newest first; for staff, never public."""
    asking = caller(request)
    asking.require(VIEW_CLAIMS)
    rows = Claim.objects.all()
    if asking.token.components.exists():
        every = rows.select_related("incident")
        rows = rows.filter(pk__in=[row.pk for row in every if asking.may_speak_of(_claimed_of(row))])
    return page_of(rows, shapes.claim, limit=limit, after=after)


@router.post("/claims", response=MADE)
@guarded("rebuttals.write")
def log_claim(request: HttpRequest, body: schemas.NewClaim) -> Status[dict[str, Any]]:
    """Keep a claim word for word, with where and when it was first seen."""
    asking = caller(request)
    incident = find_incident(body.incident, asking) if body.incident else None
    if incident is None:
        asking.require_components([])
    given = body.model_dump(exclude={"incident"})
    return Status(201, shapes.claim(claims.log_claim(**given, incident=incident, actor=asking.owner, now=asking.now)))


@router.post("/claims/{number}/step", response=ANSWERS)
@guarded("rebuttals.write")
def move_claim(request: HttpRequest, number: Path[schemas.Number], body: schemas.ClaimStep) -> dict[str, Any]:
    """Assess it, put it back, or drop it with a reason."""
    asking = caller(request)
    claim = claims.move(claim=_find_claim(number, asking), to=body.to, actor=asking.owner, now=asking.now, reason=body.reason)
    return shapes.claim(claim)


@router.post("/claims/{number}/rebuttals", response=MADE)
@guarded("rebuttals.write")
def draft_rebuttal(request: HttpRequest, number: Path[schemas.Number], body: schemas.NewRebuttal) -> Status[dict[str, Any]]:
    """Draft the answer to a claim that is being assessed."""
    asking = caller(request)
    components = schemas.named(body.components, "components")
    asking.require_components(components)
    row = rebutting.draft(
        claim=_find_claim(number, asking),
        answer=_answer(body),
        author=asking.owner,
        now=asking.now,
        incident=find_incident(body.incident, asking) if body.incident else None,
        components=components,
    )
    return Status(201, KIND.show(row.public_id, asking))


@router.get("/rebuttals", response=LISTS)
@guarded("read")
def list_rebuttals(request: HttpRequest, limit: Limit = 50, after: Cursor = "") -> dict[str, Any]:
    """Every version, newest first."""
    asking = caller(request)
    asking.require(VIEW)
    rows = KIND.rows().exclude(publication="discarded")
    if asking.token.components.exists():
        rows = rows.filter(pk__in=[row.pk for row in rows if asking.may_speak_of(_about(row))])
    return page_of(rows, shapes.rebuttal, limit=limit, after=after)


@router.put("/rebuttals/{public_id}", response=ANSWERS)
@guarded("rebuttals.write")
def edit_rebuttal(request: HttpRequest, public_id: Path[schemas.PublicId], body: schemas.RebuttalEdit) -> dict[str, Any]:
    """Put the whole draft anew; steps taken with other words are void by that."""
    asking = caller(request)
    row = KIND.find(public_id, asking)
    rebutting.edit(rebuttal=row, answer=_answer(body), actor=asking.owner, now=asking.now, seen_at=body.seen_at)
    return KIND.show(public_id, asking)


@router.post("/rebuttals/{public_id}/lawyers", response=ANSWERS)
@guarded("rebuttals.write")
def send_to_lawyers(request: HttpRequest, public_id: Path[schemas.PublicId]) -> dict[str, Any]:
    """The answer is written: its words go to the lawyers. 409 with all that is missing."""
    asking = caller(request)
    rebutting.send_to_lawyers(rebuttal=KIND.find(public_id, asking), actor=asking.owner, now=asking.now)
    return KIND.show(public_id, asking)


def _answer(body: schemas.AnswerFields) -> rebuttals.Rebuttal:
    """The body as the rules see it."""
    return rebuttals.Rebuttal(
        fact_headline=by_language(body.fact_headline),
        what_is_true=by_language(body.what_is_true),
        what_is_false=by_language(body.what_is_false),
        why_it_spread=by_language(body.why_it_spread),
        spokesperson_role=by_language(body.spokesperson_role),
        claim=rebuttals.Claim(
            quote=body.claim_quote,
            language=body.claim_language,
            where=by_language(body.claim_where),
            first_seen=body.claim_first_seen,
        ),
        verdict=body.verdict,
        evidence=tuple(rebuttals.Evidence(**one.model_dump()) for one in body.evidence),
        corroborations=tuple(rebuttals.Corroboration(**one.model_dump()) for one in body.corroborations),
        legal_basis=tuple(rebuttals.LegalBasis(**one.model_dump()) for one in body.legal_basis),
        short_forms=body.short_forms,
        spokesperson=body.spokesperson,
        spoke_at=body.spoke_at,
        spoke_in=body.spoke_in,
        review_date=body.review_date,
    )
