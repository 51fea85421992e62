"""CSV: nobody comes in without proof that they agreed, and nobody's address goes out unwritten."""

from __future__ import annotations

import csv
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from incidents.models import AuditEvent
from subscribers import addresses, bounces, csv_files, phone_replies, subscriptions, suppression
from subscribers.csv_files import BadFile, TakenIn
from subscribers.models import Subscriber, Suppressed, Suppression
from tests.factories import NOON, ComponentFactory
from tests.subscribers.news import allowed, ask, reader

pytestmark = pytest.mark.django_db
HEAD = "channel,address,language,consent_at,consent_proof,components"
GOOD = "email,asha@customer.example,sw,2026-11-01T09:00:00+03:00,paper form 12 at the branch,"


@pytest.fixture
def officer() -> User:
    return allowed(User.objects.create_user("officer"), "add_subscriber", "export_subscriber")


def take_in(officer: User, *lines: str) -> TakenIn:
    return csv_files.take_in(file=StringIO("\n".join([HEAD, *lines])), actor=officer, now=NOON)


def test_who_agreed_elsewhere_is_subscribed_with_the_proof(officer: User) -> None:
    component = ComponentFactory()
    phone = f"sms,0711000111,en,2026-11-01T09:00:00+03:00,call 77,{component.code}"
    assert take_in(officer, GOOD, phone) == TakenIn(added=2, known=0, barred=0)
    asha = Subscriber.objects.get(channel="email")
    assert (asha.state, asha.language, asha.consent["proof"]) == ("active", "sw", "paper form 12 at the branch")
    assert asha.consent["imported_by"] == "officer"
    assert Subscriber.objects.get(channel="sms").subscriptions.get().component == component
    logged = AuditEvent.objects.get(act="subscriber.import")
    assert (logged.actor, logged.details["added"]) == (officer, 2)
    assert "asha" not in str(logged.details)


def test_a_file_taken_in_twice_changes_nothing(officer: User) -> None:
    take_in(officer, GOOD)
    before = Subscriber.objects.values().get()
    assert take_in(officer, GOOD) == TakenIn(added=0, known=1, barred=0)
    assert Subscriber.objects.values().get() == before


def test_who_left_after_they_agreed_stays_away_and_so_does_who_complained(officer: User) -> None:
    asha = reader("asha@customer.example")
    subscriptions.unsubscribe(subscriber=asha, now=NOON - timedelta(days=1))
    brian = addresses.hash_of("brian@customer.example")
    suppression.suppress(channel="email", address_hash=brian, reason=Suppressed.LEFT, now=NOON)
    assert take_in(officer, GOOD, GOOD.replace("asha", "brian")) == TakenIn(added=0, known=1, barred=1)
    assert not Subscriber.objects.active().exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("email,", "fax,"), "channel is one of"),
        (("asha@customer.example", "asha"), "email address is written in full"),
        ((",sw,", ",fr,"), "language is one of"),
        (("paper form 12 at the branch", " "), "proof of consent"),
        (("2026-11-01T09:00:00+03:00", "yesterday"), "time like"),
        (("2026-11-01T09:00:00+03:00", "2027-11-01T09:00:00+03:00"), "in the past"),
        (("2026-11-01T09:00:00+03:00", "2026-11-01T09:00:00"), "has a zone"),
        (("branch,", "branch,nothing-here"), "no service nothing-here"),
    ],
)
def test_one_bad_line_is_named_and_nobody_is_taken_in(officer: User, change: tuple[str, str], words: str) -> None:
    with pytest.raises(BadFile, match=f"(?s)Line 3: .*{words}") as refusal:
        take_in(officer, GOOD, GOOD.replace(*change))
    assert "asha@" not in str(refusal.value)
    assert not Subscriber.objects.exists()


def test_who_comes_in_begins_with_no_bounce_even_if_their_address_bounced_before(officer: User) -> None:
    asha = reader("asha@customer.example", now=NOON - timedelta(days=60))
    bounces.bounced(subscriber=asha, now=NOON - timedelta(days=50))
    bounces.bounced(subscriber=asha, now=NOON - timedelta(days=49))
    assert take_in(officer, GOOD, GOOD.replace("asha", "brian")) == TakenIn(added=2, known=0, barred=0)
    assert set(Subscriber.objects.values_list("state", "hard_bounces")) == {("active", 0)}
    bounces.bounced(subscriber=asha, now=NOON)
    asha.refresh_from_db()
    assert (asha.state, asha.hard_bounces) == ("active", 1)


def test_neither_a_stranger_nor_being_forgotten_makes_an_older_consent_count(officer: User) -> None:
    """GOOD says that they agreed before they left."""
    subscriptions.unsubscribe(subscriber=reader("asha@customer.example"), now=NOON - timedelta(days=1))
    ask("asha@customer.example", now=NOON)
    assert subscriptions.purge_unconfirmed(now=NOON + timedelta(days=8)) == 1
    assert take_in(officer, GOOD) == TakenIn(added=0, known=1, barred=0)
    subscriptions.erase(subscriber=Subscriber.objects.get(), now=NOON)
    assert take_in(officer, GOOD) == TakenIn(added=0, known=0, barred=1)


def test_a_consent_given_after_they_had_left_counts_and_ends_the_suppression(officer: User) -> None:
    phone_replies.take_text(number="+254711000111", text="STOP", now=NOON - timedelta(days=90))
    assert take_in(officer, "sms,+254711000111,en,2026-11-01T09:00:00+03:00,call 77,").added == 1
    assert not Suppression.objects.exists()


def test_other_columns_are_refused(officer: User) -> None:
    with pytest.raises(BadFile, match="consent_proof"):
        csv_files.take_in(file=StringIO("channel,address\nemail,a@b.example\n"), actor=officer, now=NOON)


def test_what_goes_out_is_logged_first_and_no_field_runs_in_a_spreadsheet(officer: User) -> None:
    reader("asha@customer.example")
    take_in(officer, "sms,+254711000111,en,2026-11-01T09:00:00+03:00,call 77,")
    lines = csv_files.give_out(rows=Subscriber.objects.all(), actor=officer, reason="moving house", now=NOON)
    logged = AuditEvent.objects.get(act="subscriber.export")
    assert (logged.details, logged.actor) == ({"rows": 2, "reason": "moving house"}, officer)
    rows = list(csv.DictReader(StringIO("".join(lines))))
    assert [row["address"] for row in rows] == ["asha@customer.example", "'+254711000111"]
    assert rows[0]["hears_of"] == "incidents planned_work"


def test_commands_do_the_same_and_ask_who_it_is(officer: User, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(f"{HEAD}\n{GOOD}\n")
    call_command("import_subscribers", tmp_path / "in.csv", by="officer", stdout=(said := StringIO()))
    assert said.getvalue().startswith("1 added")
    call_command("export_subscribers", by="officer", reason="a test", stdout=(out := StringIO()))
    assert "asha@customer.example" in out.getvalue()
    with pytest.raises(CommandError, match="no account"):
        call_command("export_subscribers", by="nobody", reason="a test")
    allowed(User.objects.create_user("writer"))
    with pytest.raises(CommandError, match="roles do not let you"):
        call_command("export_subscribers", by="writer", reason="a test")
    with pytest.raises(CommandError, match="roles do not let you"):
        call_command("import_subscribers", tmp_path / "in.csv", by="writer")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_subscribers", tmp_path / "none.csv", by="officer")
