"""A failing node drags services along: one draft speaks of it, the services that follow wait, and nothing is left unspoken."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from incidents import drafts
from incidents.components import proposals
from incidents.models import Component, Dependency, Incident
from incidents.words import Need
from probes import confirming
from probes.models import Probe, ProbeSchedule, ProbeVerdict
from tests.factories import NOON, ComponentFactory, ProbeFactory, ProbeScheduleFactory, UserFactory, VantageFactory
from tests.incidents.helpers import all_notices

pytestmark = [pytest.mark.django_db, pytest.mark.database]
LATER = NOON + timedelta(seconds=30)


@pytest.fixture(autouse=True)
def _notices() -> None:
    all_notices()
    VantageFactory(name="nairobi")


def watched(code: str, *needs: Component, kind: Need = Need.HARD, says: str = "partial_outage", **fields: Any) -> Component:
    """A component of which probes say so, not handed over yet."""
    component: Component = ComponentFactory(code=code, **fields)
    probe: Probe = ProbeFactory(code=code, component=component)
    ProbeScheduleFactory(probe=probe, vantage__name="nairobi", confirmed=says, last_outcome_at=NOON)
    ProbeVerdict.objects.create(probe=probe, confirmed=says, confirmed_since=NOON)
    for node in needs:
        Dependency.objects.create(component=component, needs=node, kind=kind)
    return component


def hand_over(now: Any = NOON) -> None:
    ProbeSchedule.objects.update(last_outcome_at=now)
    confirming.hand_over(Component.objects.all(), now)


def spoken_of() -> list[str]:
    """The components that an incident or a draft names."""
    return sorted(Incident.objects.unresolved().values_list("updates__affected__component__code", flat=True))


def says(component: Component, status: str) -> None:
    ProbeVerdict.objects.filter(probe__component=component).update(confirmed=status, confirmed_since=LATER)


def drop_the_draft() -> None:
    update = Incident.objects.unresolved().get().updates.drafts().get()
    drafts.discard(update=update, actor=UserFactory(), now=LATER, reason="known")


def test_services_that_follow_from_a_public_one_open_no_draft_of_their_own() -> None:
    paybill = watched("paybill")
    watched("ecitizen", paybill)
    watched("hospital", paybill)
    hand_over()
    assert spoken_of() == ["paybill"]
    assert set(Component.objects.values_list("status", flat=True)) == {"partial_outage"}, "each is shown all the same"
    assert {one.component for one in proposals(component=paybill, status="partial_outage")} == {"ecitizen", "hospital"}


def test_the_node_speaks_first_whatever_its_place() -> None:
    first = watched("a-service")
    node = watched("z-node")
    Dependency.objects.create(component=first, needs=node)
    hand_over()
    assert spoken_of() == ["z-node"]


def test_an_internal_node_silences_nobody_one_service_speaks_for_those_it_drags_along() -> None:
    core = watched("core", internal=True)
    for code in ("send-money", "paybill", "airtime"):
        watched(code, core)
    hand_over()
    assert len(spoken_of()) == 1, "an internal node has no incident, so the first service opens one; the others are proposed"


def test_a_service_with_no_one_to_speak_for_it_speaks_for_itself() -> None:
    watched("paybill", watched("core", internal=True))
    hand_over()
    assert spoken_of() == ["paybill"]


def test_what_still_fails_when_the_words_about_its_node_are_gone_opens_its_own() -> None:
    core = watched("core", internal=True)
    watched("airtime", core)
    watched("paybill", core)
    hand_over()
    [first] = spoken_of()
    drop_the_draft()
    hand_over(LATER)
    assert len(spoken_of()) == 1
    assert spoken_of() != [first], "what a person dropped stays dropped"


def test_what_still_fails_when_its_node_works_again_opens_its_own() -> None:
    paybill = watched("paybill")
    watched("ecitizen", paybill)
    hand_over()
    says(paybill, "operational")
    hand_over(LATER)
    assert spoken_of() == ["ecitizen"]


def test_trouble_worse_than_the_node_has_is_the_services_own() -> None:
    watched("ecitizen", watched("paybill", says="delayed"), says="major_outage")
    hand_over()
    assert spoken_of() == ["ecitizen", "paybill"]


def test_over_a_soft_edge_only_lateness_follows() -> None:
    sms = watched("sms", says="major_outage")
    watched("paybill", sms, kind=Need.SOFT, says="delayed")
    watched("airtime", sms, kind=Need.SOFT, says="major_outage")
    hand_over()
    assert spoken_of() == ["airtime", "sms"]


def test_services_that_need_each_other_do_not_silence_each_other() -> None:
    one = watched("one")
    Dependency.objects.create(component=one, needs=watched("other", one))
    hand_over()
    assert len(spoken_of()) == 1


def test_doing_it_each_second_changes_nothing() -> None:
    core = watched("core", internal=True)
    watched("airtime", core)
    watched("paybill", core)
    hand_over()
    before = spoken_of()
    hand_over()
    hand_over(LATER)
    assert spoken_of() == before


def test_what_fails_is_asked_about_in_a_fixed_number_of_queries(django_assert_max_num_queries: Any) -> None:
    core = watched("core", internal=True)
    for number in range(12):
        watched(f"part-{number}", core)
    hand_over()
    with django_assert_max_num_queries(9):
        confirming.hand_over(Component.objects.all(), NOON)
