"""An update in few letters: what an SMS holds and costs, what a post keeps."""

from __future__ import annotations

import pytest

from statuspage.differences import difference
from statuspage.short_words import POST_LETTERS, post, sms, sms_parts


def test_an_sms_says_who_speaks_on_one_line_in_plain_letters() -> None:
    assert sms(provider="Mfano", body="It’s slow.\nWait – please.", host="hali.example") == (
        "Mfano: It's slow. Wait - please. hali.example"
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [("a" * 160, 1), ("a" * 161, 2), ("a" * 307, 3), ("ŋ" * 70, 1), ("ŋ" * 71, 2), ("€ ok", 1)],
)
def test_what_an_sms_costs_hangs_on_its_letters(text: str, parts: int) -> None:
    assert sms_parts(text) == parts


def test_a_post_keeps_the_headline_the_link_and_the_promise() -> None:
    body = "Some payments fail. " + "We look for the cause and tell you more. " * 10 + "Next update by 17:20."
    said = post(name="PayBill fails", body=body, url="https://hali.example/i/1")
    assert len(said) <= POST_LETTERS
    assert said.startswith("PayBill fails. Some payments fail.")
    assert said.endswith("Next update by 17:20. https://hali.example/i/1")


def test_one_long_sentence_is_cut_before_the_link() -> None:
    said = post(name="", body="a" * 400, url="https://hali.example/i/1")
    assert len(said) <= POST_LETTERS
    assert said.endswith("… https://hali.example/i/1")


def test_a_difference_marks_what_is_new_and_what_is_gone_and_trusts_no_text() -> None:
    said = difference("Update by 16:50.", "Update by <b>17:20</b>.")
    assert '<del><span class="d-hide" lang="en">Removed: </span>16:50.</del>' in said
    assert "&lt;b&gt;17:20&lt;/b&gt;." in said
    assert "<b>" not in said
    assert difference("", "New.") == "New."
