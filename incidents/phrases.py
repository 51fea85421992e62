"""Pure: words that may not be published, words that need an engineer's tick, and words that only deserve a second look.

Patterns are matched against the text in small letters, without accents of typing (curly quotes, soft hyphens, stars of
emphasis, repeated spaces). They catch slips under stress; they are no fence against somebody who wants around them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

SENTENCE_WORDS = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """A phrase in a text: `phrase` as it stands there (in small letters), and why it matters."""

    code: str
    language: str
    phrase: str
    reason: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """Patterns by language, of whole words, and the reason shown with them. `unless` excuses them in the same sentence."""

    code: str
    reason: str
    patterns: Mapping[str, tuple[str, ...]]
    unless: Mapping[str, tuple[str, ...]] | None = None


# --- What is refused -----------------------------------------------------------------------------

BANNED = (
    Phrase(
        "absolute_safety",
        "Nobody can promise 100 %. Say what was checked, by whom and when.",
        {
            "en": (
                r"(?:100 ?(?:%|per ?cent)|one hundred per ?cent) (?:safe|secure)",
                r"(?:completely|totally|absolutely|fully|perfectly) (?:safe|secure)",
            ),
            "sw": (
                r"salama (?:kabisa|100 ?%|kwa asilimia (?:100|mia(?: moja)?))",
                r"(?:100 ?%|asilimia (?:100|mia(?: moja)?)) salama",
            ),
        },
    ),
    Phrase(
        "cannot_be_hacked",
        "No system can claim that, and saying so invites the attempt.",
        {
            "en": (
                r"(?:cannot|can't|can not|can never|could never|impossible to) (?:be )?hack(?:ed)?",
                r"unhackable",
                r"hack-?proof",
            ),
            "sw": (r"(?:hai|hau|hazi|hatu)wezi kudukuliwa", r"ha(?:i|zi)dukuliki"),
        },
    ),
    Phrase(
        "data_slogan",
        "Words on data are a signed, dated statement that can be withdrawn. Use the statement of the level that is signed.",
        {
            "en": (
                r"(?:your|customers?'?s?'?|everyone's) (?:personal )?(?:data|information|details)"
                r" (?:is|are|remains?|stays?) (?:\w+ )?(?:safe|secure|protected)",
            ),
            "sw": (r"(?:data|taarifa)(?: \w+){0,4} (?:iko|ziko|ni|ipo|zipo|inabaki|zinabaki) salama",),
        },
    ),
    Phrase(
        "law_without_deed",
        "That the law forbids it does not say that it was not done. Add in the same sentence: “and we have not done so”.",
        {
            "en": (
                r"(?:is|are) (?:strictly )?(?:prohibited|forbidden|illegal|unlawful)",
                r"(?:is|are) not (?:permissible|permitted|allowed)",
                r"law (?:forbids|prohibits|does not (?:allow|permit))",
                r"against the law",
            ),
            "sw": (
                r"(?:imepigwa|imekatazwa|ni) marufuku",
                r"hairuhusiwi",
                r"ni kinyume (?:cha|na) sheria",
                r"sheria (?:inakataza|hairuhusu)",
            ),
        },
        unless={"en": (r"and we have not done (?:so|it|that)",), "sw": (r"na hatujafanya hivyo",)},
    ),
)

NO_MONEY_LOST = Phrase(
    "no_money_lost",
    "Double debits are still open: money is missing somewhere until each is returned.",
    {
        "en": (
            r"no (?:money|funds?|balances?) (?:was|were|has been|have been|is|are) lost",
            r"(?:nobody|no one|no customers?) (?:has |have )?lost (?:any )?money",
            r"nothing was lost",
        ),
        "sw": (
            r"hakuna pesa (?:iliyo|zilizo|ili|zili)?potea",
            r"hakuna (?:mteja )?(?:ali|aliye)poteza pesa",
            r"pesa hazikupotea",
        ),
    },
)

MAINTENANCE = Phrase(
    "maintenance_word",
    "Only a window that was published beforehand may be called maintenance. Say what customers notice instead.",
    {
        "en": (
            r"maintenance",
            r"(?:planned|scheduled|routine) (?:works?|upgrade|outage|downtime)",
            r"system upgrades?",
        ),
        "sw": (r"matengenezo", r"maboresho", r"ukarabati"),
    },
    # “This is not maintenance” is the correction of a wrong word, and must be sayable.
    unless={
        "en": (
            r"(?:not|no|isn't|wasn't|never) (?:a |any |part of )?(?:planned |scheduled |routine )*"
            r"(?:maintenance|works?|upgrade|outage|downtime)",
        ),
        "sw": (r"(?:si|sio|siyo|hayakuwa|haikuwa) (?:ya )?(?:matengenezo|maboresho|ukarabati)",),
    },
)


def refused(texts: Mapping[str, str], *, duplicates_open: bool = False) -> list[Finding]:
    """Every phrase that may not be published. `duplicates_open`: double debits of this incident are not all returned yet."""
    return _find(texts, (*BANNED, NO_MONEY_LOST) if duplicates_open else BANNED)


def maintenance_words(texts: Mapping[str, str], *, window_published: bool) -> list[Finding]:
    """The word maintenance and its kin, where no window for it was published before the work began."""
    return [] if window_published else _find(texts, (MAINTENANCE,))


# --- What an engineer must tick ------------------------------------------------------------------

# The whole promise first: where it stands, the single word in it is not asked about again.
LOCKED = (
    Phrase(
        "money_safe",
        "An engineer confirms from the ledger that no balance is changed by this fault.",
        {
            "en": (r"(?:money|funds|balances?)(?: \w+){0,3} (?:is|are|remains?|stays?) safe",),
            "sw": (r"(?:pesa|fedha|salio)(?: \w+){0,2} (?:iko|ziko|liko|ni) salama",),
        },
    ),
    Phrase(
        "money_returns",
        "An engineer confirms that what has not arrived comes back by then.",
        {
            "en": (r"money\b[^.!?]{0,60}\bwill (?:return|be returned|be reversed|come back)",),
            "sw": (r"pesa\b[^.!?]{0,60}\b(?:ita|zita)(?:rudi|rudishwa|rejeshwa)",),
        },
    ),
    Phrase(
        "no_charge",
        "An engineer confirms that billing does not charge for it.",
        {
            "en": (r"(?:will|shall) not be charged", r"won't be charged", r"no (?:fees?|charges?) (?:apply|applies|will)"),
            "sw": (r"(?:hu|ham|hawa)tatozwa", r"hakuna (?:ada|malipo ya ziada)"),
        },
    ),
    Phrase(
        "refund",
        "An engineer confirms who is refunded, and by when.",
        {
            "en": (r"refund(?:s|ed|ing)?", r"reimburse\w*"),
            "sw": (r"(?:u|a|wa|m|tu)tarudishiwa", r"fidia", r"kurudishiwa pesa"),
        },
    ),
    Phrase(
        "all_customers",
        "An engineer confirms the reach: all, or fewer.",
        {"en": (r"(?:all|every) (?:our )?customers?", r"everyone"), "sw": (r"wateja wote", r"kila mteja")},
    ),
    Phrase(
        "safe",
        "An engineer confirms what is safe, and from what.",
        {"en": (r"safe(?:ly)?", r"secure"), "sw": (r"salama",)},
    ),
)


def locked(texts: Mapping[str, str]) -> list[Finding]:
    """Every phrase that an engineer must tick for this incident, each once a language."""
    return _find(texts, LOCKED)


def unticked(texts: Mapping[str, str], ticked: Collection[str]) -> list[Finding]:
    """Locked phrases whose code no engineer has ticked yet. A tick is for the incident and covers every language."""
    return [finding for finding in locked(texts) if finding.code not in ticked]


# --- What only deserves a second look ------------------------------------------------------------

_ADVICE = (
    Phrase(
        "jargon",
        "Customers do not use this word. Say what they notice.",
        {
            "en": (
                r"latency|degraded|api|nodes?|endpoints?|backend|resolved|intermittency",
                r"technical (?:issues?|challenges?)",
                r"inconveniences?",
            )
        },
    ),
    Phrase(
        "false_friend",
        "It says something else: ufisadi is graft, mizani are scales, imefungwa is closed for good, maboresho hides a fault.",
        {"sw": (r"ufisadi|mizani|imefungwa|zimefungwa|maboresho",)},
    ),
    Phrase(
        "midnight",
        "Which day does it belong to? Write 11:59 pm or 12:01 am with the day.",
        {"en": (r"midnight",)},
    ),
    Phrase(
        "spoken_hour",
        "The Kiswahili clock is six hours off the digits. Write the hour in digits on the 24-hour clock.",
        {"sw": (r"saa (?:moja|mbili|tatu|nne|tano|sita|saba|nane|tisa|kumi)",)},
    ),
)


def advice(texts: Mapping[str, str]) -> list[Finding]:
    """Remarks for the writer; they block nothing."""
    return [*_find(texts, _ADVICE), *_long_sentences(texts)]


def _long_sentences(texts: Mapping[str, str]) -> Iterable[Finding]:
    for language, text in texts.items():
        for sentence in _sentences(_plain(text)):
            if len(sentence.split()) > SENTENCE_WORDS:
                yield Finding("long_sentence", language, sentence, f"More than {SENTENCE_WORDS} words: make two of it.")


# --- Matching ------------------------------------------------------------------------------------


def _find(texts: Mapping[str, str], phrases: Iterable[Phrase]) -> list[Finding]:
    phrases = tuple(phrases)
    return [finding for language, text in texts.items() for finding in _find_in(_plain(text), language, phrases)]


def _find_in(text: str, language: str, phrases: tuple[Phrase, ...]) -> list[Finding]:
    found: list[Finding] = []
    taken: list[tuple[int, int]] = []
    for phrase in phrases:
        spans = [match.span() for match in _matches(phrase.patterns.get(language, ()), text)]
        open_spans = [span for span in spans if not _excused(text, span, phrase, language) and not _inside(span, taken)]
        if open_spans:
            start, end = open_spans[0]
            found.append(Finding(phrase.code, language, text[start:end], phrase.reason))
        taken += open_spans
    return found


def _matches(patterns: tuple[str, ...], text: str) -> Iterable[re.Match[str]]:
    """Wherever one of the patterns stands as whole words."""
    return re.finditer(rf"(?<!\w)(?:{'|'.join(patterns)})(?!\w)", text) if patterns else ()


def _inside(span: tuple[int, int], taken: Iterable[tuple[int, int]]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in taken)


def _excused(text: str, span: tuple[int, int], phrase: Phrase, language: str) -> bool:
    excuses = (phrase.unless or {}).get(language, ())
    begin = max(text.rfind(mark, 0, span[0]) for mark in ".!?\n") + 1
    ends = [place for mark in ".!?\n" if (place := text.find(mark, span[1])) >= 0]
    return any(_matches(excuses, text[begin : min(ends, default=len(text))]))


def _sentences(text: str) -> list[str]:
    return [sentence.strip() for sentence in re.split(r"[.!?]\s|\n", text) if sentence.strip()]


_ONE_FORM = {ord("’"): "'", ord("‘"): "'", ord("“"): '"', ord("”"): '"', ord("*"): "", ord("_"): "", ord("`"): ""}


def _plain(text: str) -> str:
    """Small letters, one kind of quote and space, no invisible characters, no marks of emphasis."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(" " if letter.isspace() and letter != "\n" else letter for letter in text if _is_visible(letter))
    text = text.translate(_ONE_FORM)
    return re.sub(r" +", " ", text).casefold()


def _is_visible(letter: str) -> bool:
    """Soft hyphens and zero-width characters are format characters; a new line is a control character that we keep."""
    return letter == "\n" or letter.isspace() or unicodedata.category(letter) not in ("Cf", "Cc")
