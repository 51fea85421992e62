"""A mail server that takes everything and keeps nothing but counts: `python -m tests.benchmarks.mail_sink PORT [FILE]`.

Into FILE goes a line `<recipient> <Message-ID>` for each mail, before the mail is said to be taken.

By the recipient's domain it may be slow, refuse every third, or never answer: slow., third., hangs.example. It prints
a line `<seconds since the epoch> <domain> <count>` for the first mail of each domain and, when it ends, for the last one.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections import Counter

SLOW = 0.2  # seconds


class Session(asyncio.Protocol):
    taken: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    last: dict[str, float] = {}  # when the last mail of a domain was taken
    listed: int | None = None  # the FILE

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.waiting, self.domain, self.in_data, self.asleep = transport, b"", "", False, False
        self.recipient = b""
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        if not self.asleep:
            self._go_on()

    def _go_on(self) -> None:
        while not self.asleep:
            if self.in_data:
                end = self.waiting.find(b"\r\n.\r\n")
                if end < 0:
                    return
                mail, self.waiting, self.in_data = self.waiting[:end], self.waiting[end + 5 :], False
                self._list(mail)
                self._take()
                continue
            line, found, rest = self.waiting.partition(b"\r\n")
            if not found:
                return
            self.waiting = rest
            self._answer(line)

    def _list(self, mail: bytes) -> None:
        named = re.search(rb"^Message-ID: (\S+)", mail, re.MULTILINE)
        if self.listed is not None and named:
            os.write(self.listed, b"%s %s\n" % (self.recipient, named[1]))

    def _take(self) -> None:
        domain = self.domain
        if domain == "slow.example":
            self.asleep = True
            asyncio.get_running_loop().call_later(SLOW, self._wake)
            return
        self._count()

    def _wake(self) -> None:
        self.asleep = False
        self._count()
        self._go_on()

    def _count(self) -> None:
        if not self.taken[self.domain]:
            sys.stdout.write(f"{time.time():.3f} {self.domain} 1\n")
            sys.stdout.flush()
        self.taken[self.domain] += 1
        self.last[self.domain] = time.time()
        self.transport.write(b"250 taken\r\n")

    def _answer(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"EHLO":
            self.transport.write(b"250-sink\r\n250-PIPELINING\r\n250 SIZE 10000000\r\n")
        elif verb == b"RCPT":
            self.recipient = line.partition(b"<")[2].partition(b">")[0]
            self.domain = self.recipient.partition(b"@")[2].decode()
            self.asked[self.domain] += 1
            if self.domain == "hangs.example":
                self.asleep = True  # for ever
            elif self.domain == "third.example" and self.asked[self.domain] % 3 == 0:
                self.transport.write(b"450 4.2.1 busy\r\n")
                self.domain = ""
            else:
                self.transport.write(b"250 ok\r\n")
        elif verb == b"DATA":
            self.in_data = bool(self.domain)
            self.transport.write(b"354 go on\r\n" if self.domain else b"503 no recipient\r\n")
        elif verb == b"QUIT":
            self.transport.write(b"221 bye\r\n")
            self.transport.close()
        else:
            self.transport.write(b"250 ok\r\n")


async def serve(port: int) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(Session, "127.0.0.1", port, backlog=256)
    await ended.wait()
    server.close()
    for domain, count in Session.taken.items():
        sys.stdout.write(f"{Session.last[domain]:.3f} {domain} {count}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        Session.listed = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    asyncio.run(serve(int(sys.argv[1])))
