"""Pure: an update in few letters, for an SMS and for a post; and how an SMS is counted."""

from __future__ import annotations

import re

SMS_LETTERS, SMS_SPECIAL = 160, 70
_PARTS = {SMS_LETTERS: 153, SMS_SPECIAL: 67}
POST_LETTERS = 280
_GSM = re.compile("[@£$¥èéùìòÇ\\nØø\\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,\\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà^{}\\\\\\[~\\]|€]*")


def sms(*, provider: str, body: str, host: str) -> str:
    """Who speaks, the words in plain letters on one line, where to read on."""
    return f"{provider}: {_plain(body)} {host}"


def sms_parts(text: str) -> int:
    """How many messages it costs."""
    one = SMS_LETTERS if _GSM.fullmatch(text) else SMS_SPECIAL
    return 1 if len(text) <= one else -(-len(text) // _PARTS[one])


def post(*, name: str, body: str, url: str, most: int = POST_LETTERS) -> str:
    """The headline, as many whole sentences as fit, and the link; the last sentence (the promise) before those in the middle."""
    sentences = [sentence for sentence in re.split(r"(?<=[.!?])\s+", _line(body)) if sentence]
    kept = [f"{_line(name).removesuffix('.')}."] if name.strip() else []
    room = most - len(url) - 1
    last = sentences[-1:] if len(sentences) > 1 else []
    for sentence in sentences[: -1 if last else None]:
        if len(" ".join([*kept, sentence, *last])) > room:
            break
        kept.append(sentence)
    if not kept and sentences:
        kept = sentences[:1]  # one sentence that is too long is cut, not dropped
    whole = " ".join([*kept, *last])
    return f"{whole if len(whole) <= room else whole[: room - 1].rstrip() + '…'} {url}"


_DEAR: dict[str, str | int | None] = {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "…": "..."}


def _line(text: str) -> str:
    return " ".join(text.split())


def _plain(text: str) -> str:
    """Curly quotes and dashes would make an SMS three times as dear."""
    return _line(text.translate(str.maketrans(_DEAR)))
