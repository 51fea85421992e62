from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation.template import templatize

from incidents import planned_work, times
from incidents.languages import in_all
from incidents.models import Component, ComponentGroup, Incident
from incidents.words import ComponentStatus, IncidentStatus
from statuspage import page, state_words
from tests.factories import NOON, ComponentFactory, IncidentFactory, ProbeScheduleFactory, UserFactory
from tests.incidents.plans import BODY, announced, at, publish, tick
from tests.statuspage import rows

pytestmark = [pytest.mark.long, pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]


def test_all_working_is_said_in_both_languages() -> None:
    rows.component(observed_status="operational")
    now = page.build_now(NOON)
    assert now.sentence == {"en": "Everything is working", "sw": "Huduma zote zinafanya kazi kawaida"}
    assert now.count["en"] == "1 of 1 service is working"
    assert now.action is None
    assert now.promise is None


def test_who_measures_a_service_is_said_once_and_on_its_own_page() -> None:
    rows.component("watched", observed_status="operational")
    rows.component("unwatched", name=in_all({"en": "Airtime", "sw": "Muda wa maongezi"}))
    now = page.build_now(NOON)
    assert now.measured is not None
    assert now.measured["en"] == "Our probes measure Send money. All others are reported by our staff."
    sources = {part.facts.code: part.source["en"] for group in now.groups for part in group.components}
    assert sources == {"watched": "Measured by our probes", "unwatched": "Reported by our staff, not measured"}


@pytest.mark.parametrize(
    ("watched", "said"),
    [
        ([True, True], "All services here are measured by our probes."),
        ([False, False], "All services here are reported by our staff, not measured."),
        ([True, True, False], "Our staff report Send money. All others are measured by our probes."),
    ],
)
def test_the_shorter_list_is_the_one_that_is_named(watched: list[bool], said: str) -> None:
    for number, is_watched in enumerate(watched):
        rows.component(f"part-{number}", observed_status="operational" if is_watched else "")
    measured = page.build_now(NOON).measured
    assert measured is not None
    assert measured["en"] == said


def test_a_long_list_of_services_is_cut_and_counted() -> None:
    for number in range(9):
        rows.component(f"part-{number}", status="delayed")
    rows.component("fine")
    assert page.build_now(NOON).lead["en"].startswith("Delayed: Send money, Send money, Send money, Send money and 5 more.")


def test_what_to_do_is_what_was_stated_last() -> None:
    part = rows.component()
    told = in_all({"en": "Use the USSD menu.", "sw": "Tumia menyu ya USSD."})
    incident = rows.publish(affected={part: "delayed"}, what_to_do=told).incident
    rows.publish(incident=incident, at=NOON + timedelta(minutes=5))
    assert page.build_now(NOON).action == {"en": "Use the USSD menu.", "sw": "Tumia menyu ya USSD."}
    assert page.build_incident(incident.public_id, now=NOON).action == {"en": "Use the USSD menu.", "sw": "Tumia menyu ya USSD."}


def test_an_incident_page_says_what_to_do_until_it_is_over() -> None:
    part = rows.component()
    incident = rows.publish(affected={part: "major_outage"}).incident
    told = page.build_incident(incident.public_id, now=NOON).action
    assert told is not None
    assert told["en"].startswith("Do not try again until this page says it is working.")
    rows.publish(incident=incident, status=IncidentStatus.RESOLVED, affected={part: "operational"})
    assert page.build_incident(incident.public_id, now=NOON).action is None


def test_how_trouble_spread_is_a_row_a_change_of_the_services_it_names() -> None:
    one, other = rows.component("one"), rows.component("other")
    incident = rows.publish(affected={one: "delayed"}).incident
    rows.publish(incident=incident, at=NOON + timedelta(minutes=5))
    rows.publish(incident=incident, at=NOON + timedelta(minutes=9), affected={other: "major_outage"})
    spread = page.build_incident(incident.public_id, now=NOON).spread
    assert [row.statuses for row in spread] == [("delayed", "operational"), ("delayed", "major_outage")]
    alone = rows.publish(affected={one: "delayed"}).incident
    assert page.build_incident(alone.public_id, now=NOON).spread == ()


