"""What is made of the very same object is made once; of one that is only equal, anew."""

from __future__ import annotations

from dataclasses import dataclass

from incidents.once import per_object


@dataclass(frozen=True)
class Word:
    text: str


@per_object
def told(word: Word, language: str) -> list[str]:
    return [word.text, language]


def test_the_same_object_is_told_once() -> None:
    word = Word("late")
    assert told(word, "en") is told(word, "en")


def test_it_is_told_anew_in_another_language() -> None:
    word = Word("late")
    assert told(word, "sw") == ["late", "sw"] != told(word, "en")


def test_an_equal_object_is_told_anew() -> None:
    assert told(Word("late"), "en") is not told(Word("late"), "en")
