"""How long a text is as an SMS: the network's alphabet, its escapes, and joined messages."""

from __future__ import annotations

import pytest

from incidents.sms_length import measure, plain


@pytest.mark.parametrize(
    ("text", "letters", "most", "parts"),
    [
        ("", 0, 160, 1),
        ("a" * 160, 160, 160, 1),
        ("a" * 161, 161, 160, 2),
        ("a" * 306, 306, 160, 2),
        ("a" * 307, 307, 160, 3),
        ("[€]", 6, 160, 1),  # each behind an escape
        ("“a”", 3, 70, 1),  # typography halves a message
        ("ş" * 70, 70, 70, 1),
        ("ş" * 71, 71, 70, 2),
        ("🙂", 2, 70, 1),
    ],
)
def test_letters_and_parts_are_those_of_the_network(text: str, letters: int, most: int, parts: int) -> None:
    length = measure(text)
    assert (length.letters, length.most, length.parts) == (letters, most, parts)


def test_typography_is_made_plain() -> None:
    assert plain("“It’s late” – wait…") == '"It\'s late" - wait...'
    assert measure(plain("“It’s late” – wait…")).is_plain
