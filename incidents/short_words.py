"""Pure: what is kept of words where there is room for one message only: what is so, what to do, and when the next word comes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
# How a sentence begins that tells people what to do.
_ADVICE = {
    "en": ("do not ", "don’t ", "don't ", "if ", "wait ", "check ", "call ", "use ", "try ", "keep ", "pay ", "send ", "buy ",
           "please ", "never ", "dial ", "you can "),
    "sw": ("usi", "kama ", "ikiwa ", "subiri ", "angalia ", "piga ", "tumia ", "jaribu ", "lipa ", "tuma ", "nunua ",
           "tafadhali ", "weka ", "unaweza "),
}  # fmt: skip
NAME_AT_MOST = 24  # letters of a name where it is cut to make room

Frame = tuple[Sequence[str], str]  # sentences that stand together, the end of the message


def sentences(text: str, *, without: str = "") -> list[str]:
    """Its sentences; `without`: none that holds this, the promise that has its own place."""
    return [one for one in _SENTENCE.split(" ".join(text.split())) if one and not (without and without in one)]


def advice(said: Iterable[str], language: str) -> list[str]:
    """Those that tell people what to do."""
    return [one for one in said if one.casefold().startswith(_ADVICE.get(language, ()))]


def what_is_so(first: str, *, name: str, states: Sequence[tuple[str, str]], phase: str, is_over: bool) -> list[str]:
    """What an update says is so, each form shorter than the one before.

    `first`: its first sentence, or ""; `name`: its incident's; `states`: (service, state); `phase`: the incident's, in words.
    What is over says so; a sentence that names neither service nor incident gets the incident's name.
    """
    title, over = name.rstrip("."), f"{phase}. " if is_over else ""
    names_it = any(word.casefold() in first.casefold() for word in (name, *(service for service, _ in states)))
    full = first if names_it else f"{title}. {first}".strip()
    if len(states) == 1:
        [(about, state)] = states
        return [f"{over}{full}", f"{over}{about}: {state}.", f"{over}{_cut(about)}: {state}."]
    return [f"{over}{full}", f"{title}: {phase}.", f"{_cut(title)}: {phase}."]


def of_update(whats: Sequence[str], to_do: Sequence[str], by: str, where: str) -> Iterator[Frame]:
    """What to keep of an update, the best first: rather a shorter word of what is so than no advice, rather no place to read on
    than no promise, and the last of `whats`, with a name cut short, only where nothing else helps."""
    end = f"{by} {where}".strip()
    for some in (whats[:-1], whats[-1:]):
        for advised, ending in ((to_do, end), (to_do[:1], end), (to_do[:1], by)):
            yield from (([what, *advised], ending) for what in some)
    yield from (([what], ending) for ending in (end, by) for what in whats)


def of_other_news(whats: Sequence[str], said: Sequence[str], where: str) -> Iterator[Frame]:
    """What to keep of all else, the best first: where to read on stays."""
    for kept in (said, said[:1], ()):
        yield from (([what, *kept], where) for what in whats)


def one_message(head: str, frames: Iterable[Frame], more: Iterable[str], last: str, fits: Callable[[str], bool]) -> str:
    """The first frame that fits, then as many more sentences as there is room for, then the last one where it still fits.

    Where none fits the first sentence of the last frame loses words.
    """
    kept: list[str] = []
    end = ""
    for together, end in frames:
        kept = [one for one in together if one]
        if fits(_joined(head, kept, end)):
            break
    else:
        return _cut_to_fit(head, kept, end, fits)
    for one in more:
        if one in kept:
            continue
        if not fits(_joined(head, [*kept, one], end)):
            break
        kept.append(one)
    text = _joined(head, kept, end)
    return f"{text} {last}" if last and fits(f"{text} {last}") else text


def _cut_to_fit(head: str, kept: Sequence[str], end: str, fits: Callable[[str], bool]) -> str:
    words = kept[0].split() if kept else []
    while len(words) > 1 and not fits(_joined(head, [" ".join(words) + "...", *kept[1:]], end)):
        words.pop()
    return _joined(head, [" ".join(words) + "...", *kept[1:]], end)


def _joined(head: str, middle: Sequence[str], end: str) -> str:
    return " ".join(filter(None, (head, *middle, end)))


def _cut(name: str) -> str:
    if len(name) <= NAME_AT_MOST:
        return name
    return name[:NAME_AT_MOST].rpartition(" ")[0].rstrip(" ,;:-") + "..."