def test_promises_of_an_incident_are_counted_and_a_missed_one_is_said() -> None:
    incident = rows.publish(next_update_by=NOON + timedelta(minutes=20)).incident
    rows.publish(incident=incident, at=NOON + timedelta(minutes=24), next_update_by=NOON + timedelta(minutes=40))
    rows.publish(incident=incident, at=NOON + timedelta(minutes=39), next_update_by=NOON + timedelta(minutes=50))
    built = page.build_incident(incident.public_id, now=NOON)
    assert built.promises == (1, 2)
    assert not built.is_late
    incident.missed_promises.create(promised_by=NOON + timedelta(minutes=50), record_seq=999)
    assert page.build_incident(incident.public_id, now=NOON).is_late


@pytest.mark.parametrize(
    ("statuses", "english", "kiswahili"),
    [
        (["major_outage", "operational"], "Send money is not working", "Huduma ya Tuma pesa haipatikani"),
        (["major_outage", "major_outage", "delayed"], "Some services are not working", "Baadhi ya huduma hazipatikani"),
        (["major_outage", "major_outage"], "No service is working", "Huduma zote hazipatikani"),
        (
            ["partial_outage", "delayed"],
            "Send money is not working for some people",
            "Huduma ya Tuma pesa haipatikani kwa baadhi ya wateja",
        ),
        (["degraded_performance", "delayed"], "Send money is slow", "Huduma ya Tuma pesa inafanya kazi polepole"),
        (["delayed", "unknown"], "Send money is delayed", "Huduma ya Tuma pesa inachelewa"),
        (["unknown", "operational"], "We can’t confirm Send money", "Hatuwezi kuthibitisha huduma ya Tuma pesa"),
        (["unknown", "under_maintenance", "unknown"], "We can’t confirm some services", "Hatuwezi kuthibitisha baadhi ya huduma"),
        (["under_maintenance", "operational"], "Planned work is going on", "Matengenezo yaliyopangwa yanaendelea"),
    ],
)
def test_the_worst_state_makes_the_sentence(statuses: list[str], english: str, kiswahili: str) -> None:
    for number, status in enumerate(statuses):
        rows.component(f"part-{number}", status=status)
    assert page.build_now(NOON).sentence == {"en": english, "sw": kiswahili}


@pytest.mark.parametrize("status", ComponentStatus.values)
def test_every_status_has_a_word_of_its_own_in_every_language(status: str) -> None:
    others = [state_words.status_word(other) for other in ComponentStatus.values if other != status]
    for code, word in state_words.status_word(status).items():
        assert word
        assert word not in [other[code] for other in others]


def test_silent_probes_name_the_component_and_the_time() -> None:
    rows.component("a", status="unknown", status_since=NOON, observed_status="unknown")
    rows.component("b", name=in_all({"en": "Pay a bill", "sw": "Lipa bili"}))
    said = page.build_now(NOON + timedelta(minutes=3)).lead
    assert said["en"].startswith("Our probes have seen nothing of Send money since 12:00 pm EAT, 24 Nov 2026.")
    assert "Other services are working." in said["en"]
    assert "tangu 12:00 EAT, 24 Novemba 2026" in said["sw"]


def test_what_nobody_knows_of_is_never_counted_as_not_as_usual() -> None:
    for place, status in enumerate(["major_outage"] * 2 + ["delayed"] * 2 + ["unknown"] * 3):
        name = in_all({"en": f"A long name of a service {place}", "sw": f"Jina refu la huduma {place}"})
        rows.component(f"part-{place}", status=status, observed_status=status, name=name)
    lead = page.build_now(NOON).lead
    down = "A long name of a service 0 and A long name of a service 1"
    assert lead["en"] == f"Not working: {down}. Not as usual: 2 other services. Not confirmed: 3 services."
    assert lead["sw"].endswith(" Si kama kawaida: huduma nyingine 2. Hazijathibitishwa: huduma 3.")


