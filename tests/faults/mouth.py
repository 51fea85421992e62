"""A person who publishes, in a process of the copy that is up already: one line asks, one line answers.

`say <component> <notice>`, `verify`, `readers <count>`; the answer is `ok`, or `no` and why.
"""

from __future__ import annotations

import io
import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "statuspage.settings")
    import django

    django.setup()
    from django.core.management import CommandError
    from django.db import Error, connections

    from statuspage.management.commands import publish_notice, verify_record
    from tests.benchmarks.outbox_rows import make_readers

    _answer("ok")
    for line in sys.stdin:
        what, *words = line.split()
        try:
            if what == "say":
                publish_notice.Command(stdout=io.StringIO()).handle(component=words[0], notice=words[1], reason="")
            elif what == "readers":
                make_readers(int(words[0]))
            else:
                verify_record.Command(stdout=io.StringIO()).handle(head="")
            _answer("ok")
        except (CommandError, Error) as error:
            _answer(f"no {' '.join(str(error).split())[:300]}")
        finally:
            connections.close_all()


def _answer(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
