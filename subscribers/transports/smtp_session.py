"""Mails through an open SMTP session. smtplib keeps the session; the conversation is ours, for fewer waits."""

from __future__ import annotations

import smtplib
from collections.abc import Iterable, Iterator

TAKEN, GOING_AWAY, DATA_GOES_ON = 250, 421, 354
LONGEST_LINE = 8192
Answer = tuple[int, bytes]
Mail = tuple[str, bytes]  # the recipient; the mail with CRLF line ends, the last one included


def deliver_all(session: smtplib.SMTP, sender: str, mails: Iterable[Mail]) -> Iterator[smtplib.SMTPException | None]:
    """What came of each mail, in order and at once: None where it was taken, else what smtplib.sendmail would raise.

    Ends early when the server says that it is going away (421). Raises SMTPServerDisconnected or OSError when the connection
    breaks: the mail whose answer is missing may or may not have been taken, the ones after it were not sent.
    """
    session.ehlo_or_helo_if_needed()
    if session.has_extn("pipelining"):
        yield from _pipelined(session, sender, mails)
        return
    for mail in mails:
        refusal, code = _one_by_one(session, sender, mail)
        yield refusal
        if code == GOING_AWAY:
            return


def _pipelined(session: smtplib.SMTP, sender: str, mails: Iterable[Mail]) -> Iterator[smtplib.SMTPException | None]:
    """One wait a mail (RFC 2920): its sender, recipient and DATA go out with the end of the mail before it."""
    coming = iter(mails)
    mail = next(coming, None)
    if mail is not None:
        session.send(_envelope(session, sender, mail))
    while mail is not None:
        answers = [_reply(session) for _ in range(3)]
        following = next(coming, None)
        then = b"" if following is None else _envelope(session, sender, following)
        refusal = _refusal(sender, mail[0], *answers)
        codes = [code for code, _ in answers]
        if GOING_AWAY in codes:
            yield refusal
            return
        if refusal is None:
            session.send(_stuffed(mail[1]) + b".\r\n" + then)
            answer = _reply(session)
            refusal = None if answer[0] == TAKEN else smtplib.SMTPDataError(*answer)
            codes.append(answer[0])
        elif codes[2] == DATA_GOES_ON:  # it listens although nobody is to get it: end that with nothing said
            session.send(b".\r\nRSET\r\n" + then)
            _reply(session), _reply(session)
        else:
            session.send(b"RSET\r\n" + then)
            _reply(session)
        yield refusal
        if GOING_AWAY in codes:
            return
        mail = following


def _one_by_one(session: smtplib.SMTP, sender: str, mail: Mail) -> tuple[smtplib.SMTPException | None, int]:
    """(what came of it, the server's last code)"""
    answers: list[Answer] = []
    for command in _commands(session, sender, mail):
        answers.append(_ask(session, command))
        if answers[-1][0] not in (TAKEN, 251, DATA_GOES_ON):
            break
    refusal = _refusal(sender, mail[0], *answers)
    if refusal is None:
        answers.append(_ask(session, _stuffed(mail[1]) + b".\r\n"))
        if answers[-1][0] == TAKEN:
            return None, TAKEN
        refusal = smtplib.SMTPDataError(*answers[-1])
    if answers[-1][0] != GOING_AWAY:
        session.rset()
    return refusal, answers[-1][0]


def _refusal(
    sender: str, recipient: str, mail: Answer, rcpt: Answer | None = None, data: Answer | None = None
) -> smtplib.SMTPException | None:
    """Why the server does not listen to the mail; None when it does."""
    if mail[0] != TAKEN:
        return smtplib.SMTPSenderRefused(*mail, sender)
    if rcpt is None or rcpt[0] not in (TAKEN, 251):
        return smtplib.SMTPRecipientsRefused({recipient: rcpt or mail})
    if data is None or data[0] != DATA_GOES_ON:
        return smtplib.SMTPDataError(*(data or rcpt))
    return None


def _envelope(session: smtplib.SMTP, sender: str, mail: Mail) -> bytes:
    return b"".join(_commands(session, sender, mail))


def _commands(session: smtplib.SMTP, sender: str, mail: Mail) -> tuple[bytes, bytes, bytes]:
    recipient, raw = mail
    size = f" SIZE={len(raw)}" if session.has_extn("size") else ""
    return f"MAIL FROM:<{sender}>{size}\r\n".encode("ascii"), f"RCPT TO:<{recipient}>\r\n".encode("ascii"), b"DATA\r\n"


def _ask(session: smtplib.SMTP, command: bytes) -> Answer:
    session.send(command)
    return _reply(session)


def _reply(session: smtplib.SMTP) -> Answer:
    """As smtplib's getreply, at a fifth of its cost; a wait that was too long stays a TimeoutError here."""
    said, file = [], session.file
    if file is None:  # smtplib closed it
        raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")
    while True:
        line: bytes = file.readline(LONGEST_LINE)
        if not line:
            raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")
        said.append(line[4:].strip())
        if line[3:4] != b"-":
            break
    code = line[:3]
    return int(code) if code.isdigit() else -1, b"\n".join(said)


def _stuffed(raw: bytes) -> bytes:
    """A line that begins with a dot gets a second one (RFC 5321, 4.5.2)."""
    return raw.replace(b"\r\n.", b"\r\n..") if b"\r\n." in raw else raw
