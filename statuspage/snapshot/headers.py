"""The headers of snapshot files: what the app's own server sends, and deploy/nginx.conf in the same words.

The policy of a page's sheet and script (their hashes) stands in a meta element of the page itself, so that both servers send one
fixed header and an archive page from before an upgrade keeps its own hashes. The header adds what a meta element cannot say.
"""

from __future__ import annotations

# Whatever speaks of now: seconds old at most, a minute when we are down; each sentence about now carries its time.
NOW_CACHE = "public, max-age=10, s-maxage=10, stale-while-revalidate=20, stale-if-error=60"
# Archive pages say nothing about now: an old one is better than none for a day.
ARCHIVE_CACHE = "public, max-age=10, s-maxage=10, stale-while-revalidate=20, stale-if-error=86400"
POLICY = "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
DRAWING_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
FRAME_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors *; base-uri 'none'; form-action 'none'"

PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"  # nothing of a reader's phone is ours
HSTS_SECONDS = 31_536_000

ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ("Permissions-Policy", PERMISSIONS),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
# Only where the reader came by https, as browsers ask.
BY_HTTPS = (("Strict-Transport-Security", f"max-age={HSTS_SECONDS}"),)
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".atom": "application/atom+xml; charset=utf-8",
    ".rss": "application/rss+xml; charset=utf-8",
    ".cap": "application/cap+xml; charset=utf-8",
    ".xml": "application/xml; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".ics": "text/calendar; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".jsonl": "application/x-ndjson; charset=utf-8",
}


def headers_for(file: str, *, about_now: bool) -> list[tuple[str, str]]:
    """All headers that do not depend on the file's bytes. `file` is its name in the snapshot; only its ending matters."""
    ending = file[file.rindex(".") :]
    listed = [("Content-Type", CONTENT_TYPES[ending]), ("Cache-Control", NOW_CACHE if about_now else ARCHIVE_CACHE), *ALWAYS]
    if file.endswith("embed/frame.html"):
        return [*listed, ("Content-Security-Policy", FRAME_POLICY)]
    if ending == ".html":
        return [*listed, ("Content-Security-Policy", POLICY)]
    if ending == ".svg":
        listed.append(("Content-Security-Policy", DRAWING_POLICY))
    return [*listed, ("Access-Control-Allow-Origin", "*")]
