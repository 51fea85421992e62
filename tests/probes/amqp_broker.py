"""As much of an AMQP 0-9-1 broker as a passive declaration asks of one, frame by frame as the protocol's text has them.

The protocol's header is what a `Listener` has heard already."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Mapping

START, START_OK, TUNE, TUNE_OK, OPEN, OPEN_OK, CLOSE, CLOSE_OK = ((10, method) for method in (10, 11, 30, 31, 40, 41, 50, 51))
CHANNEL_OPEN, CHANNEL_OPEN_OK, CHANNEL_CLOSE, CHANNEL_CLOSE_OK = ((20, method) for method in (10, 11, 40, 41))
DECLARE, DECLARE_OK = (50, 10), (50, 11)
PASSIVE = 1
Method = tuple[int, int]


class Broker:
    """What `Listener` does with a connection. `queues`: (messages, consumers) by name; `said`: the methods it was sent."""

    def __init__(self, queues: Mapping[str, tuple[int, int]], *, login: tuple[str, str] = ("reader", "right")) -> None:
        self.queues, self.login = queues, login
        self.said: list[Method] = []

    def from_the_header_on(self, connection: socket.socket, over: threading.Event) -> None:
        connection.recv(8)
        self(connection, over)

    def __call__(self, connection: socket.socket, over: threading.Event) -> None:
        with connection.makefile("rb") as stream:
            table = struct.pack(">I", 0)
            _send(connection, 0, START, b"\x00\x09" + table + _long("PLAIN AMQPLAIN") + _long("en_US"))
            while head := stream.read(7):
                kind, channel, size = struct.unpack(">BHI", head)
                payload, end = stream.read(size), stream.read(1)
                assert (kind, end) == (1, b"\xce")
                method: Method = struct.unpack(">HH", payload[:4])
                self.said.append(method)
                self._answer(connection, channel, method, payload[4:])

    def _answer(self, connection: socket.socket, channel: int, method: Method, body: bytes) -> None:
        if method == START_OK:
            if "\0{}\0{}".format(*self.login).encode() in body:
                _send(connection, 0, TUNE, struct.pack(">HIH", 2047, 131072, 60))
            else:
                _send(connection, 0, CLOSE, struct.pack(">H", 403) + _short("ACCESS_REFUSED") + struct.pack(">HH", 0, 0))
        elif method == OPEN:
            if body[1 : 1 + body[0]] == b"/":
                _send(connection, 0, OPEN_OK, _short(""))
            else:
                _send(connection, 0, CLOSE, struct.pack(">H", 530) + _short("NOT_ALLOWED") + struct.pack(">HH", *OPEN))
        elif method == CHANNEL_OPEN:
            _send(connection, channel, CHANNEL_OPEN_OK, _long(""))
        elif method == DECLARE:
            name = body[3 : 3 + body[2]].decode()
            assert body[3 + body[2]] == PASSIVE, "only a passive declaration makes nothing"
            if name in self.queues:
                _send(connection, channel, DECLARE_OK, _short(name) + struct.pack(">II", *self.queues[name]))
            else:
                words = _short(f"NOT_FOUND - no queue '{name}'")
                _send(connection, channel, CHANNEL_CLOSE, struct.pack(">H", 404) + words + struct.pack(">HH", *DECLARE))
        elif method == CLOSE:
            _send(connection, 0, CLOSE_OK, b"")


def _send(connection: socket.socket, channel: int, method: Method, body: bytes) -> None:
    payload = struct.pack(">HH", *method) + body
    connection.sendall(struct.pack(">BHI", 1, channel, len(payload)) + payload + b"\xce")


def _short(text: str) -> bytes:
    return struct.pack(">B", len(text)) + text.encode()


def _long(text: str) -> bytes:
    return struct.pack(">I", len(text)) + text.encode()
