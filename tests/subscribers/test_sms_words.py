"""What an SMS says: whatever else gives way, what to do and the times stay, in one part of letters that every phone shows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from incidents import wording
from incidents.languages import in_all
from incidents.models import Component, Statement
from incidents.statements import WORDS, Level
from statuspage import publishing, text_packs
from statuspage.management.commands.seed_demo import GROUPS, NOTICES, Words
from subscribers import gsm, items, links
from subscribers.items import Document
from subscribers.transports.sms import SmsSender
from tests.factories import NOON, ComponentFactory, IncidentFactory
from tests.incidents import plans
from tests.subscribers.news import publish

pytestmark = pytest.mark.django_db
ZONE = ZoneInfo("Africa/Nairobi")
SERVICES = [{"en": english, "sw": swahili} for *_, services in GROUPS for _, english, swahili in services]
LONGEST = {language: max((one[language] for one in SERVICES), key=len) for language in ("en", "sw")}
# The first thing each demo notice tells people to do, and the words that say what is so.
TO_DO = {
    "delayed": ("Do not send or pay again.", "Usitume wala kulipa tena."),
    "down": ("Do not try again until we say that it is working.", "Usijaribu tena hadi tuseme kuwa inafanya kazi."),
    "no-change": ("Do not send or pay again.", "Usitume wala kulipa tena."),
    "watching": ("If money is missing, check your balance before you pay again.",
                 "Kama huoni pesa zako, angalia salio kabla ya kulipa tena."),
    "resolved": ("If a payment is missing, check your balance, then call our help line.",
                 "Kama malipo hayaonekani, angalia salio lako, kisha piga simu ya usaidizi."),
}  # fmt: skip
SO = {
    "watching": ((" is working again.", ": Working."), (" imerejea.", ": Inafanya kazi.")),
    "resolved": (("Fixed. ",), ("Imetatuliwa. ",)),
}

PIN = (" Never share your PIN.", " Usimpe mtu yeyote PIN yako.")


@pytest.fixture(autouse=True)
def _provider(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BASE_URL, settings.PAGE_TIME_ZONE = "https://status.mfanopesa.example", "Africa/Nairobi"
    monkeypatch.setattr(publishing, "_show", lambda now: None)  # nobody reads the page here


def said_of(document: Document, language: str) -> str:
    """The SMS, which is one part in any case."""
    said = SmsSender.render(items.item_of(document), language).text
    assert gsm.is_plain(said)
    assert gsm.length(said) <= gsm.ONE_PART
    assert said.startswith("Mfano Pesa: ")
    return said


def filled(words: Words, name: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Title and body as the publisher fills them at noon."""
    slots = {
        language: {
            "component": name[language],
            **{
                slot: wording.clock_from(NOON + timedelta(minutes=minute), NOON, language, ZONE)
                for slot, minute in (("since", -7), ("next", 45))
            },
        }
        for language in ("en", "sw")
    }
    title, body = ({code: text.format(**slots[code]) for code, text in some.items()} for some in (words.title, words.body))
    return title, body


@pytest.mark.parametrize("name", [{"en": "STK push", "sw": "STK push"}, LONGEST], ids=["short", "longest"])
@pytest.mark.parametrize("words", NOTICES, ids=lambda words: words.code)
def test_every_demo_notice_says_what_to_do_and_when_the_next_word_comes(words: Words, name: dict[str, str]) -> None:
    title, body = filled(words, name)
    update = publish(
        IncidentFactory(name=in_all(title)),
        component=ComponentFactory(name=in_all(name)),
        body=in_all(body),
        status=words.phase or "identified",
        state=words.states or "partial_outage",
        next_update_by=NOON + timedelta(minutes=45) if words.cadence_minutes else None,
    )
    for place, language in enumerate(("en", "sw")):
        said = said_of(update, language)
        assert TO_DO[words.code][place] in said
        assert name[language] in said
        assert any(so in said for so in SO.get(words.code, ((name[language],),) * 2)[place])
        if words.cadence_minutes:
            by = ("Next update by 12:45 pm EAT.", "Taarifa ijayo kufikia 12:45 EAT.")
            assert said.count(by[place]) == 1
        own = text_packs.sms(text_packs.said_in(text_packs.Rows.of(update), language, NOON))
        assert own == said.removesuffix(PIN[place]), "what is copied by hand is what is sent"


