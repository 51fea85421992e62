"""`manage.py api_token make|revoke|list`: tokens of the write API without the desk."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from incidents.models import Component
from statuspage import tokens
from statuspage.models import Token


class Command(BaseCommand):
    help = "Make a token and print its secret once, revoke one, or list them all."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        make = acts.add_parser("make", help="make one and print its secret, this once")
        make.add_argument("name", help="by what uses it, for example nightly-books")
        make.add_argument("--owner", required=True, help="the user name of who answers for what it writes")
        make.add_argument("--scopes", required=True, help=f"with commas between: {', '.join(tokens.SCOPES)}")
        make.add_argument("--components", default="", help="codes of the services it speaks of; left out: all")
        make.add_argument("--days", type=int, default=90, help="until it ends, at most 366")
        revoke = acts.add_parser("revoke", help="end one now")
        revoke.add_argument("name")
        acts.add_parser("list", help="name, owner, scopes, end, last use")

    def handle(self, *args: Any, **options: Any) -> None:
        {"make": self._make, "revoke": self._revoke, "list": self._list}[options["act"]](options)

    def _make(self, options: dict[str, Any]) -> None:
        now = timezone.now()
        owner = User.objects.filter(username=options["owner"]).first()
        if owner is None:
            raise CommandError(f"There is nobody called {options['owner']}: give the name they sign in with.")
        codes = [code.strip() for code in options["components"].split(",") if code.strip()]
        components = list(Component.objects.filter(code__in=codes))
        if missing := sorted(set(codes) - {component.code for component in components}):
            raise CommandError(f"There is no service {missing[0]}.")
        try:
            token = tokens.make(
                name=options["name"],
                owner=owner,
                scopes={scope.strip() for scope in options["scopes"].split(",") if scope.strip()},
                expires_at=now + timedelta(days=min(max(options["days"], 0), 10_000)),
                actor=None,
                now=now,
                components=components,
                machine="manage.py api_token",
            )
            secret = tokens.take(token=token, actor=None, now=now, machine="manage.py api_token")
        except tokens.TokenRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(secret)
        self.stderr.write(f"Token {token}, shown this once. It acts for {owner} until {token.expires_at:%Y-%m-%d}.")

    def _revoke(self, options: dict[str, Any]) -> None:
        token = Token.objects.filter(name=options["name"]).first()
        if token is None:
            raise CommandError(f"There is no token {options['name']}: `manage.py api_token list` names them.")
        done = tokens.revoke(token=token, actor=None, now=timezone.now(), machine="manage.py api_token")
        self.stdout.write(f"{token} is revoked." if done else f"{token} was revoked before.")

    def _list(self, options: dict[str, Any]) -> None:
        now = timezone.now()
        valid = set(Token.objects.valid(now).values_list("pk", flat=True))
        for token in Token.objects.select_related("owner").order_by("name"):
            used = f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never"
            state = f"until {token.expires_at:%Y-%m-%d}" if token.pk in valid else "ended"
            self.stdout.write(f"{token.name}\t{token.owner}\t{state}\tlast used {used}\t{','.join(token.scopes)}")
