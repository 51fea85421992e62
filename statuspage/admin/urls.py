"""The desk's addresses, as Django's admin site makes them."""

from __future__ import annotations

from statuspage.admin.site import desk

urlpatterns = desk.get_urls()
