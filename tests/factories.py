"""Rows for tests: each as plain as it can be, in both languages."""

from __future__ import annotations

from datetime import UTC, datetime

import factory
from django.contrib.auth import get_user_model

from incidents.languages import in_all
from incidents.models import Component, ComponentGroup, Incident, IncidentUpdate, Notice
from incidents.words import IncidentStatus
from probes.models import Probe, ProbeSchedule, Vantage

NOON = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # 12:00 in Nairobi


class UserFactory(factory.django.DjangoModelFactory):
    """Somebody whose roles hold every act; tests about roles ask tests.statuspage.desk.someone for a person in one."""

    class Meta:
        model = get_user_model()

    username = factory.Sequence(lambda n: f"person{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@desk.example")
    is_staff = True
    is_superuser = True


class ComponentGroupFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ComponentGroup
        django_get_or_create = ("code",)

    code = "paying"
    name = factory.LazyFunction(lambda: in_all({"en": "Paying", "sw": "Kulipa"}))


class ComponentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Component

    code = factory.Sequence(lambda n: f"service-{n}")
    group = factory.SubFactory(ComponentGroupFactory)
    name = factory.LazyAttribute(lambda c: in_all({"en": f"Service {c.code}", "sw": f"Huduma {c.code}"}))
    position = factory.Sequence(lambda n: n + 1)


class NoticeFactory(factory.django.DjangoModelFactory):
    """Unsigned: sign it with incidents.signing.sign_notice."""

    class Meta:
        model = Notice

    code = "down"
    phase = IncidentStatus.INVESTIGATING
    component_status = "partial_outage"
    opens_for = ["partial_outage", "major_outage"]
    title = factory.LazyFunction(lambda: in_all({"en": "{component} is failing", "sw": "{component} inashindikana"}))
    body = factory.LazyFunction(
        lambda: in_all(
            {
                "en": "{component} is failing since {since}. Do not pay again. Next update by {next}.",
                "sw": "{component} inashindikana tangu {since}. Usilipe tena. Taarifa ijayo kufikia {next}.",
            }
        )
    )


class IncidentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Incident

    name = factory.LazyFunction(lambda: in_all({"en": "Payments are late", "sw": "Malipo yanachelewa"}))
    started_at = NOON


class IncidentUpdateFactory(factory.django.DjangoModelFactory):
    """A draft; publish it through statuspage.publishing."""

    class Meta:
        model = IncidentUpdate

    incident = factory.SubFactory(IncidentFactory)
    status = IncidentStatus.INVESTIGATING
    body = factory.LazyFunction(
        lambda: in_all({"en": "Payments are late. Do not pay again.", "sw": "Malipo yanachelewa. Usilipe tena."})
    )


class VantageFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Vantage
        django_get_or_create = ("name",)

    name = "nairobi"


class ProbeFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Probe

    code = factory.Sequence(lambda n: f"probe-{n}")
    component = factory.SubFactory(ComponentFactory)
    kind = "http"
    spec = factory.LazyFunction(lambda: {"url": "http://127.0.0.1:9/"})
    interval = 5


class ProbeScheduleFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ProbeSchedule

    probe = factory.SubFactory(ProbeFactory)
    vantage = factory.SubFactory(VantageFactory)
    interval = 5
