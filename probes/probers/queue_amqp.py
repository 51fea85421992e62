"""How much waits in an AMQP 0-9-1 queue (RabbitMQ and its kin), and how many take from it: a passive declaration tells both, and
neither makes a queue nor takes anything out of one."""

from __future__ import annotations

import contextlib
from typing import Any

import amqp
from amqp import sasl
from amqp.exceptions import AccessRefused, AMQPError, NotAllowed, NotFound, ResourceLocked
from amqp.transport import AMQP_PROTOCOL_HEADER, TCPTransport

from probes.probers.runs import Failure, Run

COUNTS = ("messages", "consumers")
PORTS = {"amqp": 5672, "amqps": 5671}


class _Transport(TCPTransport):
    """The library's frames over a connection of ours."""

    def __init__(self, opened: Any) -> None:
        super().__init__("opened:0")
        self.opened = opened

    def connect(self) -> None:
        self.sock = self.opened
        self._setup_transport()  # type: ignore[attr-defined]
        self._write(AMQP_PROTOCOL_HEADER)  # type: ignore[attr-defined]
        self.connected = True


class _Connection(amqp.Connection):
    def __init__(self, opened: Any, **more: Any) -> None:
        super().__init__(**more)
        self.opened = opened

    def Transport(self, *_: Any, **__: Any) -> _Transport:
        return _Transport(self.opened)


def count(run: Run, opened: Any, *, queue: str, what: str, virtual_host: str, user: str, password: str) -> int:
    """One of COUNTS of the queue, by a connection that is open; raises Failure."""
    connection: Any = _Connection(
        opened,
        virtual_host=virtual_host,
        authentication=[sasl.PLAIN(user, password)],
        client_properties={"connection_name": "Hali probe"},
    )
    try:
        connection.connect()
        found = connection.channel().queue_declare(queue, passive=True, auto_delete=False)
    except AccessRefused:
        raise Failure("credentials", "our user or password is refused, or may not look at this queue") from None
    except NotAllowed:
        raise Failure("credentials", "the virtual host is not there, or not for our user") from None
    except NotFound:
        raise Failure("target", "there is no queue of this name") from None
    except ResourceLocked:
        raise Failure("target", "the queue belongs to one connection alone, and nobody else may look at it") from None
    except TimeoutError:
        raise Failure("timeout_read", "connected, but it does not answer in time") from None
    except (AMQPError, OSError, ValueError, LookupError):  # what is no AMQP makes the library stumble in many ways
        if run.is_over:
            raise Failure("timeout_read", "connected, but it does not answer in time") from None
        raise Failure("refused", "the connection was closed, or its answer is not AMQP 0-9-1") from None
    run.mark("ttfb")
    with contextlib.suppress(AMQPError, OSError):
        connection.close()  # one that is only dropped is a warning in the broker's log
    return int(found.message_count if what == "messages" else found.consumer_count)
