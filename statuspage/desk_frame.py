"""How the desk's frame (django-unfold) looks: its title, its menu, its colours."""

from __future__ import annotations

from typing import Any

from statuspage import brand


def of_unfold(*, provider: str, static: str, accent: str) -> dict[str, Any]:
    """Unfold's settings. `static`: the address that files of ours lie below; `accent`: the provider's colour, as #rrggbb."""
    return {
        "SITE_TITLE": f"{provider} desk",
        "SITE_HEADER": provider,
        "SITE_SUBHEADER": "Hali comms desk",
        "SITE_URL": "/",
        "SHOW_HISTORY": True,  # from the audit log: statuspage.admin.base
        "SHOW_VIEW_ON_SITE": False,
        "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: f"{static}img/desk.svg"}],
        "STYLES": [lambda request: f"{static}css/desk.css", lambda request: f"{static}css/desk-pages.css"],
        "SCRIPTS": [lambda request: f"{static}js/desk.js", lambda request: f"{static}js/compose.js"],
        "SIDEBAR": {"navigation": "statuspage.admin.navigation.menu"},
        "COLORS": {"primary": brand.shades(accent)},
    }
