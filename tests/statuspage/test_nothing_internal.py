"""What is for staff reaches nobody else: it is planted everywhere staff can write, and looked for in everything we give away."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import brotli
import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from pytest_django.plugin import DjangoDbBlocker

from incidents import (
    breaches,
    breaking_glass,
    claims,
    components,
    documents,
    drafts,
    notes,
    planned_work,
    rebutting,
    record,
    signing,
    stating,
    ticks,
    timeline,
    times,
    withdrawing,
)
from incidents.languages import in_all
from incidents.models import (
    Announcement,
    Component,
    Correction,
    Dependency,
    Incident,
    IncidentUpdate,
    MaintenanceUpdate,
    Notice,
    Rebuttal,
    Redress,
    Review,
    Statement,
    Withdrawal,
)
from incidents.models.publishable import Document
from incidents.rebuttals import Evidence, LegalBasis, State
from incidents.statements import Level, Role
from statuspage import answers, grounds, page, publishing, roles, snapshot
from tests.factories import ComponentFactory, UserFactory
from tests.incidents.helpers import all_notices, safety_notices
from tests.incidents.test_incident_facts import at
from tests.incidents.test_rebuttals import TODAY, WHOLE, both
from tests.serving import rows_for_a_module
from tests.statuspage.conftest import MFANO_PESA
from tests.subscribers import news

pytestmark = [pytest.mark.long, pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]

# Words of staff, and what nobody's words may carry out: a phone, an address, a payment's number, a token.
SECRET = "zebra seven +254711000111 private@customer.example ws_CO_24112026120000 tok9f8e7d"
LEAKS = ("zebra", "254711000111", "private@customer", "ws_co_", "tok9f8e7d", "asha@customer", "planted-")
BOTH = {"en": SECRET, "sw": SECRET}


def person(*groups: str, **fields: Any) -> User:
    """Somebody whose every name is a secret too."""
    made: User = UserFactory(first_name=SECRET, last_name=SECRET, **fields)
    made.groups.set(Group.objects.filter(name__in=groups))
    return User.objects.get(pk=made.pk)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where everything was said to."""
    folder = tmp_path_factory.mktemp("told")
    return {"SNAPSHOT_DIR": folder / "snapshot", "MAIL_DIR": folder / "mail", "OUTLET_DIR": folder / "outlets"}


@pytest.fixture(scope="module", autouse=True)
def everything_said(django_db_setup: None, django_db_blocker: DjangoDbBlocker, folders: dict[str, Path]) -> Iterator[Incident]:
    """For all tests of the module: it takes longer than they do."""
    backend = "subscribers.transports.eml_folder.EmailBackend"
    with rows_for_a_module(django_db_blocker, EMAIL_BACKEND=backend, **folders, **MFANO_PESA):
        news.set_up(settings)
        yield say_everything()


@pytest.fixture
def told(everything_said: Incident) -> Incident:
    """A public incident of which everything was said that can be, with SECRET wherever only staff reads."""
    return Incident.objects.get(pk=everything_said.pk)


def say_everything() -> Incident:
    roles.sync()
    safety_notices()
    notices = all_notices()
    part = ComponentFactory(code="paybill")
    news.reader("asha@customer.example", "sw", now=at(-60))
    timeline.observe(component=part, status="partial_outage", since=at(0), now=at(0), evidence={"saw": SECRET})
    first = publishing.publish_notice(component=part, notice=notices["down"], actor=person(), now=at(0))
    incident = Incident.objects.get(pk=first.incident_id)
    _about_the_incident(incident, part)
    _behind_it(part)
    _alone(incident, part)
    _statements(incident)
    _claims(incident)
    _without_an_incident(part)
    _gone()
    _drafts(incident, first)
    return incident


