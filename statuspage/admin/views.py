"""The base of the desk's own full pages: one permission, one template, one frame.

A page is a `DeskView` in `statuspage.admin.site.PAGES`. The site's admin_view lets only signed-in staff through, sets the content
security policy and turns a refusal into a page in the frame. The frame itself asks the database for the person alone (what
customers see is read from the snapshot), so a page's number of queries is its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.views import View

from incidents.blockers import Blocker
from statuspage.admin.base import require


@dataclass(frozen=True, slots=True)
class Gate:
    """One line of the blockers' list (admin/desk/_gates.html): what forbids it, and where to mend it ("" when nowhere here)."""

    message: str
    where: str = ""


def gates_at(blockers: Sequence[Blocker], base: str = "") -> list[Gate]:
    """Blockers whose links lead to their fields: `base` is the page they are on, "" for this one."""
    return [Gate(blocker.message, f"{base}#{field_id(blocker.field)}") for blocker in blockers]


def field_id(field: str) -> str:
    """The id that a field has on a page: body.sw is body_sw."""
    return field.replace(".", "_")


class DeskView(View):
    """One of the desk's own pages.

    `permission`: who may open it, whatever the method; an act that needs another asks again with base.require. `template` lies in
    admin/desk/ and extends admin/desk/page.html. `in_focus`: without the side menu, where words are written or signed.
    """

    site: AdminSite | None = None
    permission: ClassVar[str] = ""
    template: ClassVar[str] = ""
    title: ClassVar[str] = ""
    in_focus: ClassVar[bool] = True
    actor: User

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.actor = require(request, self.permission)
        return super().dispatch(request, *args, **kwargs)

    def page(self, *, status: int = 200, template: str = "", **context: Any) -> HttpResponse:
        """The page in the frame, with `context` for its template; `title` names it."""
        assert self.site is not None
        frame = {**self.site.each_context(self.request), "title": self.title, "in_focus": self.in_focus}
        return TemplateResponse(self.request, f"admin/desk/{template or self.template}", {**frame, **context}, status=status)
