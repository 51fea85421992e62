"""One mail through an open SMTP session. smtplib keeps the session; the conversation is ours, for fewer waits."""

from __future__ import annotations

import smtplib

DATA_GOES_ON = 354


def deliver(session: smtplib.SMTP, sender: str, recipient: str, raw: bytes) -> None:
    """Hand one mail over. `raw` has CRLF line ends and ends in one.

    Raises what smtplib.sendmail raises; afterwards the session is ready for the next mail, unless it was closed.
    """
    session.ehlo_or_helo_if_needed()
    size = f" SIZE={len(raw)}" if session.has_extn("size") else ""
    commands = [f"MAIL FROM:<{sender}>{size}\r\n", f"RCPT TO:<{recipient}>\r\n", "DATA\r\n"]
    if session.has_extn("pipelining"):
        session.send("".join(commands))
        mail, rcpt, data = (session.getreply() for _ in commands)
    else:
        mail = _ask(session, commands[0])
        rcpt = _ask(session, commands[1]) if mail[0] == 250 else mail
        data = _ask(session, commands[2]) if rcpt[0] in (250, 251) else rcpt
    taken = mail[0] == 250 and rcpt[0] in (250, 251)
    if data[0] == DATA_GOES_ON:
        if not taken:  # it listens although nobody is to get it: end that with nothing said
            _ask(session, ".\r\n")
        else:
            session.send(_stuffed(raw) + b".\r\n")
            answer = session.getreply()
            if answer[0] == 250:
                return
            _start_anew(session, answer[0])
            raise smtplib.SMTPDataError(*answer)
    worst = next((answer[0] for answer in (mail, rcpt, data) if answer[0] == 421), 0)
    _start_anew(session, worst)
    if mail[0] != 250:
        raise smtplib.SMTPSenderRefused(*mail, sender)
    if rcpt[0] not in (250, 251):
        raise smtplib.SMTPRecipientsRefused({recipient: rcpt})
    raise smtplib.SMTPDataError(*data)


def _ask(session: smtplib.SMTP, command: str) -> tuple[int, bytes]:
    session.send(command)
    return session.getreply()


def _start_anew(session: smtplib.SMTP, code: int) -> None:
    """Forget the mail that was refused; a server that said 421 is gone, and smtplib has closed the session."""
    if code != 421 and session.sock is not None:
        session.rset()


def _stuffed(raw: bytes) -> bytes:
    """A line that begins with a dot gets a second one (RFC 5321, 4.5.2)."""
    return raw.replace(b"\r\n.", b"\r\n..") if b"\r\n." in raw else raw