def test_one_silent_service_is_named_in_the_short_form_too() -> None:
    for place, status in enumerate(["major_outage"] * 5 + ["delayed"] * 2 + ["unknown"]):
        rows.component(f"part-{place}", status=status, observed_status=status, name=in_all(rows.both(f"A long name {place}")))
    lead = page.build_now(NOON).lead["en"]
    assert "Not as usual: 2 other services. Our probes see nothing of A long name 7." in lead


def test_the_lead_names_every_service_that_is_not_working_as_it_should() -> None:
    rows.component("a", status="partial_outage")
    rows.component("b", status="delayed", name=in_all({"en": "Pay a bill", "sw": "Lipa bili"}))
    rows.component("c", status="delayed", name=in_all({"en": "Airtime", "sw": "Muda wa maongezi"}))
    rows.component("d")
    lead = page.build_now(NOON).lead
    assert lead["en"] == "Delayed: Pay a bill and Airtime. Other services are working."
    assert lead["sw"] == "Inachelewa: Lipa bili na Muda wa maongezi. Huduma nyingine zinafanya kazi."


@pytest.mark.parametrize(
    ("phase", "english"),
    [
        (IncidentStatus.INVESTIGATING, "We are looking into a problem"),
        (IncidentStatus.IDENTIFIED, "We are looking into a problem"),
        (IncidentStatus.MONITORING, "It is working again. We are watching it"),
    ],
)
def test_nothing_is_called_working_while_a_published_incident_is_open(phase: str, english: str) -> None:
    rows.component()
    rows.publish(status=phase)
    assert page.build_now(NOON).sentence["en"] == english


def test_a_closed_incident_leaves_the_page_green() -> None:
    part = rows.component()
    first = rows.publish(affected={part: "delayed"})
    rows.publish(incident=first.incident, status=IncidentStatus.RESOLVED, affected={part: "operational"})
    now = page.build_now(NOON)
    assert now.sentence["en"] == "Everything is working"
    assert not now.open_incidents
    assert [incident.public_id for incident in now.closed] == [first.incident.public_id]


def test_drafts_do_not_exist_for_the_page() -> None:
    rows.draft()
    open_incident = rows.publish().incident
    rows.draft(incident=open_incident)
    now = page.build_now(NOON)
    assert [incident.facts.public_id for incident in now.open_incidents] == [open_incident.public_id]
    assert rows.SECRET not in repr(now)
    assert rows.SECRET not in repr(page.build_incident(open_incident.public_id, now=NOON))


def test_a_draft_incident_has_no_page() -> None:
    with pytest.raises(Incident.DoesNotExist):
        page.build_incident(rows.draft().incident.public_id, now=NOON)


def test_a_disabled_component_is_not_shown() -> None:
    rows.component(enabled=False, status="major_outage")
    now = page.build_now(NOON)
    assert now.groups == ()
    assert now.sentence["en"] == "No services are listed yet"


def test_open_incidents_come_by_their_newest_word() -> None:
    old = rows.publish(at=NOON - timedelta(hours=3)).incident
    new = rows.publish(at=NOON - timedelta(hours=1)).incident
    rows.publish(incident=old, at=NOON)
    now = page.build_now(NOON)
    assert [incident.facts.public_id for incident in now.open_incidents] == [old.public_id, new.public_id]
    assert [update.facts.display_at for update in now.open_incidents[0].updates] == [NOON, NOON - timedelta(hours=3)]


def test_a_promise_that_has_passed_is_late() -> None:
    rows.publish(next_update_by=NOON + timedelta(minutes=30))
    kept = page.build_now(NOON + timedelta(minutes=30)).promise
    late = page.build_now(NOON + timedelta(minutes=30, seconds=1)).promise
    assert kept == page.Promise(NOON + timedelta(minutes=30), late=False)
    assert late == page.Promise(NOON + timedelta(minutes=30), late=True)