def _about_the_incident(incident: Incident, part: Component) -> None:
    staff = person()
    notes.add_note(incident=incident, author=staff, text=SECRET, now=at(1))
    times.set_time(incident=incident, field="started_at", value=at(-5), reason=SECRET, actor=staff, now=at(1))
    times.set_impact(incident=incident, impact="critical", reason=SECRET, actor=staff, now=at(1))
    components.set_override(component=part, status="delayed", reason=SECRET, expires_at=at(600), actor=staff, now=at(1))


def _behind_it(part: Component) -> None:
    """A part that the service needs, which is never public, and fails too."""
    core = ComponentFactory(code="zebra-core", internal=True, name=in_all(BOTH), description=in_all(BOTH), owner=SECRET)
    Dependency.objects.create(component=part, needs=core)
    timeline.observe(component=core, status="major_outage", since=at(0), now=at(1), evidence={"saw": SECRET})
    assert components.proposals(component=core, status="major_outage")


def _alone(incident: Incident, part: Component) -> None:
    """Words published alone, with an engineer's tick, sent back once, against the probes: each with a reason for staff."""
    alone, engineer = person(), person(roles.ENGINEER)
    alone.user_permissions.add(Permission.objects.get(codename="break_glass"))
    update = drafts.add_update(
        incident=incident,
        status="identified",
        body={"en": "You get a refund.", "sw": "Utarudishiwa pesa."},
        affected={part: "delayed"},
        next_update_by=at(60),
        author=alone,
        now=at(2),
    )
    signing.send_back(item=update, signer=person(), reason=SECRET, now=at(2))
    ticks.tick(item=update, code="refund", engineer=engineer, ground=SECRET, now=at(2))
    breaking_glass.break_glass(update=update, actor=User.objects.get(pk=alone.pk), reason=SECRET, now=at(2))
    publishing.publish_update(update_id=update.pk, actor=alone, now=at(3), reason=SECRET)


def _statements(incident: Incident) -> None:
    staff = person()
    grounds.set_security(incident=incident, value="no", reason=SECRET, actor=staff, now=at(4))
    known = {"triage": SECRET, "log_review": SECRET, "reconciliation": SECRET}
    grounds.note(incident=incident, actor=staff, now=at(4), **known)
    statement = stating.draft(incident=incident, level=Level.NO_SIGN, author=staff, now=at(5))
    held = {Role.HEAD_OF_SECURITY}
    stating.sign(statement=statement, role=Role.HEAD_OF_SECURITY, held=held, signer=person(), now=at(5))
    publishing.publish_statement(statement=statement, actor=staff, now=at(6))
    breach = grounds.open_breach(incident=incident, reason=SECRET, actor=staff, now=at(7))
    breaches.close_breach(breach=breach, finding=SECRET, actor=staff, now=at(8))


def _claims(incident: Incident) -> None:
    staff = person()
    claim = claims.log_claim(
        words=SECRET,
        language="en",
        where=SECRET,
        link="https://forward.example/zebra%20seven",
        copies=[SECRET],
        first_seen=TODAY,
        actor=staff,
        now=at(0),
        incident=incident,
    )
    claims.move(claim=claim, to=State.ASSESSING, actor=staff, now=at(1), reason=SECRET)
    law = LegalBasis("Act", "s.1", both("It protects data."), "https://law.example", SECRET)
    answer = replace(WHOLE, evidence=(Evidence(both("A log"), TODAY, SECRET),), legal_basis=(law,))
    rebuttal = rebutting.draft(claim=claim, answer=answer, author=staff, now=at(2), incident=incident)
    rebutting.send_to_lawyers(rebuttal=rebuttal, actor=staff, now=at(2))
    rebutting.approve(rebuttal=rebuttal, signer=person(), now=at(3))
    publishing.publish_rebuttal(rebuttal=rebuttal, actor=staff, now=at(4))


