"""Every role times every act of the desk, over HTTP: 403 where it must be. And the same rights in the operations themselves."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from django.template.response import SimpleTemplateResponse
from django.utils import timezone

from incidents import claims, documents, drafts, notes, rights, signing, timeline
from incidents.languages import by_language, in_all
from incidents.models import (
    Announcement,
    AuditEvent,
    Claim,
    Incident,
    IncidentUpdate,
    InternalNote,
    Notice,
    ScheduledMaintenance,
)
from incidents.rights import NotPermitted
from statuspage import page, publishing, roles
from statuspage.admin.site import DeskSite
from statuspage.models import StaffAlert
from statuspage.roles import (
    APPROVER,
    AUDITOR,
    AUTHOR,
    DATA_PROTECTION,
    ENGINEER,
    FINANCE,
    OPERATIONS,
    PAGE_ADMIN,
    ROLES,
    SECURITY,
    TRANSLATOR,
    USER_ADMIN,
)
from subscribers.models import Notification
from tests.factories import NOON, ComponentFactory, NoticeFactory, ProbeScheduleFactory, UserFactory
from tests.incidents import plans
from tests.statuspage.desk import OWN_WORDS, a_draft, at, form_of, page_of, sign_in, someone

pytestmark = [pytest.mark.long, pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]
ROOT = Path(__file__).resolve().parent.parent.parent


class Rows(NamedTuple):
    draft: IncidentUpdate
    own: IncidentUpdate
    public: Incident
    notice: Notice
    signed: Notice
    probe_id: int
    person_id: int
    alert: StaffAlert
    news: Announcement
    window: ScheduledMaintenance
    claim: Claim


def rows() -> Rows:
    """One of each thing that is acted on."""
    spoken = publishing.publish_update(update_id=a_draft(code="payouts").pk, actor=None, now=timezone.now())
    component = ComponentFactory(code="stk-push")
    timeline.observe(component=component, status="partial_outage", since=timezone.now(), now=timezone.now())
    draft = IncidentUpdate.objects.drafts().get(affected__component=component)
    own = drafts.add_update(
        incident=spoken.incident, status="identified", body={"en": "Wait.", "sw": "Subiri."}, affected={},
        next_update_by=None, author=UserFactory(), now=timezone.now(),
    )  # fmt: skip
    alert = StaffAlert.objects.create(
        kind="draft", key="draft:x@1", severity="critical", title="Draft", path="/admin/", raised_at=timezone.now()
    )
    now = timezone.now()
    news = Announcement(title=in_all(WORDS), body=in_all(WORDS), starts_at=now)
    documents.add(document=news, author=UserFactory(), now=now)
    claim = claims.log_claim(words="Gone.", language="en", where="X", first_seen=now.date(), actor=UserFactory(), now=now)
    soon = (now - NOON) / plans.HOUR
    window = plans.announced({component: "partial_outage"}, start=soon + 48, end=soon + 50, now=soon)
    return Rows(
        draft, own, spoken.incident, NoticeFactory(code="fresh"), Notice.objects.get(code="down"),
        ProbeScheduleFactory().probe_id, UserFactory(is_superuser=False).pk, alert,
        news, window, claim,
    )  # fmt: skip


Act = tuple[str, Callable[[Rows], str], Callable[[Rows], dict[str, Any]], set[str]]


def nothing(made: Rows) -> dict[str, Any]:
    return {}


def facts(made: Rows) -> str:
    return f"/admin/incidents/incident/{made.public.pk}/facts/"


def said(made: Rows, act: str) -> str:
    """The page of what is public already."""
    return at(made.public.updates.published()[0], act)


def telling(made: Rows, act: str) -> str:
    """The page of how something that is no update is told."""
    seq = made.window.updates.published()[0].record_seq
    assert seq is not None
    return f"/admin/subscribers/notification/{Notification.objects.get(record_seq=seq).pk}/{act}/"


def to(act: str) -> Callable[[Rows], dict[str, Any]]:
    return lambda made: {"act": act}


def news(act: str) -> Callable[[Rows], str]:
    return lambda made: page_of(made.news, act)


def new(kind: str, asked: Callable[[Rows], str]) -> Callable[[Rows], str]:
    """The form of a new row of that kind, about what `asked` names."""
    return lambda made: f"/admin/incidents/{kind}/add/{asked(made)}"


ABOUT: dict[str, Callable[[Rows], str]] = {
    "announcement": lambda made: "",
    "maintenanceupdate": lambda made: "",
    "claim": lambda made: "",
    "rebuttal": lambda made: f"?claim={made.claim.pk}",
    "review": lambda made: f"?incident={made.public.pk}",
    "redress": lambda made: f"?incident={made.public.pk}",
    "correction": lambda made: f"?update={made.public.updates.published()[0].pk}",
}
WORDS = {"en": "Wait.", "sw": "Subiri."}
LOOK_UP, ADDRESS = "/admin/subscribers/subscriber/look-up/", {"channel": "email", "address": "asha@customer.example"}
EVERYONE = set(ROLES)
SEES = EVERYONE - {USER_ADMIN}
HEADS = {SECURITY, OPERATIONS, DATA_PROTECTION, FINANCE}
READS_ACTS = {APPROVER, AUDITOR, USER_ADMIN, DATA_PROTECTION}
ACTS: dict[str, Act] = {
    "open the dashboard": ("GET", lambda made: "/admin/", nothing, EVERYONE),
    "read an incident": ("GET", lambda made: f"/admin/incidents/incident/{made.public.pk}/change/", nothing, SEES),
    "report an incident": ("GET", lambda made: "/admin/incidents/incident/add/", nothing, {AUTHOR}),
    "write the next update": ("GET", lambda made: f"/admin/incidents/incident/{made.public.pk}/new-update/", nothing, {AUTHOR}),
    "edit a draft": ("POST", lambda made: at(made.draft), lambda made: form_of(made.draft, **OWN_WORDS), {AUTHOR}),
    "ask for a signature": ("POST", lambda made: at(made.own, "ask"), nothing, {AUTHOR}),
    "sign": ("POST", lambda made: at(made.own, "sign"), nothing, {APPROVER}),
    "send back": (
        "POST", lambda made: at(made.own, "send-back"), lambda made: {"reason": "No."}, {APPROVER, SECURITY, DATA_PROTECTION},
    ),
    "publish": ("POST", lambda made: at(made.draft, "publish"), nothing, {AUTHOR, APPROVER}),
    "send a test": ("POST", lambda made: at(made.draft, "trial"), lambda made: {"to": "me"}, {AUTHOR, APPROVER, TRANSLATOR}),
    "translate": ("GET", lambda made: at(made.draft, "translate"), nothing, {AUTHOR, TRANSLATOR}),
    "set a time": ("POST", lambda made: at(made.draft, "time"), lambda made: {"act": "back"}, {AUTHOR, APPROVER}),
    "discard": ("POST", lambda made: at(made.own, "discard"), nothing, {AUTHOR}),
    "write a notice": ("GET", lambda made: "/admin/incidents/notice/add/", nothing, {AUTHOR, PAGE_ADMIN}),
    "sign a notice": ("POST", lambda made: f"/admin/incidents/notice/{made.notice.pk}/sign/", nothing, {APPROVER}),
    "take a signature back": ("POST", lambda made: f"/admin/incidents/notice/{made.signed.pk}/withdraw/", nothing, {APPROVER}),
    "add a service": ("GET", lambda made: "/admin/incidents/component/add/", nothing, {PAGE_ADMIN}),
    "add a probe": ("GET", lambda made: "/admin/probes/probe/add/", nothing, {ENGINEER}),
    "run a probe": ("POST", lambda made: f"/admin/probes/probe/{made.probe_id}/run/", nothing, {ENGINEER}),
    "see people": ("GET", lambda made: "/admin/auth/user/", nothing, {USER_ADMIN, AUDITOR}),
    "invite a person": ("GET", lambda made: "/admin/auth/user/add/", nothing, {USER_ADMIN}),
    "end sessions": ("POST", lambda made: f"/admin/auth/user/{made.person_id}/end-sessions/", nothing, {USER_ADMIN}),
    "set another's password": ("GET", lambda made: f"/admin/auth/user/{made.person_id}/password/", nothing, set()),
    "read the log": ("GET", lambda made: "/admin/incidents/auditevent/", nothing, READS_ACTS),
    "take the log away": ("GET", lambda made: "/admin/incidents/auditevent/export/jsonl/", nothing, READS_ACTS),
    "write into the log": ("GET", lambda made: "/admin/incidents/auditevent/add/", nothing, set()),
    "freeze": (
        "POST", lambda made: "/admin/freeze/", lambda made: {"act": "freeze", "reason": "A drill."},
        {AUTHOR, APPROVER, ENGINEER, PAGE_ADMIN},
    ),
    "plan duty": ("GET", lambda made: "/admin/statuspage/dutyshift/add/", nothing, {APPROVER, PAGE_ADMIN, USER_ADMIN}),
    "acknowledge": ("POST", lambda made: f"/admin/statuspage/staffalert/{made.alert.pk}/acknowledge/", nothing, SEES),
    "publish signed words": (
        "POST", lambda made: at(made.draft), lambda made: {"mode": "signed", "act": "publish"}, {AUTHOR, APPROVER},
    ),
    "publish alone": (  # whoever breaks glass is an author, too
        "POST", lambda made: at(made.draft),
        lambda made: form_of(made.draft, **OWN_WORDS, act="glass", glass_reason="Nobody answers."), set(),
    ),
    "keep what is typed": ("POST", lambda made: at(made.draft, "keep"), nothing, {AUTHOR, TRANSLATOR}),
    "forget what is typed": ("POST", lambda made: at(made.draft, "forget"), nothing, {AUTHOR}),
    "stop sending": ("POST", lambda made: said(made, "stop"), nothing, {AUTHOR, APPROVER}),
    "send again": ("POST", lambda made: said(made, "resend"), nothing, {AUTHOR, APPROVER}),
    "follow how planned work is told": ("GET", lambda made: telling(made, "change"), nothing, SEES),
    "stop telling of planned work": ("POST", lambda made: telling(made, "stop"), nothing, {AUTHOR, APPROVER}),
    "tell of planned work again": ("POST", lambda made: telling(made, "resend"), nothing, {AUTHOR, APPROVER}),
    "look an address up": ("GET", lambda made: LOOK_UP, nothing, {PAGE_ADMIN, DATA_PROTECTION}),
    "hold an address back": (
        "POST", lambda made: LOOK_UP, lambda made: {**ADDRESS, "act": "suppress", "reason": "Asked."}, {PAGE_ADMIN},
    ),
    "ask an address to confirm": ("POST", lambda made: LOOK_UP, lambda made: {**ADDRESS, "act": "ask"}, {PAGE_ADMIN}),
    "copy a text pack": ("GET", lambda made: said(made, "text-pack"), nothing, SEES),
    "open again": ("POST", lambda made: f"/admin/incidents/incident/{made.public.pk}/reopen/", nothing, {AUTHOR}),
    "call a false alarm": ("POST", lambda made: f"/admin/incidents/incident/{made.public.pk}/false-alarm/", nothing, {AUTHOR}),
    "add a past incident": ("GET", lambda made: "/admin/incidents/incident/past/", nothing, {AUTHOR}),
    "note something": ("POST", facts, lambda made: {"act": "note"}, {AUTHOR, APPROVER, ENGINEER, *HEADS}),
    **{
        f"{act} an incident's facts": ("POST", facts, to(act), {AUTHOR})
        for act in ("time", "impact", "detected", "link", "unlink")
    },
    **{
        f"{act} an incident": ("POST", facts, to(act), {AUTHOR, APPROVER})
        for act in ("merge", "ask_to_withdraw", "withdraw", "close")
    },
    "read deadlines": ("GET", lambda made: f"/admin/incidents/incident/{made.public.pk}/deadlines/", nothing, SEES),
    "say that it was handed in": (
        "POST", lambda made: f"/admin/incidents/incident/{made.public.pk}/deadlines/cbk-cyber/", nothing,
        {AUTHOR, APPROVER, *HEADS},
    ),
    "read what is said of data and funds": (
        "GET", lambda made: f"/admin/incidents/incident/{made.public.pk}/data-and-funds/", nothing, SEES,
    ),
    **{
        f"write a {kind}": (
            "GET", new(kind, asked), nothing, {AUTHOR},
        )
        for kind, asked in ABOUT.items()
    },
    **{
        f"{act} an announcement": ("POST", news(act), lambda made: {"reason": "No."}, allowed)
        for act, allowed in {
            "change": {AUTHOR}, "ask": {AUTHOR}, "discard": {AUTHOR}, "sign": {APPROVER}, "send-back": {APPROVER},
            "publish": {AUTHOR, APPROVER}, "withdraw": {AUTHOR, APPROVER},
        }.items()
    },
    "take a step of planned work": ("POST", lambda made: page_of(made.window, "step"), nothing, {AUTHOR, APPROVER}),
    "end a series": ("POST", lambda made: page_of(made.window, "end-series"), nothing, {AUTHOR}),
    "triage a claim": ("POST", lambda made: page_of(made.claim), lambda made: {"to": "assessing"}, {AUTHOR}),
    "change a service": ("POST", lambda made: page_of(made.draft.affected.all()[0].component), nothing, {PAGE_ADMIN}),
    "pause a probe": ("POST", lambda made: f"/admin/probes/probe/{made.probe_id}/pause/", nothing, {ENGINEER}),
    "make a token": ("GET", lambda made: "/admin/statuspage/token/add/", nothing, {PAGE_ADMIN}),
    "add a subscriber": ("GET", lambda made: "/admin/subscribers/subscriber/add/", nothing, set()),
    "reset factors": ("POST", lambda made: f"/admin/auth/user/{made.person_id}/reset-factors/", nothing, {USER_ADMIN}),
    "change a person": ("POST", lambda made: f"/admin/auth/user/{made.person_id}/change/", nothing, {USER_ADMIN}),
    "delete an incident": ("POST", lambda made: f"/admin/incidents/incident/{made.public.pk}/delete/", nothing, set()),
}  # fmt: skip


@pytest.mark.usefixtures("snapshot_dir")
def test_each_role_may_do_its_acts_and_gets_403_for_every_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "_show", lambda now: None)  # neither disk nor looks are what is asked here
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", "")
    monkeypatch.setattr(page, "build_now", lambda now: None)
    monkeypatch.setattr(DeskSite, "each_context", lambda site, request: {})
    made = rows()
    clients = {role: sign_in(someone(role)) for role in ROLES}
    wrong = []
    for act, (method, path, data, allowed) in ACTS.items():
        for role, client in clients.items():
            before = transaction.savepoint()
            answer = client.generic(method, path(made)) if method == "GET" else client.post(path(made), data(made))
            transaction.savepoint_rollback(before)
            if (answer.status_code == 403) == (role in allowed):
                wrong.append(f"{role}: {act}: {answer.status_code}")
    assert wrong == [], "\n".join(wrong)


def test_a_superuser_cannot_sign_what_they_wrote() -> None:
    draft, superuser = a_draft(), UserFactory()
    client = sign_in(superuser)
    assert client.post(at(draft), form_of(draft, **OWN_WORDS)).status_code == 302
    answer = client.post(at(draft, "sign"))
    assert answer.status_code == 403
    assert "Another person must sign it" in answer.content.decode()
    draft.refresh_from_db()
    assert draft.signed_by_id != superuser.pk


# --- In the operations --------------------------------------------------------------------------


def test_an_operation_refuses_whoever_has_not_its_right_and_keeps_nothing() -> None:
    draft, now = a_draft(), timezone.now()
    with pytest.raises(NotPermitted, match=r"update\.publish"):
        publishing.publish_update(update_id=draft.pk, actor=someone(ENGINEER), now=now)
    with pytest.raises(NotPermitted):
        signing.sign(item=draft, signer=someone(AUTHOR), now=now)
    with pytest.raises(NotPermitted):
        signing.request(item=draft, actor=someone(AUDITOR), now=now)
    with pytest.raises(NotPermitted):
        notes.add_note(incident=draft.incident, author=someone(AUDITOR), text="Hello", now=now)
    draft.refresh_from_db()
    assert (draft.publication, draft.signature_requested_at) == ("draft", None)
    assert not InternalNote.objects.exists()
    assert not AuditEvent.objects.exclude(actor=None).exclude(act="notice.sign").exists()


def test_somebody_who_was_put_out_does_nothing_more() -> None:
    person = UserFactory(is_active=False)
    with pytest.raises(NotPermitted):
        signing.request(item=a_draft(), actor=person, now=timezone.now())


def test_a_translator_writes_the_other_language_and_nothing_else() -> None:
    draft, translator, now = a_draft(), someone(TRANSLATOR), timezone.now()
    words = by_language(draft.body)
    drafts.edit_update(update=draft, actor=translator, now=now, body={**words, "sw": "Subiri SMS yako."})
    draft.refresh_from_db()
    assert by_language(draft.body)["sw"] == "Subiri SMS yako."
    for change in ({"body": {**words, "en": "Other words."}}, {"status": "identified"}, {"deliver_notifications": False}):
        with pytest.raises(NotPermitted, match="words of other languages only"):
            drafts.edit_update(update=draft, actor=translator, now=now, **change)
    assert signing.has_written(translator, draft)


def test_what_is_not_in_the_table_of_rights_is_for_superusers_alone() -> None:
    author = someone(AUTHOR)
    assert not rights.may(author, "something.new")
    assert rights.may(UserFactory(), "something.new")


def test_every_act_that_is_logged_stands_in_the_table() -> None:
    """Acts of machines alone are left out: nobody needs a right for them."""
    of_machines = {"incident.draft", "subscriber.erase", "page.import", "data.export", "update.give_time_up"}
    sources = [path for app in ("incidents", "statuspage", "probes", "subscribers") for path in (ROOT / app).rglob("*.py")]
    named = {act for path in sources for act in re.findall(r"\bact=\"([a-z_]+\.[a-z_]+)\"", path.read_text())}
    assert named - of_machines - set(rights.RIGHTS) - rights.OF_ONESELF == set()


def test_every_right_is_a_permission_that_some_role_holds() -> None:
    given = {name for wanted in roles.ROLES.values() for name in wanted}
    assert {name for needed in rights.RIGHTS.values() for name in needed} - given == set()