def test_each_word_knows_whether_it_came_when_promised() -> None:
    first = rows.publish(next_update_by=NOON + timedelta(minutes=20))
    rows.publish(incident=first.incident, at=NOON + timedelta(minutes=24))
    newest, oldest = page.build_incident(first.incident.public_id, now=NOON).incident.facts.updates
    assert newest.lateness == timedelta(minutes=4)
    assert oldest.promised_by is None
    assert oldest.lateness == timedelta()


def test_affected_services_show_what_they_are_now_at_home_and_what_was_stated_on_the_incident_page() -> None:
    part = rows.component(observed_status="operational")
    incident = rows.publish(affected={part: "partial_outage"}).incident
    Component.objects.filter(pk=part.pk).update(status="operational")
    assert page.build_now(NOON).open_incidents[0].affected[0].status == "operational"
    assert page.build_incident(incident.public_id, now=NOON).incident.affected[0].status == "partial_outage"


def test_a_closed_incident_says_what_it_was_about() -> None:
    part = rows.component()
    incident = rows.publish(affected={part: "delayed"}).incident
    rows.publish(incident=incident, affected={part: "partial_outage"})
    rows.publish(incident=incident, status=IncidentStatus.RESOLVED, affected={part: "operational"})
    shown = page.build_incident(incident.public_id, now=NOON)
    assert shown.title["en"] == "Fixed: Payments are late"
    assert [item.status for item in shown.incident.affected] == ["partial_outage"]


def test_the_record_and_the_newest_outcome_are_named() -> None:
    ProbeScheduleFactory(last_outcome_at=NOON - timedelta(seconds=4))
    seq = rows.publish().record_seq
    now = page.build_now(NOON)
    assert now.data_as_of == NOON - timedelta(seconds=4)
    assert now.record.seq == seq
    assert len(now.record.hash) == 64
    assert now.updated_at == NOON


def test_above_24_services_the_band_has_one_shape_a_group() -> None:
    ComponentFactory.create_batch(24)
    assert len(page.build_now(NOON).band) == 24
    ComponentFactory(status="delayed")
    assert page.build_now(NOON).band == ("delayed",)


def test_the_page_asks_the_same_few_questions_however_much_there_is(django_assert_num_queries: Any) -> None:
    part = rows.component()
    rows.publish(affected={part: "delayed"})
    announced({part: ""})
    page.build_now(NOON)  # what is over, and what services showed, was read before
    rows.publish(affected={part: "partial_outage"})
    with django_assert_num_queries(24):
        page.build_now(NOON)
    for number in range(6):
        other = rows.component(f"part-{number}")
        first = rows.publish(affected={other: "delayed"})
        rows.publish(incident=first.incident, affected={other: "partial_outage"})
        announced({part: "", other: ""})
    with django_assert_num_queries(24):
        page.build_now(NOON)


def test_what_is_over_is_not_read_again_until_an_entry_names_it() -> None:
    part = rows.component()
    over = rows.publish(affected={part: "delayed"}).incident
    rows.publish(incident=over, status="resolved", affected={part: "operational"}, at=NOON + timedelta(minutes=5))
    later = NOON + timedelta(minutes=6)
    before = page.build_now(later).lately[0]
    assert page.build_now(later).lately[0] is before
    times.set_impact(incident=over, impact="critical", reason="Counted again.", actor=UserFactory(), now=later)
    assert [one.impact for one in page.build_now(later).lately] == ["critical"]
    assert before.impact != "critical"


def test_a_service_named_anew_is_named_so_in_what_is_over() -> None:
    part = rows.component()
    over = rows.publish(affected={part: "delayed"}).incident
    rows.publish(incident=over, status="resolved", affected={part: "operational"}, at=NOON + timedelta(minutes=5))
    before = page.build_now(NOON).lately[0]
    ComponentGroup.objects.filter(pk=part.group_id).update(name=in_all({"en": "Shops", "sw": "Maduka"}))
    after = page.build_now(NOON).lately[0]
    assert after is not before
    assert {item.group_name["en"] for update in after.updates for item in update.affected} <= {"Shops", ""}


