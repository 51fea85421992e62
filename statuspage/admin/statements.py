"""Data and funds at the desk: an incident's ladder of statements with what each step asks for, and one statement to sign.

What may be said, who signs, how long it holds and what takes it back: incidents.statements. Here it is only shown and asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from incidents import corrections, documents, phrases, signing, statements, stating
from incidents.blockers import Blocker
from incidents.drafts import TimelineError
from incidents.languages import by_language, in_all
from incidents.models import Breach, Incident, Statement, StatementGround
from incidents.statements import SIGNERS, Level, Role
from incidents.words import Publication, SecurityRelated
from statuspage import grounds, publishing, roles
from statuspage.admin.base import require_any
from statuspage.admin.columns import display, publication_column
from statuspage.admin.document_forms import When, Words, WordsForm, choice, line, text, yes_no
from statuspage.admin.documents import DocumentAdmin, Rights
from statuspage.admin.views import DeskView, Gate, gates_at
from statuspage.templatetags.desk import first_text, headline, moment

RIGHTS = Rights(
    "incidents.view_statement", "incidents.change_statement", "incidents.sign_statement", "incidents.publish_statement"
)
LEVEL_NAMES = {
    Level.CHECKING: "Checking",
    Level.NO_SIGN: "No sign so far",
    Level.NOT_SECURITY: "Not a security incident",
    Level.NOT_ACCESSED: "No data was accessed",
    Level.MONEY: "Money",
    Level.ADVICE: "Do not pay twice",
}
_MET = {
    "breach_open": "No breach record is open",
    "triage_missing": "The security triage is logged",
    "is_security": "It is not marked as security related",
    "security_open": "Security is answered with no",
    "cause_open": "The cause is known, and no attacker",
    "log_review_missing": "The log review is filed",
    "reconciliation_missing": "The comparison of the books is attached",
}
_CAUSES = {
    "breach_opened": "a breach record opened",
    "security_changed": "whether it is security related changed",
    "reopened": "the incident was opened again",
    "cause_changed": "the cause changed",
    "lapsed": "it lapsed unsigned",
    "false_alarm": "it was a false alarm",
    "by_hand": "by hand",
}
_SECURITY_WORDS = {"no": "No", "unknown": "Not known", "yes": "Yes"}


# --- The ladder ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rung:
    """One step: its words by language, what it asks for as (met, sentence), who signs as (role, by whom), and its draft."""

    level: Level
    name: str
    words: dict[str, str]
    asks: list[tuple[bool, str]]
    signers: list[tuple[str, str]]
    public: Statement | None
    draft: Statement | None

    @property
    def is_met(self) -> bool:
        return all(met for met, _ in self.asks)

    @property
    def short(self) -> str:
        return {"money": "KES", "advice": "!"}.get(self.level, str(self.level))


def role_words(role: str) -> str:
    return role.replace("_", " ").capitalize()


class GroundForm(forms.Form):
    triage = text("What the security triage found", rows=2)
    log_review = line("Where the finished log review is filed", most=1000)
    reconciliation = line("Where the comparison of the books stands", most=1000)
    cause_is_an_attacker = yes_no("The cause is an attacker")
    duplicates_open = yes_no("Double debits are not all returned", help_text="“No money was lost” is then refused.")


class SecurityForm(forms.Form):
    value = choice("Is it security related?", [(one.value, _SECURITY_WORDS[one]) for one in SecurityRelated])
    reason = line("Why", required=True, most=400)


class BreachForm(forms.Form):
    reason = line("What was seen", required=True, most=1000)


class FindingForm(forms.Form):
    finding = line("What it turned out to be", required=True, most=1000)


class MoneyForm(WordsForm):
    whens = (When("by", "Late payments are done by", required=True),)


class LadderPage(DeskView):
    """What is said of data and funds in one incident, what may be said next, and what it stands on."""

    permission = RIGHTS.see
    template = "statement.html"
    title = "Data and funds"
    in_focus = False

    def get(self, request: HttpRequest, incident_id: int) -> HttpResponse:
        return self._show(get_object_or_404(Incident, pk=incident_id))

    def post(self, request: HttpRequest, incident_id: int) -> HttpResponse:
        incident = get_object_or_404(Incident, pk=incident_id)
        act = request.POST.get("act", "")
        if act not in _ACTS:
            return self._show(incident, status=400)
        permissions, make, do = _ACTS[act]
        actor = require_any(request, *permissions)
        form = make(request.POST)
        if not form.is_valid():
            return self._show(incident, status=422, posted={act: form})
        try:
            done = do(incident, form, actor, timezone.now())
        except TimelineError as refusal:
            return self._show(incident, status=409, posted={act: form}, refusal=str(refusal))
        if isinstance(done, Statement):
            messages.success(request, "A draft in the permitted words is ready. Nothing of it is public yet.")
            return redirect(reverse("admin:incidents_statement_change", args=[done.pk]))
        messages.success(request, done)
        return redirect(ladder_url(incident))

    def _show(
        self, incident: Incident, *, status: int = 200, posted: dict[str, forms.Form] | None = None, refusal: str = ""
    ) -> HttpResponse:
        now, known = timezone.now(), stating.ground(incident)
        newest = stating.newest(incident)
        row = StatementGround.objects.filter(incident=incident).first() or StatementGround(incident=incident)
        start = {name: getattr(row, name) for name in stating.NOTED}
        may = {act: any(self.actor.has_perm(one) for one in permissions) for act, (permissions, _, _) in _ACTS.items()}
        shown = {"ground": GroundForm(initial=start), "security": SecurityForm(initial={"value": incident.security_related})}
        shown |= {"breach": BreachForm(), "close_breach": FindingForm(), "money": MoneyForm(), **(posted or {})}
        return self.page(
            status=status,
            title=f"Data and funds: {headline(incident)}",
            incident=incident,
            rungs=[_rung(incident, level, known, newest.get(level.ladder)) for level in Level],
            standing=newest.get("data"),
            before=_taken_back(incident),
            ground=row,
            breach=Breach.objects.filter(incident=incident, closed_at=None).first(),
            forms=shown,
            open_act=next(iter(posted or {}), ""),
            may=may,
            refusal=refusal,
            refused=[(f"{phrase.reason}", phrase.code.replace("_", " ")) for phrase in phrases.BANNED],
            now=now,
        )


def ladder_url(incident: Incident) -> str:
    return reverse("admin:statement_ladder", args=[incident.pk])


def _rung(incident: Incident, level: Level, known: statements.Ground, newest: Statement | None) -> Rung:
    draft = Statement.objects.drafts().filter(incident=incident, level=level).last()
    public = newest if newest and newest.level == level and not newest.withdrawal else None
    said = draft or public
    words = by_language(said.body) if said else dict(statements.WORDS[level])
    return Rung(
        level=level,
        name=LEVEL_NAMES[level],
        words={code: words.get(code, "").replace("{time}", "[time]").replace("{by}", "[time]") for code in by_language({})},
        asks=[(met, _MET[code] if met else message) for code, _, message, met in statements.required(level, known)],
        signers=signers_of(level, said),
        public=public,
        draft=draft,
    )


def signers_of(level: Level, statement: Statement | None) -> list[tuple[str, str]]:
    """(role, who signed it as it stands): "" while nobody did."""
    given = {}
    if statement:
        current = signing.content_hash(statement)
        given = {one.role: one for one in statement.signatures.select_related("signed_by") if one.hash == current}
    return [
        (role_words(role), f"{given[role].signed_by}, {moment(given[role].signed_at)}" if role in given else "")
        for role in SIGNERS[level]
    ]


def _taken_back(incident: Incident) -> list[tuple[Statement, str, datetime | None]]:
    """Statements that no longer hold, newest first: (statement, why, since when)."""
    said = Statement.objects.filter(incident=incident, publication=Publication.PUBLISHED).order_by("-record_seq")
    rows = [row for row in said.prefetch_related("withdrawals").select_related("signed_by") if row.withdrawal]
    return [(row, _CAUSES.get(row.withdrawal.cause, ""), row.withdrawal.published_at) for row in rows]


# --- Acts of the ladder ----------------------------------------------------------------------------


class _LevelForm(forms.Form):
    level = forms.ChoiceField(choices=[(level.value, level.value) for level in Level if level != Level.MONEY])


def _draft(incident: Incident, form: Any, actor: User, now: datetime) -> Statement:
    return stating.draft(incident=incident, level=Level(form.cleaned_data["level"]), author=actor, now=now)


def _draft_money(incident: Incident, form: Any, actor: User, now: datetime) -> Statement:
    return stating.draft(incident=incident, level=Level.MONEY, author=actor, now=now, by=form.moment_given("by"))


def _note(incident: Incident, form: Any, actor: User, now: datetime) -> str:
    grounds.note(incident=incident, actor=actor, now=now, **form.cleaned_data)
    return "Written down. What no longer holds was taken back."


def _security(incident: Incident, form: Any, actor: User, now: datetime) -> str:
    given = form.cleaned_data
    grounds.set_security(incident=incident, value=given["value"], reason=given["reason"], actor=actor, now=now)
    return "Kept, for staff. What no longer holds was taken back."


def _breach(incident: Incident, form: Any, actor: User, now: datetime) -> str:
    grounds.open_breach(incident=incident, reason=form.cleaned_data["reason"], actor=actor, now=now)
    return "A breach record is open: only “we are checking” is said."


def _close_breach(incident: Incident, form: Any, actor: User, now: datetime) -> str:
    breach = Breach.objects.filter(incident=incident, closed_at=None).first()
    if breach is None:
        raise TimelineError("No breach record is open.")
    grounds.close_breach(breach=breach, finding=form.cleaned_data["finding"], actor=actor, now=now)
    return "The breach record is closed. Statements may be signed anew."


_KNOWS = (RIGHTS.write, RIGHTS.sign)
_ACTS: dict[str, tuple[tuple[str, ...], Callable[[Any], forms.Form], Callable[[Incident, Any, User, datetime], Any]]] = {
    "draft": ((RIGHTS.write,), _LevelForm, _draft),
    "money": ((RIGHTS.write,), MoneyForm, _draft_money),
    "ground": (_KNOWS, GroundForm, _note),
    "security": (_KNOWS, SecurityForm, _security),
    "breach": (("incidents.add_breach",), BreachForm, _breach),
    "close_breach": (("incidents.change_breach",), FindingForm, _close_breach),
}


# --- One statement ---------------------------------------------------------------------------------


class StatementForm(WordsForm):
    words = (Words("scope", "Incident, services, data", rows=2, most=500),)


class StatementAdmin(DocumentAdmin[Statement]):
    """One statement. Its words are the permitted ones of its level: only what it is about is written."""

    rights = RIGHTS
    form_class = StatementForm
    template = "one_statement.html"
    thing = "statement"
    list_display = ["level_of", "of_incident", "publication_of", "signature", "holds", "changed"]
    list_filter = ["publication", "level"]
    search_fields = ["public_id", "scope", "body"]
    list_select_related = ["incident", "signed_by"]

    publication_of = publication_column

    @display(description="Level")
    def level_of(self, row: Statement) -> str:
        return f"{row.level}: {LEVEL_NAMES[Level(row.level)]}"

    @display(description="Incident")
    def of_incident(self, row: Statement) -> str:
        return first_text(corrections.listed_name(row, row.incident.name))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Statement]:
        return corrections.with_names(super().get_queryset(request), named_by="update__incident", of="incident_id")

    @display(description="Holds")
    def holds(self, row: Statement) -> str:
        if row.withdrawal:
            return f"Withdrawn {moment(row.withdrawal.published_at)}"
        return f"until {moment(row.expires_at)}" if row.expires_at else ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a statement begins on its incident's ladder

    def gates(self, document: Statement, blockers: Sequence[Blocker]) -> list[Gate]:
        """What it stands on is mended on the ladder, the rest here."""
        here = [blocker for blocker in blockers if blocker.field.partition(".")[0] in ("scope", "text", "signature")]
        there = [blocker for blocker in blockers if blocker not in here]
        return [*gates_at(here), *(Gate(blocker.message, f"{ladder_url(document.incident)}#ground") for blocker in there)]

    def title(self, document: Statement) -> str:
        return f"{LEVEL_NAMES[Level(document.level)]}: {headline(document.incident)}"

    def start(self, document: Statement) -> dict[str, Any]:
        return {"scope": document.scope}

    def keep(self, document: Statement, form: StatementForm, *, actor: User, now: datetime) -> Statement:
        return documents.edit(document=document, actor=actor, now=now, seen_at=form.seen, scope=in_all(form.said("scope")))

    def facts(self, document: Statement) -> list[tuple[str, str]]:
        withdrawal = document.withdrawal
        return [
            ("Level", str(document.level)),
            ("As of", moment(document.as_of)),
            (
                "Lapses",
                moment(document.expires_at) or ("24 h after the first signature" if document.incident.is_open else "never"),
            ),
            *([("Withdrawn", f"{moment(withdrawal.published_at)}: {_CAUSES[withdrawal.cause]}")] if withdrawal else []),
        ]

    def sign(self, document: Statement, *, request: HttpRequest, signer: User, now: datetime) -> Statement:
        held = roles.held_by(signer)
        wanted = request.POST.get("role", "")
        if wanted not in set(Role):
            raise signing.SigningRefused("Say in which role you sign. This level is signed by: " + _asked(document) + ".")
        seen = request.POST.get("seen_hash", "")
        return stating.sign(statement=document, role=Role(wanted), held=held, signer=signer, now=now, seen_hash=seen)

    def publish(self, document: Statement, *, actor: User, now: datetime) -> Statement:
        return publishing.publish_statement(statement=document, actor=actor, now=now)

    def further(self, request: HttpRequest, document: Statement) -> dict[str, Any]:
        level = Level(document.level)
        held = roles.held_by(request.user) if isinstance(request.user, User) else set()
        return {
            "incident": document.incident,
            "ladder_url": ladder_url(document.incident),
            "signers": signers_of(level, document),
            "roles": [{"value": role.value, "words": role_words(role)} for role in SIGNERS[level] if role in held],
            "asks": [(met, _MET[code] if met else ask) for code, _, ask, met in _required(document)],
            "may_withdraw": document.is_published and not document.withdrawal,
        }

    def public_url(self, document: Statement) -> str:
        return f"/incidents/{document.incident.public_id}"


def _required(document: Statement) -> list[tuple[str, str, str, bool]]:
    return statements.required(Level(document.level), stating.ground(document.incident))


def _asked(document: Statement) -> str:
    return ", ".join(role_words(role).lower() for role in SIGNERS[Level(document.level)])
