"""Statements on money and data, answers to claims, reviews and redress: from their rows to every page that owes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from incidents.languages import in_all
from incidents.models import Incident, StatementSignature
from incidents.words import IncidentStatus
from statuspage import answers, page_history, page_uptime, snapshot
from statuspage.snapshot import serving
from tests.factories import NOON, UserFactory
from tests.statuspage import rows
from tests.statuspage.test_public_pages import read, words_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]
Read = Callable[[str], str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.SNAPSHOT_DIR = tmp_path / "snapshot"
    return tmp_path / "snapshot"


@pytest.fixture
def ask(folder: Path) -> Read:
    """What stands at an address, as the app serves it."""
    reader = serving.SnapshotFirst(lambda environ, start: [], folder, clock=lambda: NOON.timestamp())

    def asked(path: str) -> str:
        place = serving.place_of(path)
        assert place is not None
        shelf = serving.Shelf(folder / "current")
        copies = [copy for file in reader._files(place, reader._is_live()) if (copy := shelf.take(file))]
        assert copies, path
        return copies[0].plain.content.decode()

    return asked


def open_incident(**fields: Any) -> Incident:
    incident: Incident = rows.publish(affected={rows.component(): "partial_outage"}, **fields).incident
    return incident


def resolved_incident(*, days_ago: float = 1, code: str = "send-money") -> Incident:
    """A major one."""
    part = rows.component(code)
    at = NOON - timedelta(days=days_ago)
    incident = rows.publish(at=at - timedelta(hours=2), affected={part: "major_outage"}).incident
    rows.publish(incident=incident, at=at, status=IncidentStatus.RESOLVED, affected={part: "operational"})
    Incident.objects.filter(pk=incident.pk).update(impact="major")
    incident.refresh_from_db()
    return incident


# --- Money and data ------------------------------------------------------------------------------


@pytest.mark.parametrize(("prefix", "body"), [("", "Balances are not changed."), ("/sw", "Kwa Kiswahili: Balances")])
def test_a_statement_that_stands_is_on_the_front_page_the_incident_the_text_and_the_poster(
    ask: Read, prefix: str, body: str
) -> None:
    incident = open_incident()
    rows.statement(incident)
    snapshot.refresh(now=NOON)
    for path in (f"{prefix}/", f"{prefix}/incidents/{incident.public_id}", f"{prefix}/text/", f"{prefix}/poster"):
        assert body in " ".join(ask(path).split()), path


def test_a_statement_that_was_taken_back_is_struck_out_with_its_reason_and_time(ask: Read) -> None:
    incident = open_incident()
    rows.withdrawal(rows.statement(incident), at=NOON + timedelta(minutes=5))
    snapshot.refresh(now=NOON + timedelta(minutes=6))
    for path in ("/", f"/incidents/{incident.public_id}"):
        html = ask(path)
        assert "<del>Balances are not changed.</del>" in html
        assert "Taken back: 12:05 pm EAT, 24 Nov 2026 . We were wrong." in words_of(html)
        assert html.count("Balances are not changed.") == 1
    text = " ".join(ask("/text/").split())
    assert "Balances" not in text
    assert "Taken back: 12:05 pm EAT. We were wrong." in text
    assert "Balances" not in ask("/poster")


@pytest.mark.parametrize(
    ("prefix", "about", "roles"),
    [
        ("", "About: Send money", "Signed by: Data protection officer, Head of security"),
        ("/sw", "Kuhusu: Kwa Kiswahili: Send", "Imetiwa sahihi na: Afisa wa Ulinzi wa Data, Mkuu wa Usalama"),
    ],
)
def test_a_statement_says_what_it_is_about_and_in_which_roles_it_was_signed_and_no_name(
    ask: Read, prefix: str, about: str, roles: str
) -> None:
    incident = open_incident()
    said = rows.statement(incident, "3", signature_hash="a" * 64)
    for role, signed in (("head_of_security", "a"), ("data_protection_officer", "a"), ("operations", "b")):  # of other words
        StatementSignature.objects.create(
            statement=said, role=role, signed_by=UserFactory(username=f"njeri-{role}"), signed_at=NOON, hash=signed * 64
        )
    snapshot.refresh(now=NOON)
    for path in (f"{prefix}/", f"{prefix}/incidents/{incident.public_id}"):
        html = ask(path)
        assert about in words_of(html), path
        assert f"{roles} " in words_of(html), path
        assert "njeri" not in html
    assert roles.partition(": ")[2] in ask(f"{prefix}/poster")


def test_a_statement_whose_words_were_signed_beforehand_says_so(ask: Read) -> None:
    incident = open_incident()
    rows.statement(incident, "0", signature_kind="notice", signature_hash="a" * 64, scope=incident.name)
    snapshot.refresh(now=NOON)
    said = words_of(ask(f"/incidents/{incident.public_id}"))
    assert "Written and signed in advance. True as of" in said
    assert "About:" not in said, "its incident by its name"


def test_of_two_statements_of_one_kind_the_newer_stands_and_the_older_is_folded_beneath(ask: Read) -> None:
    incident = open_incident()
    rows.statement(incident)
    rows.statement(incident, "2", at=NOON + timedelta(minutes=1), body=in_all(rows.both("It was no attack.")))
    snapshot.refresh(now=NOON + timedelta(minutes=2))
    said = words_of(ask(f"/incidents/{incident.public_id}"))
    assert said.index("It was no attack.") < said.index("Said before:") < said.index("Balances are not changed.")


def test_the_map_for_search_engines_names_each_public_review(ask: Read) -> None:
    reviewed, owed = resolved_incident(code="one"), resolved_incident(days_ago=4, code="two")
    rows.review(reviewed)
    snapshot.refresh(now=NOON)
    places = ask("/sitemap.xml")
    assert f"/sw/incidents/{reviewed.public_id}/review<" in places
    assert f"/incidents/{owed.public_id}<" in places
    assert f"/incidents/{owed.public_id}/review<" not in places


# --- Answers to claims ---------------------------------------------------------------------------


def test_an_answer_has_a_page_that_begins_with_the_fact_and_names_who_confirms_it(ask: Read) -> None:
    incident = open_incident()
    rows.rebuttal(incident=incident)
    snapshot.refresh(now=NOON)
    html = ask("/answers/a-technical-fault-delays-payments")
    said = words_of(html)
    order = [
        "A technical fault",
        "Baraka Mwangi",
        "It was <b>shut down</b>",
        "False.",
        "Nobody asked",
        "We did nothing",
    ]
    assert [said.index(words) for words in order] == sorted(said.index(words) for words in order)
    assert "<b>shut" not in html
    read = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)  # what programs read of it stands in the head
    assert "shut down" not in read.partition("</h1>")[0]
    assert 'lang="luo"' in html
    assert "neema" not in html
    assert f"/incidents/{incident.public_id}" in html
    assert "/answers/a-technical-fault-delays-payments" in ask(f"/incidents/{incident.public_id}")
    assert "Kwa Kiswahili: A queue stopped." in ask("/sw/answers/a-technical-fault-delays-payments")


def test_the_text_and_the_poster_say_the_fact_and_never_the_claim(ask: Read) -> None:
    rows.rebuttal()
    snapshot.refresh(now=NOON)
    for path in ("/text/", "/poster"):
        assert "A technical fault delays payments" in " ".join(ask(path).split())
        assert "shut down" not in ask(path)


def test_a_new_version_keeps_the_address_and_the_old_one_folded(ask: Read) -> None:
    first = rows.rebuttal()
    newer = in_all(rows.both("A broken queue delays payments"))
    rows.rebuttal(before=first, fact_headline=newer, at=NOON + timedelta(hours=1))
    snapshot.refresh(now=NOON + timedelta(hours=1))
    html = ask("/answers/a-technical-fault-delays-payments")
    assert "<h1" in html.partition("A broken queue delays payments</h1>")[0]
    said = words_of(html)
    assert "Version 2" in said
    assert said.index("Said before") < said.index("Version 1") < said.index("A technical fault delays payments")


def test_an_answer_that_was_taken_back_stays_struck_out_with_its_reason(ask: Read) -> None:
    rows.withdrawal(rows.rebuttal(), at=NOON + timedelta(minutes=5), note="The cause was another.")
    snapshot.refresh(now=NOON + timedelta(minutes=6))
    for path in ("/", "/answers", "/answers/a-technical-fault-delays-payments"):
        html = ask(path)
        assert "<del>A technical fault delays payments</del>" in html, path
        assert "The cause was another." in html, path
    assert "wa.me" not in ask("/answers/a-technical-fault-delays-payments")


def test_two_answers_with_the_same_fact_have_two_addresses() -> None:
    first, second = rows.rebuttal(), rows.rebuttal(at=NOON + timedelta(days=1))
    addresses = {answer.now.series: answer.address for answer in answers.answers()}
    assert addresses[first.series] == "a-technical-fault-delays-payments"
    assert addresses[second.series] == f"a-technical-fault-delays-payments-{second.series}"


def test_an_answer_nobody_looked_at_again_in_time_says_so(ask: Read) -> None:
    rows.rebuttal(review_date=NOON.date())
    snapshot.refresh(now=NOON)
    assert "Read it with care" not in ask("/answers/a-technical-fault-delays-payments")
    snapshot.refresh(now=NOON + timedelta(days=1))
    assert "Read it with care" in ask("/answers/a-technical-fault-delays-payments")


def test_without_any_answer_the_list_says_so(ask: Read) -> None:
    snapshot.refresh(now=NOON)
    assert "We have not had to answer a false claim." in ask("/answers")


# --- Reviews -------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "/sw"])
def test_a_review_is_on_its_incident_and_on_a_page_of_its_own(ask: Read, prefix: str) -> None:
    incident = resolved_incident()
    rows.review(incident)
    snapshot.refresh(now=NOON)
    for path in (f"{prefix}/incidents/{incident.public_id}", f"{prefix}/incidents/{incident.public_id}/review"):
        said = words_of(ask(path))
        for words in ("The cause of it.", "The measures of it.", "The apology of it.", "A second queue", "Platform team"):
            assert words in said, (path, words)
        assert ("2 h" in said) if not prefix else ("saa" in said)


def test_a_review_is_promised_then_overdue_at_its_time_without_anyones_act(ask: Read) -> None:
    incident = resolved_incident(days_ago=2.9)
    path = f"/incidents/{incident.public_id}"
    snapshot.refresh(now=NOON)
    assert "We publish what happened, and why, by 2:24 pm EAT, 24 Nov 2026" in words_of(ask(path))
    snapshot.refresh(now=NOON + timedelta(hours=2.4, seconds=5))
    assert "The review is overdue. We promised it by 2:24 pm EAT" in words_of(ask(path))
    assert "1 review is overdue." in words_of(ask("/history/2026-11"))


def test_the_cause_a_review_still_owes_becomes_late_at_its_time(ask: Read) -> None:
    incident = resolved_incident()
    rows.review(incident, cause_known=False, cause={}, cause_due_at=NOON + timedelta(minutes=30))
    path = f"/incidents/{incident.public_id}"
    snapshot.refresh(now=NOON)
    assert "The cause is not known yet: we say more by 12:30 pm EAT" in words_of(ask(path))
    snapshot.refresh(now=NOON + timedelta(minutes=31))
    assert "We owe you the cause, and it is late." in words_of(ask(path))
    assert "We owe you the cause, and it is late." in words_of(ask(f"{path}/review"))


def test_an_earlier_version_of_a_review_stays_folded(ask: Read) -> None:
    incident = resolved_incident()
    rows.review(incident, cause_known=False, cause={}, cause_due_at=NOON + timedelta(days=2))
    rows.review(incident, at=NOON + timedelta(hours=1))
    snapshot.refresh(now=NOON + timedelta(hours=1))
    said = words_of(ask(f"/incidents/{incident.public_id}/review"))
    assert "Version 2" in said
    assert said.index("The cause of it.") < said.index("Said before") < said.index("We do not know it yet.")


def test_what_was_closed_without_a_review_owes_none(ask: Read) -> None:
    incident = resolved_incident(days_ago=5)
    Incident.objects.filter(pk=incident.pk).update(closed_at=NOON - timedelta(days=1))
    snapshot.refresh(now=NOON)
    assert "overdue" not in words_of(ask(f"/incidents/{incident.public_id}"))


def test_overdue_reviews_are_counted_where_our_word_is_measured(folder: Path) -> None:
    resolved_incident(days_ago=5)
    rows.review(resolved_incident(days_ago=6, code="paybill"))
    assert page_uptime.build_uptime(NOON).trust[0][1].reviews_overdue == 1
    assert page_history.build_month("2026-11", now=NOON).trust.reviews_overdue == 1
    snapshot.refresh(now=NOON)
    assert "1 review is overdue." in words_of(read(folder, "archive/pages/uptime.html"))


# --- Was my payment hit? -------------------------------------------------------------------------


def test_who_paid_is_told_the_window_the_channel_and_how_it_is_made_good(ask: Read) -> None:
    incident = open_incident(channels=["ussd"])
    rows.redress(incident)
    snapshot.refresh(now=NOON)
    for path in ("/", f"/incidents/{incident.public_id}"):
        said = words_of(ask(path)).partition("Was my payment hit?")[2]
        assert "If you paid from 11:56 am EAT on. It is not over." in said.replace("  ", " "), path
        assert "With Send money" in said
        assert "USSD" in said
        assert "Made good by 29 Nov 2026" in said
        assert "This is complain." in said


def test_once_it_is_over_the_window_has_an_end(ask: Read) -> None:
    incident = resolved_incident(days_ago=0)
    snapshot.refresh(now=NOON)
    said = words_of(ask(f"/incidents/{incident.public_id}")).partition("Was my payment hit?")[2]
    assert "If you paid 9:56 am EAT – 12:00 pm EAT, 24 Nov 2026" in said
    assert "may have failed" in said