def test_announced_work_is_on_the_page_until_it_is_over_with_the_dates_it_had() -> None:
    part = rows.component()
    planned = announced({part: "delayed"}, start=9, end=10)
    announced({part: ""})
    publish(
        planned_work.reschedule(planned=planned, body=BODY, starts_at=at(20), ends_at=at(21), author=UserFactory(), now=at(-1)),
        -1,
    )
    tick(0)
    first, second = page.build_now(NOON).maintenances
    assert (first.phase, first.is_at_work, first.is_late) == ("in_progress", True, False)
    assert (second.starts_at, second.earlier_dates) == (at(20), ((at(9), at(10)),))
    assert second.expected == {part.public_id: "delayed"}
    tick(3)
    assert [one.public_id for one in page.build_now(NOON).maintenances] == [planned.public_id]


def test_an_open_incident_is_on_the_page_however_old_it_is() -> None:
    old = rows.publish(at=NOON - timedelta(days=9)).incident
    for hours in range(30):
        rows.publish(at=NOON - timedelta(hours=hours), status=IncidentStatus.RESOLVED)
    assert [incident.facts.public_id for incident in page.build_now(NOON).open_incidents] == [old.public_id]


def test_the_page_id_follows_from_the_address(settings: Any) -> None:
    before = page.identity().id
    assert page.identity().id == before
    assert len(before) == 12
    settings.BASE_URL = "https://status.elsewhere.example"
    assert page.identity().id != before


def test_a_component_keeps_the_name_it_had_when_an_update_spoke_of_it() -> None:
    part = rows.component()
    incident = rows.publish(affected={part: "delayed"}).incident
    Component.objects.filter(pk=part.pk).update(name=in_all({"en": "Transfers", "sw": "Uhamisho"}))
    assert page.build_incident(incident.public_id, now=NOON).incident.affected[0].name["en"] == "Send money"


def test_an_incident_without_a_public_word_breaks_nothing() -> None:
    IncidentFactory(publication="published", published_at=NOON)
    assert page.build_now(NOON).open_incidents[0].updates == ()


# --- Kiswahili ---------------------------------------------------------------------------------

FUNCTIONS = {"gettext": None, "gettext_noop": None, "gettext_lazy": None, "ngettext": (1, 2)}


def messages_in_use() -> set[str]:
    found = set()
    sources = [*Path(settings.BASE_DIR, "templates", "public").rglob("*.html"), Path(settings.BASE_DIR, "templates", "base.html")]
    faces = Path(settings.BASE_DIR, "statuspage")
    sources += [
        *faces.glob("*.py"),
        *faces.glob("public/*.py"),
        *faces.glob("snapshot/*.py"),
        faces / "templatetags" / "public.py",
        *Path(settings.BASE_DIR, "templates", "email").iterdir(),
        *Path(settings.BASE_DIR, "subscribers").rglob("*.py"),
        Path(settings.BASE_DIR, "incidents", "words.py"),
        Path(settings.BASE_DIR, "incidents", "planned_words.py"),
    ]
    for path in sources:
        text = path.read_text()
        code = text if path.suffix == ".py" else templatize(text, origin=str(path))
        for _, message, _, _ in extract("python", io.BytesIO(code.encode()), keywords=FUNCTIONS):
            found.add(message if isinstance(message, str) else message[0])
    return found


def test_every_text_of_the_public_page_has_its_kiswahili() -> None:
    with Path(settings.BASE_DIR, "statuspage", "locale", "sw", "LC_MESSAGES", "django.po").open("rb") as file:
        catalogue = read_po(file, locale="sw")
    used = messages_in_use()
    assert "Everything is working" in used
    translated = {message.id if isinstance(message.id, str) else message.id[0]: message for message in catalogue if message.id}
    missing = sorted(text for text in used if text not in translated or not all(_strings(translated[text])))
    assert not missing, f"no Kiswahili in locale/sw/LC_MESSAGES/django.po for: {missing}"
    assert not [message.id for message in catalogue if message.id and message.fuzzy]
    assert not [problem for message in catalogue for problem in message.check(catalogue)]


def _strings(message: Any) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)