def _without_an_incident(part: Component) -> None:
    """Planned work and an announcement, published by people; another announcement taken back with a reason."""
    for reason in ("", SECRET):
        words = {"title": in_all(both("We never ask for your PIN")), "body": in_all(both("Hang up."))}
        draft = documents.add(document=Announcement(starts_at=at(0), **words), author=person(), now=at(4))
        signed = signing.sign(item=draft, signer=person(), now=at(4))
        public = publishing.publish_announcement(announcement=signed, actor=person(), now=at(4))
        if reason:
            publishing.withdraw_announcement(announcement=public, reason=reason, actor=person(), now=at(5))
    planned = _planned(part, both("New disks"))
    publishing.publish_maintenance(update=signing.sign(item=planned, signer=person(), now=at(5)), actor=person(), now=at(5))
    dropped = planned_work.step(planned=planned.maintenance, status="cancelled", body=BOTH, author=person(), now=at(6))
    documents.discard(document=dropped, actor=person(), now=at(6), reason=SECRET)


def _planned(part: Component, words: dict[str, str]) -> MaintenanceUpdate:
    times = {"starts_at": at(600), "ends_at": at(660), "now": at(4)}
    return planned_work.plan(name=words, body=words, expected={part: "delayed"}, author=person(), **times)


def _gone() -> None:
    """An incident that was withdrawn by two people, with a reason."""
    part = ComponentFactory(code="airtime")
    timeline.observe(component=part, status="delayed", since=at(1), now=at(1), evidence={"saw": SECRET})
    notice = Notice.objects.get(code="delayed")
    said = publishing.publish_notice(component=part, notice=notice, actor=person(), now=at(1))
    two = {"requested_by": person(), "approved_by": person()}
    publishing.withdraw_incident(incident=said.incident, reason=SECRET, now=at(2), **two)


def _drafts(incident: Incident, first: IncidentUpdate) -> None:
    """One draft of each kind of document, and an incident nobody has heard of."""
    staff, public = person(), Statement.objects.published().first()
    assert public is not None
    words: dict[str, Any] = dict.fromkeys(("who", "how", "complain"), in_all(BOTH))
    documents.add(document=Redress(incident=incident, good_by=date(2026, 12, 1), **words), author=staff, now=at(9))
    documents.add(document=Correction(update=first, body=in_all(BOTH), reason=in_all(BOTH)), author=staff, now=at(9))
    stating.draft(incident=incident, level=Level.NO_SIGN, author=staff, now=at(9), scope=BOTH)
    withdrawing.draft(of=public, note=BOTH, author=staff, now=at(9))
    review: dict[str, Any] = dict.fromkeys(("cause", "measures", "apology", "compensation"), in_all(BOTH))
    documents.add(document=Review(incident=incident, **review), author=staff, now=at(9))
    documents.add(document=Announcement(title=in_all(BOTH), body=in_all(BOTH), starts_at=at(0)), author=staff, now=at(9))
    _planned(Component.objects.get(code="paybill"), BOTH)
    claim = claims.log_claim(words=SECRET, language="en", where=SECRET, first_seen=TODAY, actor=staff, now=at(9))
    claims.move(claim=claim, to=State.ASSESSING, actor=staff, now=at(9))
    answer = replace(WHOLE, what_is_true=BOTH, fact_headline=BOTH, claim=replace(WHOLE.claim, quote=SECRET))
    rebutting.draft(claim=claim, answer=answer, author=staff, now=at(9))
    hidden = drafts.open_draft(component=ComponentFactory(code="till"), status="delayed", since=at(9), now=at(9), author=staff)
    drafts.edit_update(update=hidden, actor=staff, now=at(9), name=BOTH, body=BOTH, more={"what_to_do": BOTH})


