"""Items of every length, as channels are handed them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from incidents.languages import in_all
from subscribers import items
from subscribers.items import Item
from subscribers.rendering import CODE_MARK, CONFIRM_MARK, MANAGE_MARK, UNSUBSCRIBE_MARK, Rendered
from subscribers.transports.base import Parcel
from tests.factories import NOON, ComponentFactory, IncidentFactory
from tests.subscribers.news import publish

LINK = "https://status.mfanopesa.example/manage/abc-_.def"
FILLS = {MANAGE_MARK: LINK, UNSUBSCRIBE_MARK: LINK, CONFIRM_MARK: LINK, CODE_MARK: "012345"}
HOSTILE = '<!channel> <@U1> [x](https://evil.example) *a* _b_ `c` ~d~ & " \\ @everyone\n# e'
LONG = "Malipo yanachelewa kufika kwa wateja wote. " * 400


def item(*, text: str = "Sending money is slow. Do not send again.", name: str = "Slow transfers", services: int = 1) -> Item:
    """A published update of an incident that names so many services."""
    incident = IncidentFactory(name=in_all({"en": name, "sw": name}))
    made = [ComponentFactory(name=in_all({"en": name[:190], "sw": name[:190]})) for _ in range(services)]
    update = publish(incident, component=made[0], body=in_all({"en": text, "sw": text}), next_update_by=NOON)
    for component in made[1:]:
        update.affected.create(component=component, new_status="partial_outage")
    return items.item_of(update)


def parcel(rendered: Rendered, url: str, **fields: Any) -> Parcel:
    given: Mapping[str, Any] = {"message_id": "inc.upd.key", "date": NOON, "fills": FILLS, **fields}
    return Parcel(address=url, rendered=rendered, **given)
