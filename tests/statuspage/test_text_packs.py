"""Text packs: one update in every form, in both languages, each within its length, its own words and no others."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from incidents import drafts
from incidents.languages import by_language
from incidents.models import IncidentUpdate
from incidents.sms_length import measure
from statuspage import text_packs
from statuspage.roles import AUDITOR
from statuspage.text_packs import post_length
from tests.factories import UserFactory
from tests.incidents.helpers import safety_notices
from tests.statuspage.desk import a_draft, a_public_incident, sign_in, someone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]
LONG = " ".join(f"Sentence number {number} says what customers notice." for number in range(40))


@pytest.fixture(autouse=True)
def _provider(mfano_pesa: None) -> None:
    pass


def texts_of(update: IncidentUpdate) -> dict[tuple[str, str], text_packs.Piece]:
    packs = text_packs.packs_of(update, now=timezone.now())
    return {(piece.kind, pack.language): piece for pack in packs for piece in pack.pieces}


def a_long_draft(**more: Any) -> IncidentUpdate:
    draft = a_draft()
    body = {"en": f"“Service stk-push” is late. {LONG}", "sw": f"Huduma stk-push inachelewa. {LONG}"}
    actor = UserFactory()
    return drafts.edit_update(update=draft, actor=actor, now=timezone.now(), body=body, more=more)


@pytest.mark.parametrize("make", [a_draft, a_long_draft])
def test_every_form_exists_in_both_languages_and_fits(make: Any) -> None:
    found = texts_of(make())
    assert len(found) == 10
    assert [key for key, piece in found.items() if not piece.fits or piece.parts > 1] == []
    assert all(piece.text.strip() for piece in found.values())


def test_an_sms_says_who_what_when_and_where_once() -> None:
    found = texts_of(a_long_draft())
    text = found["sms", "en"].text
    assert text.startswith('Mfano Pesa: "Service stk-push" is late.')
    assert text.endswith("status.mfanopesa.example")
    assert text.count("Next update by") == 1
    assert measure(text).is_plain
    assert "Taarifa ijayo kufikia" in found["sms", "sw"].text


def test_a_first_sentence_that_is_too_long_loses_words_and_not_the_promise() -> None:
    draft = a_draft()
    said = {"en": f"{'very ' * 60}late.", "sw": f"{'sana ' * 60}."}
    long = drafts.edit_update(update=draft, actor=UserFactory(), now=timezone.now(), body=said)
    found = texts_of(long)
    assert "very..." in found["ussd", "en"].text
    assert "Next update by" in found["ussd", "en"].text
    assert found["sms", "en"].text.startswith("Mfano Pesa: Service stk-push: Not working for some. Next update by ")


def test_a_post_counts_its_link_as_posts_do_and_a_ussd_line_has_none() -> None:
    found = texts_of(a_long_draft())
    post = found["post", "en"]
    assert post.text.count("https://") == 1
    assert post.letters == post_length(post.text) <= 280
    assert "mfanopesa" not in found["ussd", "en"].text


def test_a_card_carries_its_time_so_that_an_old_one_looks_old() -> None:
    text = texts_of(a_draft())["card", "en"].text
    assert text.startswith("*")
    assert "As of " in text
    assert "We never ask for your PIN." in text


def test_the_script_says_of_data_and_money_what_stands_and_no_more() -> None:
    safety_notices()
    incident = a_public_incident("major_outage")
    text = texts_of(incident.updates.published()[0])["script", "en"].text
    assert "We are checking whether personal data or balances are affected." in text
    assert "If they ask when it will be fixed: We do not know yet. Next update by" in text


def test_advice_comes_before_the_rest_of_the_words() -> None:
    update = a_long_draft(what_to_do={"en": "Wait for your SMS.", "sw": "Subiri SMS."})
    assert '"Service stk-push" is late. Wait for your SMS.' in texts_of(update)["ussd", "en"].text


def test_the_desk_shows_the_pack_with_its_lengths_and_a_poster_in_both_languages() -> None:
    update, client = a_public_incident().updates.published()[0], sign_in(someone(AUDITOR))
    page = client.get(f"/admin/incidents/incidentupdate/{update.pk}/text-pack/").content.decode()
    assert page.count("data-copy=") == 10
    assert " of 160" in page
    poster = client.get(f"/admin/incidents/incidentupdate/{update.pk}/poster/").content.decode()
    for words in by_language(update.incident.name).values():
        assert words in poster
    assert "text-pack" in client.get("/admin/text-packs/").content.decode()


def test_a_drafts_pack_says_that_it_is_not_public() -> None:
    page = sign_in(someone(AUDITOR)).get(f"/admin/incidents/incidentupdate/{a_draft().pk}/text-pack/")
    assert b"This is a draft." in page.content
