"""Acts on components, and components that are not public."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from incidents import components, drafts, statuspage_v2, timeline
from incidents.drafts import TimelineError
from incidents.languages import by_language
from incidents.models import Component, Dependency, Incident, IncidentUpdate, Override, RecordEntry, StatusChange
from incidents.signing import sign
from incidents.verification import verify
from statuspage import page, publishing
from tests.factories import NOON, ComponentFactory, ComponentGroupFactory, UserFactory
from tests.incidents.helpers import all_notices
from tests.incidents.plans import announced, tick

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def component() -> Component:
    return ComponentFactory(code="stk-push")


def shown(component: Component) -> tuple[str, str]:
    component.refresh_from_db()
    return component.status, component.status_source


def by_hand(component: Component, status: str = "delayed") -> Override:
    return components.set_override(
        component=component, status=status, reason="The switch says so.", expires_at=NOON + HOUR, actor=UserFactory(), now=NOON
    )


def test_a_state_set_by_hand_stands_over_what_probes_confirm_and_is_recorded(component: Component) -> None:
    timeline.observe(component=component, status="operational", since=NOON, now=NOON)
    by_hand(component)
    assert shown(component) == ("delayed", "override")
    assert RecordEntry.objects.latest("seq").kind == "component_status"
    assert verify().holds


def test_it_expires_by_itself_once(component: Component) -> None:
    by_hand(component)
    assert components.lapse_overrides(now=NOON + timedelta(minutes=59)) == 0
    assert components.lapse_overrides(now=NOON + HOUR) == 1
    assert components.lapse_overrides(now=NOON + HOUR) == 0
    assert shown(component) == ("operational", "stated")
    assert verify().holds


def test_the_next_one_ends_the_one_before(component: Component) -> None:
    first, second = by_hand(component), by_hand(component, "partial_outage")
    first.refresh_from_db()
    assert first.ended_at == NOON
    assert shown(component) == ("partial_outage", "override")
    assert components.end_override(override=second, actor=UserFactory(), now=NOON)
    assert not components.end_override(override=second, actor=UserFactory(), now=NOON)
    assert shown(component) == ("operational", "stated")


def test_an_incidents_word_stands_over_it(component: Component) -> None:
    notices = all_notices()
    by_hand(component)
    publishing.publish_notice(component=component, notice=notices["down"], actor=None, now=NOON)
    assert shown(component) == ("partial_outage", "incident")


@pytest.mark.parametrize(
    ("reason", "expires_at", "words"), [(" ", NOON + HOUR, "Say why"), ("It is so.", NOON, "that time has passed")]
)
def test_it_needs_a_reason_and_an_end(component: Component, reason: str, expires_at: object, words: str) -> None:
    with pytest.raises(TimelineError, match=words):
        components.set_override(
            component=component,
            status="delayed",
            reason=reason,
            expires_at=expires_at,  # type: ignore[arg-type]
            actor=UserFactory(),
            now=NOON,
        )


def test_an_internal_part_is_never_public() -> None:
    core = ComponentFactory(code="core", internal=True)
    timeline.observe(component=core, status="major_outage", since=NOON, now=NOON)
    core.refresh_from_db()
    assert core.status == "major_outage"
    assert not RecordEntry.objects.exists()
    assert not Incident.objects.exists()
    assert page.build_now(NOON).components == ()
    assert verify().holds


def test_an_update_names_no_internal_part() -> None:
    all_notices()
    core = ComponentFactory(code="core", internal=True)
    draft = drafts.open_draft(component=core, status="major_outage", since=NOON, now=NOON, author=UserFactory())
    found = publishing.blockers_of(draft, now=NOON)
    assert [blocker.code for blocker in found] == ["internal_component"]
    assert IncidentUpdate.objects.get().publication == "draft"


def test_one_that_shows_only_in_trouble_is_listed_only_then(component: Component) -> None:
    Component.objects.update(only_show_if_degraded=True)
    [group] = page.build_now(NOON).groups
    assert group.listed == ()
    by_hand(component)
    [group] = page.build_now(NOON).groups
    assert [item.facts.code for item in group.listed] == ["stk-push"]


def test_groups_have_two_levels_and_keep_their_order() -> None:
    money = ComponentGroupFactory(code="money", position=2)
    reach = ComponentGroupFactory(code="reach", position=1)
    sending = components.put_under(group=ComponentGroupFactory(code="sending", position=9), parent=money)
    with pytest.raises(TimelineError, match="two levels"):
        components.put_under(group=ComponentGroupFactory(code="abroad"), parent=sending)
    with pytest.raises(TimelineError, match="groups of its own"):
        components.put_under(group=money, parent=reach)
    for code, group in (("send", sending), ("app", reach), ("pay", money)):
        ComponentFactory(code=code, group=group)
    assert [item.code for item in Component.objects.published()] == ["app", "pay", "send"]
    [child] = [group.facts for group in page.build_now(NOON).groups if group.facts.code == "sending"]
    assert child.parent is not None
    assert child.parent.code == "money"


def test_nothing_needs_itself(component: Component) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Dependency.objects.create(component=component, needs=component)


# --- What a failing part drags along ---------------------------------------------------------------


@pytest.fixture
def net(component: Component) -> Component:
    """The core, which STK push needs; payouts need STK push; airtime likes the SMS centre, which needs the core."""
    core = ComponentFactory(code="core", internal=True)
    sms = ComponentFactory(code="smsc", internal=True)
    payouts, airtime = ComponentFactory(code="payouts"), ComponentFactory(code="airtime")
    for part, needs in ((component, core), (payouts, component), (sms, core)):
        Dependency.objects.create(component=part, needs=needs)
    Dependency.objects.create(component=airtime, needs=sms, kind="soft")
    return core


def test_a_failing_part_proposes_the_public_services_behind_it(net: Component) -> None:
    found = components.proposals(component=net, status="major_outage")
    assert [(one.component, one.status, one.hard) for one in found] == [
        ("stk-push", "major_outage", True),
        ("payouts", "major_outage", True),
        ("airtime", "delayed", False),
    ]
    assert not StatusChange.objects.exists(), "a proposal changes nothing"


def test_what_a_person_confirms_is_taken_into_their_draft(component: Component, net: Component) -> None:
    draft = drafts.open_draft(component=component, status="partial_outage", since=NOON, now=NOON, author=UserFactory())
    confirmed = components.proposals(component=net, status="delayed")
    update = components.take_in(update=draft, confirmed=confirmed, actor=UserFactory(), now=NOON)
    assert {row.component.code: row.new_status for row in update.affected.all()} == {
        "stk-push": "partial_outage",  # worse than what is proposed
        "payouts": "delayed",
        "airtime": "delayed",
    }
    assert by_language(update.what_to_do)["en"].endswith("Do not pay again.")
    assert by_language(update.what_to_do)["sw"].endswith("Usilipe tena.")


# --- What else a component says --------------------------------------------------------------------


def test_resolving_proposes_that_every_service_the_incident_named_works_again(component: Component) -> None:
    notices, till = all_notices(), ComponentFactory(code="till")
    said = publishing.publish_notice(component=component, notice=notices["down"], actor=None, now=NOON)
    assert components.restored(incident=said.incident) == {component: "operational"}
    draft = drafts.add_update(
        incident=said.incident,
        status="identified",
        body={"en": "A cable was cut.", "sw": "Waya umekatika."},
        affected={till: "delayed"},
        next_update_by=NOON + HOUR,
        author=UserFactory(),
        now=NOON,
    )
    assert till not in components.restored(incident=said.incident), "a draft has named nothing yet"
    publishing.publish_update(update_id=sign(item=draft, signer=UserFactory(), now=NOON).pk, actor=None, now=NOON)
    assert components.restored(incident=said.incident) == {component: "operational", till: "operational"}


def test_a_third_partys_service_names_its_owner_and_where_it_is_reached() -> None:
    bank = ComponentFactory(code="bank", owner="A bank", channels=["bank", "app"], areas=[1, 47])
    bank.full_clean()
    [facts] = page.build_now(NOON).components
    assert (facts.owner, facts.channels, facts.areas) == ("A bank", ("bank", "app"), (1, 47))


@pytest.mark.parametrize(
    ("fields", "words"), [({"channels": ["fax"]}, "fax: use app, ussd"), ({"areas": [48]}, "county codes from 1 to 47")]
)
def test_a_channel_or_county_that_does_not_exist_is_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ComponentFactory.build(group=ComponentGroupFactory(), **fields).full_clean()


def test_one_critical_service_down_is_a_major_outage_of_the_page() -> None:
    ComponentFactory.create_batch(5)
    core = ComponentFactory(code="send-money", critical=True, status="major_outage")
    facts = page.build_now(NOON).components
    assert statuspage_v2.status_dict(facts, [])["indicator"] == "critical"
    Component.objects.filter(pk=core.pk).update(critical=False)
    assert statuspage_v2.status_dict(page.build_now(NOON).components, [])["indicator"] == "major"


def test_every_change_of_state_keeps_its_source(component: Component) -> None:
    timeline.observe(component=component, status="operational", since=NOON, now=NOON)
    by_hand(component)
    components.lapse_overrides(now=NOON + HOUR)
    announced({component: ""}, now=1.5, start=2, end=3)
    tick(2)
    timeline.observe(component=component, status="unknown", since=NOON + 4 * HOUR, now=NOON + 4 * HOUR)
    tick(4)
    changes = StatusChange.objects.order_by("record_seq")
    assert list(changes.values_list("new_status", "source")) == [
        ("delayed", "override"),
        ("operational", "probes"),
        ("under_maintenance", "maintenance"),
        ("unknown", "silence"),
    ]
    assert verify().holds
