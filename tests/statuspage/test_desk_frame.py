"""The frame of every desk page: what customers see stands in it, it costs no query, it is no place for inline scripts."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import RequestFactory
from django.utils import timezone

from incidents.blockers import Blocker
from statuspage import snapshot
from statuspage.admin import moments
from statuspage.admin.shown import shown
from statuspage.admin.site import desk
from statuspage.admin.views import DeskView, gates_at
from statuspage.roles import AUDITOR, AUTHOR
from tests.factories import NOON, ComponentFactory
from tests.statuspage.desk import sign_in, someone

pytestmark = pytest.mark.django_db


class _Page(DeskView):
    permission = "incidents.change_incidentupdate"
    template = "forbidden.html"
    title = "A page"

    def get(self, request: Any) -> Any:
        return self.page(status=200)


def test_the_bar_says_what_the_snapshot_says_and_nothing_while_there_is_none() -> None:
    now = timezone.now()
    assert shown(now) is None
    ComponentFactory()
    snapshot.refresh(now=now, force=True)
    said = shown(now)
    assert said is not None
    assert (said.is_fresh, said.status) == (False, "unknown")
    snapshot.extend_freshness(now=now)
    said = shown(now)
    assert said is not None
    assert (said.is_fresh, said.age_s) == (True, 0)


def test_the_frame_asks_the_database_whether_all_is_frozen_and_nothing_for_the_bar(django_assert_num_queries: Any) -> None:
    ComponentFactory()
    snapshot.refresh(now=timezone.now(), force=True)
    request = RequestFactory().get("/admin/")
    request.user = someone(is_superuser=True)
    with django_assert_num_queries(1):
        assert desk.each_context(request)["shown"] is not None


@pytest.mark.parametrize(("role", "status"), [(AUTHOR, 200), (AUDITOR, 403)])
def test_an_own_page_opens_for_its_permission_alone(role: str, status: int) -> None:
    request = RequestFactory().get("/admin/own/")
    request.user = someone(role)
    answer = desk.admin_view(_Page.as_view(site=desk))(request)
    assert answer.status_code == status
    assert "script-src 'self' 'unsafe-eval'" in answer["Content-Security-Policy"]


def test_no_page_of_the_desk_holds_an_inline_script() -> None:
    page = sign_in(someone(is_superuser=True)).get("/admin/").content.decode()
    assert all("src=" in tag.partition(">")[0] for tag in page.split("<script")[1:])
    assert "onclick=" not in page


def test_a_blocker_leads_to_its_field() -> None:
    [gate] = gates_at([Blocker("language_missing", "body.sw", "The body is missing in “sw”: write it.")], "/draft/")
    assert (gate.where, gate.message) == ("/draft/#body_sw", "The body is missing in “sw”: write it.")


def test_what_the_house_says_is_made_once_in_two_seconds_for_everybody_but_not_inside_a_transaction(monkeypatch: Any) -> None:
    clock, database = SimpleNamespace(monotonic=lambda: 100.0), SimpleNamespace(in_atomic_block=False)
    made: list[datetime] = []
    monkeypatch.setattr(moments, "SHARED_FOR", 2.0)
    monkeypatch.setattr(moments, "time", clock)
    monkeypatch.setattr(moments, "connection", database)

    @moments.for_all
    def look(now: datetime) -> int:
        made.append(now)
        return len(made)

    answers = [look(NOON), look(NOON)]
    clock.monotonic = lambda: 102.5
    answers += [look(NOON), look(NOON)]
    database.in_atomic_block = True
    assert [*answers, look(NOON)] == [1, 1, 2, 2, 3]
