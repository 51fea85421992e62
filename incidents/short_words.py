"""Pure: what is kept of words where there is room for one message only: what is so, what to do, and when the next word comes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
# How a sentence begins that tells people what to do.
_ADVICE = {
    "en": ("if ", "wait ", "check ", "call ", "use ", "try ", "keep ", "pay ", "send ", "buy ", "please ", "dial ", "you can "),
    "sw": ("kama ", "ikiwa ", "subiri ", "angalia ", "piga ", "tumia ", "jaribu ", "lipa ", "tuma ", "nunua ",
           "tafadhali ", "weka ", "unaweza "),
}  # fmt: skip
# What not to do: losing it costs people money, so it stands first. Kiswahili says it by a verb that begins with usi-.
_WARNING = {
    "en": re.compile(r"(?:please )?(?:do not|don['’]t|never)\b"),
    "sw": re.compile(r"(?:tafadhali )?usi(?!(?:ku|ri|mamizi)\b)"),
}
NAME_AT_MOST = 24  # letters of a name where it is cut to make room

Frame = tuple[Sequence[str], str]  # sentences that stand together, the end of the message


def sentences(text: str) -> list[str]:
    """Its sentences."""
    return [one for one in _SENTENCE.split(" ".join(text.split())) if one]


def without(said: Sequence[str], promise: str, language: str, services: Sequence[str]) -> list[str]:
    """None that holds the promise, which has its own place, but for what tells people what to do until then."""
    kept = advice(said, language, services)
    return [one for one in said if not (promise and promise in one) or one in kept]


def advice(said: Iterable[str], language: str, services: Iterable[str]) -> list[str]:
    """Those that tell people what to do, warnings first. `services`: all names, since "Send Money works" tells nothing to do."""
    names = tuple(name.casefold() for name in services if name)
    warns, tells = _WARNING.get(language), _ADVICE.get(language, ())
    found: tuple[list[str], list[str]] = [], []
    for one in said:
        begins = one.casefold()
        if warns and warns.match(begins):
            found[0].append(one)
        elif begins.startswith(tells) and not begins.startswith(names):
            found[1].append(one)
    return [*found[0], *found[1]]


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
    start = name[:NAME_AT_MOST]
    return (start.rpartition(" ")[0].rstrip(" ,;:-") or start) + "..."
