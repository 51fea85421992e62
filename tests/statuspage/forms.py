"""A page's form as a browser would post it back: what its fields hold, with changes."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from django.http import HttpResponse


class _Fields(HTMLParser):
    """The fields of the form with that id, or of the one that names that act."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.wanted, self.inside, self.found = form_id, False, {}  # type: ignore[var-annotated]
        self.textarea = self.select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.inside = given.get("id") == self.wanted
        if not self.inside:
            return
        name = given.get("name") or ""
        if tag == "input" and name:
            kind = given.get("type") or "text"
            if kind not in ("checkbox", "radio") or "checked" in given:
                self.found[name] = given.get("value") or ("on" if kind == "checkbox" else "")
        elif tag == "textarea" and name:
            self.textarea, self.found[name] = name, ""
        elif tag == "select" and name:
            self.select = name
        elif tag == "option" and self.select and ("selected" in given or self.select not in self.found):
            self.found[self.select] = given.get("value") or ""

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.found[self.textarea] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.textarea:
            # The first line break after the tag is not part of the text.
            self.found[self.textarea] = self.found[self.textarea].removeprefix("\r\n").removeprefix("\n").replace("\n", "\r\n")
            self.textarea = ""
        elif tag == "select":
            self.select = ""
        elif tag == "form":
            self.inside = False


def posted(page: HttpResponse | Any, form_id: str = "draft", **changes: Any) -> dict[str, Any]:
    """The form's fields with `changes`; None leaves a field out, as an unticked box."""
    parser = _Fields(form_id)
    parser.feed(page.content.decode())
    assert parser.found, f"There is no form “{form_id}” on this page."
    together = {**parser.found, **changes}
    return {name: value for name, value in together.items() if value is not None and name != "csrfmiddlewaretoken"}
