"""Taking back by hand what was said: a draft of the withdrawal with its public note, which another person signs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User

from incidents import documents, gates
from incidents.blockers import Blocker
from incidents.drafts import TimelineError
from incidents.languages import by_language, in_all
from incidents.models import Rebuttal, Statement, Withdrawal
from incidents.statements import Cause


def draft(*, of: Statement | Rebuttal, note: Mapping[str, str], author: User, now: datetime) -> Withdrawal:
    """A draft that takes `of` back, with the note that readers get. Raises TimelineError for what is not public."""
    if not of.is_published:
        raise TimelineError("It is not public: discard the draft instead.")
    about = {"statement": of} if isinstance(of, Statement) else {"rebuttal": of}
    return documents.add(document=Withdrawal(cause=Cause.BY_HAND, note=in_all(note), **about), author=author, now=now)


def blockers(withdrawal: Withdrawal) -> list[Blocker]:
    """What its own kind forbids."""
    found = gates.language_blockers({"note": by_language(withdrawal.note)})
    same = Withdrawal.objects.published()
    if withdrawal.rebuttal:
        same = same.filter(rebuttal__series=withdrawal.rebuttal.series)
    else:
        same = same.filter(statement=withdrawal.statement_id)
    if same.exists():
        found.append(Blocker("withdrawn", "withdrawal", "It is withdrawn already."))
    return found
