"""A name server on a free loopback port, over UDP and TCP, whose answers a test writes."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Answer = Callable[[dns.message.Message], dns.message.Message | bytes | None]


class NameServer:
    """`answer(query)` gives the message to send back, bytes that are none, or None for silence. `heard` counts questions."""

    def __init__(self, answer: Answer) -> None:
        self.heard = 0
        self._answer = answer
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._tcp.getsockname()[1])
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._threads = [threading.Thread(target=work) for work in (self._serve_udp, self._serve_tcp)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        for listener in (self._tcp, self._udp):
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        for thread in self._threads:
            thread.join()
        self._tcp.close()
        self._udp.close()

    def _reply(self, raw: bytes, *, by_tcp: bool) -> bytes:
        self.heard += 1
        found = self._answer(dns.message.from_wire(raw))
        if found is None or isinstance(found, bytes):
            return found or b""
        if by_tcp:
            found.flags &= ~dns.flags.TC
        return found.to_wire()

    def _serve_udp(self) -> None:
        with suppress(OSError):
            while True:
                raw, client = self._udp.recvfrom(4096)
                if not raw:
                    return
                if reply := self._reply(raw, by_tcp=False):
                    self._udp.sendto(reply, client)

    def _serve_tcp(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._tcp.accept()
                with connection, suppress(OSError):
                    connection.settimeout(5)
                    size = struct.unpack("!H", connection.recv(2))[0]
                    if reply := self._reply(connection.recv(size), by_tcp=True):
                        connection.sendall(struct.pack("!H", len(reply)) + reply)


def records(record: str, *values: str, code: str = "NOERROR", flags: int = 0) -> Answer:
    """Answers every question with these records."""

    def answer(query: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(query)
        reply.flags |= flags
        reply.set_rcode(dns.rcode.from_text(code))
        if values:
            reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", record, *values))
        return reply

    return answer