def given_away() -> Iterator[tuple[str, str]]:
    """(name, text) of everything outsiders can read: files, mails, the export, and the values that faces are made of."""
    for root in (settings.SNAPSHOT_DIR, settings.MAIL_DIR):
        for path in sorted(Path(root).rglob("*")):
            if path.is_file():
                raw = path.read_bytes()
                unpack = {".gz": gzip.decompress, ".br": brotli.decompress}.get(path.suffix, bytes)
                text = unpack(raw).decode(errors="replace")  # a picture is no text
                own = "asha@customer.example" if root == settings.MAIL_DIR else "\0"  # a mail names its reader
                yield str(path.relative_to(root)), text.replace(own, "")
    out = StringIO()
    call_command("export_record", stdout=out)
    yield "export", out.getvalue()
    now = page.build_now(at(20))
    yield "page", repr(now)
    ids = [incident.public_id for incident in now.recent]
    yield "incidents", repr(page.build_incidents(ids, now=at(20)))
    yield "statements", repr(answers.statements_of(ids))
    yield "answers", repr(answers.answers())


def test_nothing_for_staff_is_in_anything_we_give_away(told: Incident, settings: Any, folders: dict[str, Path]) -> None:
    for name, folder in folders.items():
        setattr(settings, name, folder)
    settings.CALLBACK_TOKEN = settings.METRICS_TOKEN = "planted-token"
    news.tell(now=at(10))
    snapshot.refresh(now=at(20), force=True)
    found = dict(given_away())
    kinds = {Path(name).suffix for name in found}
    faces = {".html", ".json", ".atom", ".rss", ".cap", ".ics", ".svg", ".png", ".xml", ".js", ".txt", ".csv", ".jsonl", ".gz"}
    assert {*faces, ".ico", ".eml", ""} <= kinds
    assert [(name, leak) for name, text in found.items() for leak in LEAKS if leak in text.lower()] == []
    # It was looked for where words are: what is public is there.
    assert "So far we have seen no sign" in found["statements"]
    assert "A technical fault stopped payments" in found["answers"]
    assert any("You get a refund." in text for name, text in found.items() if name.endswith(".html"))
    assert Withdrawal.objects.published().exists()


def test_the_secrets_are_planted(told: Incident) -> None:
    """Else the walk above would prove nothing."""
    out = StringIO()
    call_command("dumpdata", "incidents", stdout=out)
    assert out.getvalue().count(SECRET) > 60


def test_a_draft_of_every_kind_of_document_holds_the_secret(told: Incident) -> None:
    """So that a kind that is new is walked too."""
    without = [
        kind for kind, model in record.document_kinds().items() if not any(map(_is_secret_draft, model._default_manager.all()))
    ]
    assert without == []


def _is_secret_draft(document: Document) -> bool:
    return not document.is_published and any(SECRET in text for text in document.texts().values())


def test_a_statement_that_was_replaced_or_taken_back_is_told_as_such(told: Incident) -> None:
    [checking_again, no_sign, advice, checking] = answers.statements_of([told.public_id])[told.public_id]
    assert [one.level for one in (checking_again, no_sign, advice, checking)] == ["0", "1", "advice", "0"]
    assert [one.stands for one in (checking_again, no_sign, advice, checking)] == [True, False, True, False]
    assert no_sign.taken_back is not None
    assert no_sign.taken_back.at == at(7)
    assert no_sign.taken_back.note["sw"].startswith("Tumeondoa taarifa hii")


def test_an_answer_is_told_with_its_versions(told: Incident) -> None:
    [answer] = answers.answers()
    assert (answer.now.slug, answer.now.version, answer.earlier) == ("a-technical-fault-stopped-payments-on-24-november", 1, ())
    assert answer.now.incident == told.public_id
    row = rebutting.start_review(rebuttal=Rebuttal.objects.published().get(), actor=person(), now=at(60))
    later = TODAY + timedelta(days=60)
    renewed = rebutting.renew(rebuttal=row, review_date=later, author=person(), now=at(61))
    rebutting.approve(rebuttal=renewed, signer=person(), now=at(61))
    publishing.publish_rebuttal(rebuttal=renewed, actor=None, now=at(62))
    [answer] = answers.answers()
    assert (answer.now.version, answer.now.review_date, [one.version for one in answer.earlier]) == (2, later, [1])
    assert answer.now.evidence == ({"what": both("A log"), "dated": "2026-11-24"},)
