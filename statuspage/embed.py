"""Pure: the frame that other sites show, the script that shows it while something is wrong, and files for search engines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.utils.translation import gettext, override

from incidents.languages import codes
from statuspage import drawings, inert, state_words
from statuspage.page_lately import Lately
from statuspage.rendering import prefix_of

_SCRIPT = """(function () {
  var own = document.currentScript, origin = new URL(own.src).origin, language = own.getAttribute("data-language");
  var prefix = PREFIXED.indexOf(language) < 0 ? "" : "/" + language;
  fetch(origin + "/api/v2/summary.json").then(function (answer) { return answer.json(); }).then(function (said) {
    var atWork = said.scheduled_maintenances.some(function (work) { return work.status !== "scheduled"; });
    if (said.status.indicator === "none" && !said.incidents.length && !atWork) return;
    var frame = document.createElement("iframe");
    frame.src = origin + prefix + "/embed/frame";
    frame.title = said.page.name + ": " + said.status.description;
    frame.style.cssText = "position:fixed;right:16px;bottom:16px;z-index:9999;border:0;height:96px;" +
      "width:min(360px,calc(100vw - 32px))";
    document.body.appendChild(frame);
  }).catch(function () {});
})();
"""
_STYLE = (
    "body{margin:0;font:16px/1.4 system-ui,sans-serif;background:#fbfaf6;color:#1a1d20}"
    "a{display:flex;gap:10px;align-items:center;height:94px;padding:0 14px;border:1px solid #7d7668}"
    "a{color:inherit;text-decoration:none}"
    "svg{width:28px;flex:none}h1{margin:0;font-size:16px}"
    "@media(prefers-color-scheme:dark){body{background:#121517;color:#e8e6e1}}"
)


def script() -> bytes:
    """The first language's frame has no prefix, and a language that is not configured has none of its own."""
    return _SCRIPT.replace("PREFIXED", json.dumps(codes()[1:])).encode()


def frame(said: Lately, *, language: str, stale: bool) -> bytes:
    """The one sentence with its shape, and a link to the page."""
    worst = state_words.shape_of_page(said.components, said.open_incidents, stale=stale)
    sentence = state_words.stale_headline() if stale else state_words.headline(said.components, said.open_incidents)
    letter, path = drawings.SHAPES[worst]
    colour, words = drawings.ICON_COLOURS[letter], inert.xml(inert.line(sentence[language], 160))
    with override(language):
        title = gettext("%(name)s status") % {"name": said.identity.name}
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{inert.xml(title)}</title>'
        f'<meta name="robots" content="noindex"><style>{_STYLE}</style></head><body><main>'
        f'<a href="{inert.xml(said.identity.url + prefix_of(language))}/" target="_blank" rel="noopener">'
        f'<svg viewBox="0 0 24 24" aria-hidden="true"><path fill="#{colour}" fill-rule="evenodd" d="{path}"/>'
        f"</svg><div><h1>{words}</h1>{inert.xml(title)}</div></a></main></body></html>"
    ).encode()


# --- For search engines ------------------------------------------------------------------------


def robots(url: str) -> bytes:
    """A page that is not to be found lets crawlers in, since it says so itself: who may not read it lists its bare address."""
    if settings.NOINDEX:
        return b"User-agent: *\nDisallow: /admin/\n"
    return f"User-agent: *\nDisallow: /admin/\nDisallow: /embed/\nSitemap: {url}/sitemap.xml\n".encode()


def sitemap(url: str, paths: Sequence[str]) -> bytes:
    """These pages, each with its twins in the other languages."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:xhtml="http://www.w3.org/1999/xhtml">',
        *(line for path in paths for line in _page(url, path)),
        "</urlset>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _page(url: str, path: str) -> Iterable[str]:
    twins = "".join(
        f'<xhtml:link rel="alternate" hreflang="{code}" href="{inert.xml(f"{url}{prefix_of(code)}{path}")}"/>' for code in codes()
    )
    for code in codes():
        yield f"<url><loc>{inert.xml(f'{url}{prefix_of(code)}{path}')}</loc>{twins}</url>"
