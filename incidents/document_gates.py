"""What forbids a document of any kind to go out, beside what its own kind forbids."""

from __future__ import annotations

from collections.abc import Sequence

from incidents import gates, stating, ticks
from incidents.blockers import Blocker
from incidents.models.publishable import Document
from incidents.signing import signature_state


def blockers(draft: Document, own: Sequence[Blocker]) -> list[Blocker]:
    """`own`, those of its kind, then those of every kind. What both say is said once, by the kind: it knows better."""
    refused = gates.phrase_blockers(
        ticks.texts_of(draft),
        ticked=ticks.ticked(draft),
        may_say_maintenance=draft.may_say_maintenance(),
        duplicates_open=stating.duplicates_open(draft.facts().get("incident") or ""),
    )
    said = {(blocker.code, blocker.field.rpartition(".")[2]) for blocker in own}
    found = [*gates.draft_blockers(draft.publication), *own]
    found += [blocker for blocker in refused if (blocker.code, blocker.field.rpartition(".")[2]) not in said]
    if not any(blocker.field == "signature" for blocker in own):
        found += gates.signature_blockers(signature_state(draft))
    return found
