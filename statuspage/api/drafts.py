"""What any word before it is public goes through, whatever its kind: ask for a signature, discard, publish."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Path, Router, Status

from incidents import documents, signing
from incidents.models import Component
from statuspage.api import schemas
from statuspage.api.door import Caller, caller, guarded
from statuspage.api.problems import Problem, unknown
from statuspage.api.responses import ANSWERS, PROBLEMS


def discard_document(row: Any, reason: str, asking: Caller) -> None:
    documents.discard(document=row, actor=asking.owner, now=asking.now, reason=reason)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of words: where it lies, what it is about, how it goes out. `thing` is its word in messages."""

    thing: str
    scope: str  # incidents, maintenance, ...
    view: str  # the permission to read it
    rows: Callable[[], QuerySet[Any]]
    shape: Callable[[Any], dict[str, Any]]
    about: Callable[[Any], Iterable[Component]]
    publish: Callable[[Any, str, Caller], object]
    discard: Callable[[Any, str, Caller], None] = discard_document

    def find(self, public_id: str, asking: Caller) -> Any:
        """The row, if the token may speak of what it is about. Raises Problem."""
        row = self.rows().filter(public_id=public_id).first()
        if row is None:
            raise unknown(self.thing)
        asking.require_components(self.about(row))
        return row

    def show(self, public_id: str, asking: Caller) -> dict[str, Any]:
        return self.shape(self.find(public_id, asking))


def add_routes(router: Router, address: str, kind: Kind) -> None:
    """GET, DELETE, …/signature-request and …/publish below `address`."""
    named = kind.thing.replace(" ", "_")

    @router.get(f"{address}/{{public_id}}", response=ANSWERS, operation_id=f"read_{named}")
    @guarded("read")
    def read(request: HttpRequest, public_id: Path[schemas.PublicId]) -> dict[str, Any]:
        """One draft or public word."""
        asking = caller(request)
        asking.require(kind.view)
        return kind.show(public_id, asking)

    @router.delete(f"{address}/{{public_id}}", response={204: None, **PROBLEMS}, operation_id=f"discard_{named}")
    @guarded(f"{kind.scope}.write")
    def discard(request: HttpRequest, public_id: Path[schemas.PublicId], reason: schemas.Line = "") -> Status[None]:
        """Drop a draft. What is public stays."""
        asking = caller(request)
        row = kind.find(public_id, asking)
        if row.is_published:
            raise Problem(409, "public", f"This {kind.thing} is public: it stays. Write another.")
        kind.discard(row, reason, asking)
        return Status(204, None)

    @router.post(f"{address}/{{public_id}}/signature-request", response=ANSWERS, operation_id=f"ask_to_sign_{named}")
    @guarded(f"{kind.scope}.write")
    def ask(request: HttpRequest, public_id: Path[schemas.PublicId]) -> dict[str, Any]:
        """Ask for the signature of a person; a token never signs."""
        asking = caller(request)
        signing.request(item=kind.find(public_id, asking), actor=asking.owner, now=asking.now)
        return kind.show(public_id, asking)

    @router.post(f"{address}/{{public_id}}/publish", response=ANSWERS, operation_id=f"publish_{named}")
    @guarded(f"{kind.scope}.publish")
    def publish(request: HttpRequest, public_id: Path[schemas.PublicId], body: schemas.Reason | None = None) -> dict[str, Any]:
        """Make it public; 409 with every blocker. A second time changes nothing."""
        asking = caller(request)
        kind.publish(kind.find(public_id, asking), body.reason if body else "", asking)
        return kind.show(public_id, asking)
