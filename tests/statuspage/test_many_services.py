"""A provider with a service in each of many counties: what is well is folded, and nobody has to guess which one is meant."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from incidents.languages import in_all
from incidents.models import Component
from statuspage import page
from statuspage.snapshot import building
from tests.factories import NOON, ComponentFactory, ComponentGroupFactory
from tests.statuspage import rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]
COUNTIES = ("Lamu", "Kwale", "Meru", "Embu", "Nyeri", "Busia", "Siaya", "Kisii", "Narok")
SERVICES = {"en": ("Send money", "Pay a bill", "Withdraw"), "sw": ("Tuma pesa", "Lipa bili", "Toa pesa")}


@pytest.fixture
def counties() -> list[Component]:
    """Three services, by the same names, in each of nine counties."""
    made: list[Component] = []
    for place, name in enumerate(COUNTIES):
        group = ComponentGroupFactory(code=f"county-{place}", name=in_all({"en": name, "sw": name}))
        for number, (english, kiswahili) in enumerate(zip(*SERVICES.values(), strict=True)):
            words = in_all({"en": english, "sw": kiswahili})
            made.append(ComponentFactory(code=f"county-{place}-{number}", name=words, group=group))
    return made


def home() -> str:
    return building.about_now(page.build_now(NOON), building.FRESH)["index.html"].decode()


def test_of_many_services_a_group_is_folded_while_all_of_it_works(counties: list[Component]) -> None:
    rows.publish(affected={counties[4]: "partial_outage"}, at=NOON - timedelta(minutes=1))
    folded = re.findall(r'<details class="v fo"><summary><b>(\w+)</b>', home())
    assert set(COUNTIES) - set(folded) == {"Kwale"}


def test_of_few_services_none_is_folded() -> None:
    rows.component()
    assert "v fo" not in home()


def test_a_name_that_many_groups_have_is_said_with_its_group(counties: list[Component]) -> None:
    rows.publish(affected={counties[4]: "partial_outage"}, at=NOON - timedelta(minutes=1))
    now = page.build_now(NOON)
    said = now.sentence["en"], now.open_incidents[0].affected[0].name["sw"]
    assert said == ("Pay a bill (Kwale) is not working for some people", "Lipa bili (Kwale)")


def test_many_affected_services_are_counted_and_folded(counties: list[Component]) -> None:
    rows.publish(affected=dict.fromkeys(counties, "partial_outage"), at=NOON - timedelta(minutes=1))
    assert "<summary>27 services</summary>" in home()


def test_many_affected_services_are_folded_wherever_their_own_page_names_them(counties: list[Component]) -> None:
    incident = rows.publish(affected=dict.fromkeys(counties, "partial_outage"), at=NOON - timedelta(minutes=1)).incident
    built = page.build_incident(incident.public_id, now=NOON)
    html = building.incident_files(built, ())[f"{incident.public_id}.html"].decode()
    seen = re.sub(r"(?s)<details>.*?</details>", "", html.partition("<main")[2])
    assert "Pay a bill (Kwale)" not in seen