@pytest.mark.parametrize("phase", ["scheduled", "in_progress", "cancelled"])
def test_planned_work_says_when_and_what_people_will_notice(phase: str) -> None:
    service = ComponentFactory(name=in_all(LONGEST))
    update = plans.publish(plans.plan({service: "delayed"}, start=24, end=26, now=3), now=3)
    type(update).objects.filter(pk=update.pk).update(status=phase)
    update.refresh_from_db()
    english, swahili = said_of(update, "en"), said_of(update, "sw")
    assert "25 Nov 12:00 pm - 2:00 pm EAT" in english
    assert "25 Novemba 12:00 - 14:00 EAT" in swahili
    assert "Some payments may fail." in english
    assert "Baadhi ya malipo huenda yasipite." in swahili
    if phase == "scheduled":
        assert english.startswith("Mfano Pesa: Planned work ahead, 25 Nov 12:00 pm")
    else:
        assert {"in_progress": "In progress", "cancelled": "Cancelled"}[phase] in english


def test_planned_work_over_midnight_names_both_days() -> None:
    service = ComponentFactory()
    update = plans.publish(plans.plan({service: "delayed"}, start=8, end=12.5, now=3), now=3)
    assert "24 Nov 8:00 pm - 25 Nov 12:30 am EAT" in said_of(update, "en")


@pytest.mark.parametrize("level", list(Level))
def test_a_statement_is_sent_in_its_own_words(level: Level) -> None:
    times = {
        "time": ("3:00 pm EAT, 24 Nov 2026", "15:00 EAT, 24 Novemba 2026"),
        "by": ("6:00 pm EAT, 24 Nov 2026", "18:00 EAT, 24 Novemba 2026"),
    }
    incident = publish().incident
    for place, language in enumerate(("en", "sw")):
        words = WORDS[level][language].format(**{slot: both[place] for slot, both in times.items()})
        statement = Statement(
            incident=incident,
            level=level.value,
            body=in_all({language: words}),
            as_of=NOON,
            publication="published",
            record_seq=99,
            published_at=NOON,
        )
        said = said_of(statement, language)
        first = words.partition(". ")[0].rstrip(".")
        assert gsm.plain(first) in said
        assert "..." not in said, "signed words are not cut"
        if len(words) < 140:
            assert gsm.plain(words) in said
        if len(words) < 110:
            assert links.host() in said


def test_words_that_name_no_service_get_the_incidents_name_and_many_services_its_phase() -> None:
    incident = IncidentFactory(name=in_all({"en": "Slow transfers", "sw": "Utumaji unachelewa"}))
    update = publish(
        incident, body=in_all({"en": "The cause is found. Wait for your SMS.", "sw": "Chanzo kimepatikana. Subiri SMS."})
    )
    assert said_of(update, "en").startswith("Mfano Pesa: Slow transfers. The cause is found. Wait for your SMS.")
    assert said_of(update, "sw").startswith("Mfano Pesa: Utumaji unachelewa. Chanzo kimepatikana. Subiri SMS.")
    long = publish(
        incident, body=in_all({"en": f"{'Very ' * 40}late. Wait for your SMS.", "sw": "x"}), now=NOON + timedelta(minutes=1)
    )
    long.affected.create(component=ComponentFactory(), new_status="partial_outage")
    assert said_of(long, "en").startswith("Mfano Pesa: Slow transfers: Looking into it. Wait for your SMS.")


def test_what_to_do_in_its_own_field_comes_first() -> None:
    update = publish(
        body=in_all({"en": f"It is slow. {'We look into each of our machines. ' * 5}", "sw": "x"}),
        what_to_do=in_all({"en": "Pay at a till instead.", "sw": "x"}),
    )
    assert "Pay at a till instead." in said_of(update, "en")


