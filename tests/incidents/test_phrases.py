"""Words that are refused, words an engineer ticks, words to look at twice: tables in both languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents import phrases


def codes(found: list[phrases.Finding]) -> list[str]:
    return [finding.code for finding in found]


@pytest.mark.parametrize(
    ("language", "text", "code"),
    [
        ("en", "Our service is 100% safe.", "absolute_safety"),
        ("en", "It is 100 % secure", "absolute_safety"),
        ("en", "Payments are completely\u00a0safe now.", "absolute_safety"),
        ("en", "It is **100 %** sa\u00adfe.", "absolute_safety"),
        ("sw", "Huduma ni salama kwa asilimia 100.", "absolute_safety"),
        ("sw", "Iko salama kabisa.", "absolute_safety"),
        ("en", "Our systems cannot be hacked.", "cannot_be_hacked"),
        ("en", "They CAN’T be hacked!", "cannot_be_hacked"),
        ("sw", "Mitambo yetu haiwezi kudukuliwa.", "cannot_be_hacked"),
        ("en", "All your data is secure.", "data_slogan"),
        ("en", "Customers’ personal information remains safe.", "data_slogan"),
        ("sw", "Data yako yote iko salama.", "data_slogan"),
        ("sw", "Taarifa zako za kibinafsi ziko salama.", "data_slogan"),
        ("en", "Sharing of data is not permissible.", "law_without_deed"),
        ("en", "The law forbids it. And we have not done so.", "law_without_deed"),
        ("sw", "Kushiriki data ni marufuku.", "law_without_deed"),
    ],
)
def test_a_banned_phrase_is_refused_with_its_reason(language: str, text: str, code: str) -> None:
    [finding] = phrases.refused({language: text})
    assert (finding.code, finding.language) == (code, language)
    assert finding.phrase
    assert finding.reason.endswith(".")


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "No personal data was accessed or shared because of this incident."),
        ("en", "So far we have seen no sign that personal data was accessed. 12:10 pm EAT."),
        ("en", "This is a service fault. It is not a security incident."),
        ("en", "Sharing customers’ data is prohibited by law, and we have not done so."),
        ("en", "Some transfers are delayed. Do not pay again."),
        ("sw", "Kushiriki data ni marufuku, na hatujafanya hivyo."),
        ("sw", "Huduma ya Tuma pesa inachelewa. Usitume tena."),
        ("sw", "Taarifa ijayo kufikia 11:45."),
    ],
)
def test_the_words_of_the_ladder_and_plain_words_pass(language: str, text: str) -> None:
    assert phrases.refused({language: text}, duplicates_open=True) == []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "No money was lost."),
        ("en", "No customers have lost any money."),
        ("sw", "Hakuna pesa iliyopotea."),
        ("sw", "Hakuna mteja aliyepoteza pesa."),
    ],
)
def test_no_money_was_lost_is_refused_while_double_debits_are_open(language: str, text: str) -> None:
    assert codes(phrases.refused({language: text}, duplicates_open=True)) == ["no_money_lost"]
    assert phrases.refused({language: text}, duplicates_open=False) == []


@pytest.mark.parametrize(
    ("language", "text", "refused"),
    [
        ("en", "The service is undergoing scheduled maintenance.", True),
        ("en", "Planned work is going on.", True),
        ("en", "We are doing a system upgrade.", True),
        ("en", "This is not scheduled maintenance. It is a fault.", False),
        ("en", "This is not maintenance. Maintenance comes later.", True),
        ("en", "Payments are delayed.", False),
        ("sw", "Huduma inafanyiwa matengenezo.", True),
        ("sw", "Tunafanya maboresho.", True),
        ("sw", "Haya si matengenezo, ni hitilafu.", False),
        ("sw", "Huduma inachelewa.", False),
    ],
)
def test_only_work_published_beforehand_may_be_called_maintenance(language: str, text: str, refused: bool) -> None:
    assert bool(phrases.maintenance_words({language: text}, window_published=False)) == refused
    assert phrases.maintenance_words({language: text}, window_published=True) == []


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Your money is safe.", ["money_safe"]),
        ("en", "Money that has not arrived will return by 6 pm.", ["money_returns"]),
        ("en", "You will not be charged.", ["no_charge"]),
        ("en", "You won’t be charged and a refund follows.", ["no_charge", "refund"]),
        ("en", "All customers are affected.", ["all_customers"]),
        ("en", "It is safe to try again.", ["safe"]),
        ("en", "Your money is safe. It is safe to pay.", ["money_safe", "safe"]),
        ("en", "Payments work again.", []),
        ("sw", "Pesa zako ziko salama.", ["money_safe"]),
        ("sw", "Pesa ambayo haijafika itarudi kufikia 18:00.", ["money_returns"]),
        ("sw", "Hutatozwa.", ["no_charge"]),
        ("sw", "Wateja wote wameathirika.", ["all_customers"]),
        ("sw", "Ni salama kujaribu tena.", ["safe"]),
        ("sw", "Malipo yanafanya kazi tena.", []),
    ],
)
def test_a_locked_phrase_needs_an_engineers_tick(language: str, text: str, expected: list[str]) -> None:
    assert codes(phrases.locked({language: text})) == expected
    assert phrases.unticked({language: text}, ticked=expected) == []


def test_a_tick_covers_every_language_and_no_other_phrase() -> None:
    texts = {"en": "Your money is safe. You will not be charged.", "sw": "Pesa zako ziko salama. Hutatozwa."}
    left = phrases.unticked(texts, ticked={"money_safe"})
    assert [(finding.code, finding.language) for finding in left] == [("no_charge", "en"), ("no_charge", "sw")]


@pytest.mark.parametrize(
    ("language", "text", "code"),
    [
        ("en", "Latency is high.", "jargon"),
        ("en", "We regret any inconvenience.", "jargon"),
        ("en", "Work begins at midnight.", "midnight"),
        ("sw", "Chanzo ni ufisadi wa data.", "false_friend"),
        ("sw", "Ilianza saa tano asubuhi.", "spoken_hour"),
        ("en", " ".join(["word"] * 21) + ".", "long_sentence"),
    ],
)
def test_a_writer_is_advised_without_being_stopped(language: str, text: str, code: str) -> None:
    assert code in codes(phrases.advice({language: text}))
    assert phrases.refused({language: text}) == []


def test_a_language_without_patterns_passes() -> None:
    assert phrases.refused({"fr": "100 % safe"}) == []


@given(text=st.text(max_size=200), language=st.sampled_from(["en", "sw"]))
def test_any_text_is_read_without_an_error(text: str, language: str) -> None:
    texts = {language: text}
    for found in (
        phrases.refused(texts, duplicates_open=True),
        phrases.locked(texts),
        phrases.maintenance_words(texts, window_published=False),
        phrases.advice(texts),
    ):
        assert all(finding.language == language for finding in found)


@given(case=st.sampled_from([str.upper, str.lower, str.title]), pad=st.sampled_from(["", " ", "\u200b", "\u00a0"]))
def test_case_and_invisible_characters_change_nothing(case: object, pad: str) -> None:
    text = case(f"it is 100{pad} % safe")  # type: ignore[operator]
    assert codes(phrases.refused({"en": text})) == ["absolute_safety"]