def test_the_longest_names_of_a_page_leave_room_for_advice_and_promise(settings: Any) -> None:
    name = "Kutuma pesa kwa wateja wa benki nyingine " * 4
    Component.objects.all().delete()
    update = publish(
        IncidentFactory(name=in_all({"en": name, "sw": name})),
        component=ComponentFactory(name=in_all({"en": name, "sw": name})),
        body=in_all({"en": f"{name} is not working. Do not send again.", "sw": f"{name} haipatikani. Usitume tena."}),
        next_update_by=NOON + timedelta(minutes=45),
    )
    for language, advice, by in (("en", "Do not send again.", "12:45 pm EAT"), ("sw", "Usitume tena.", "12:45 EAT")):
        said = said_of(update, language)
        assert advice in said
        assert by in said
        assert links.host() in said


WARNINGS = {
    "a service's name is no advice": (
        "Pay Bill is not working since 11:50. Buy Goods and Send Money work as usual for all customers of ours. "
        "Do not pay again before you check your balance.",
        "Lipa Bili haifanyi kazi tangu 11:50. Nunua Bidhaa na Tuma Pesa zinafanya kazi kama kawaida kwa wateja wetu wote. "
        "Usilipe tena kabla ya kuangalia salio lako.",
    ),
    "other advice stands behind it": (
        "Pay Bill is not working since 11:50. Use your card or go to any agent of ours who is near you instead. "
        "Do not pay again before you check your balance.",
        "Lipa Bili haifanyi kazi tangu 11:50. Tumia kadi yako au nenda kwa wakala wetu yeyote aliye karibu nawe. "
        "Usilipe tena kabla ya kuangalia salio lako.",
    ),
    "the night warns of nothing": (
        "Pay Bill is not working since 11:50. The night is when most of our machines are looked after by our people. "
        "Do not pay again before you check your balance.",
        "Lipa Bili haifanyi kazi tangu 11:50. Usiku ndipo mafundi wetu wanaposhughulikia mitambo yetu mingi zaidi. "
        "Usilipe tena kabla ya kuangalia salio lako.",
    ),
}


@pytest.mark.parametrize("case", list(WARNINGS))
def test_the_warning_stays_whatever_stands_before_it(case: str) -> None:
    ComponentFactory(name=in_all({"en": "Buy Goods", "sw": "Nunua Bidhaa"}))
    english, swahili = WARNINGS[case]
    update = publish(
        IncidentFactory(name=in_all({"en": "Pay Bill", "sw": "Lipa Bili"})),
        component=ComponentFactory(name=in_all({"en": "Pay Bill", "sw": "Lipa Bili"})),
        body=in_all({"en": english, "sw": swahili}),
        next_update_by=NOON + timedelta(minutes=45),
    )
    for language, warning in (("en", "Do not pay again before you"), ("sw", "Usilipe tena kabla ya")):
        assert warning in said_of(update, language)
        own = text_packs.sms(text_packs.said_in(text_packs.Rows.of(update), language, NOON))
        assert warning in own


def test_a_warning_that_names_the_time_of_the_next_update_stays() -> None:
    update = publish(
        body=in_all(
            {"en": "It is slow. Do not pay again before 12:45 pm EAT.", "sw": "Inachelewa. Usilipe tena kabla ya 12:45 EAT."}
        ),
        next_update_by=NOON + timedelta(minutes=45),
    )
    for language, warning in (("en", "Do not pay again before 12:45 pm EAT."), ("sw", "Usilipe tena kabla ya 12:45 EAT.")):
        assert warning in said_of(update, language)
        assert warning in text_packs.sms(text_packs.said_in(text_packs.Rows.of(update), language, NOON))


def test_a_name_of_one_long_word_is_cut_within_it() -> None:
    name = "Huduma" * 20
    Component.objects.all().delete()
    update = publish(
        IncidentFactory(name=in_all({"en": name, "sw": name})),
        component=ComponentFactory(name=in_all({"en": name, "sw": name})),
        body=in_all({"en": f"{name} is not working. Do not send again.", "sw": f"{name} haipatikani. Usitume tena."}),
        next_update_by=NOON + timedelta(minutes=45),
    )
    for language in ("en", "sw"):
        assert f"Mfano Pesa: {name[:24]}...: " in said_of(update, language)
