"""libcurl's ways to fail, told in our few classes and in words for staff."""

from __future__ import annotations

import pycurl

_TLS = {
    pycurl.E_SSL_CONNECT_ERROR,
    pycurl.E_PEER_FAILED_VERIFICATION,
    pycurl.E_SSL_CIPHER,
    pycurl.E_SSL_ISSUER_ERROR,
    pycurl.E_SSL_INVALIDCERTSTATUS,
    pycurl.E_USE_SSL_FAILED,
}
_CLOSED = {
    pycurl.E_GOT_NOTHING,
    pycurl.E_SEND_ERROR,
    pycurl.E_RECV_ERROR,
    pycurl.E_PARTIAL_FILE,
    pycurl.E_HTTP2,
}
_OUR_CERTIFICATE = {pycurl.E_SSL_CERTPROBLEM}
_IMPOSSIBLE = {pycurl.E_URL_MALFORMAT, pycurl.E_SSL_CACERT_BADFILE, pycurl.E_BAD_FUNCTION_ARGUMENT}


def classify(code: int, words: str) -> tuple[str, str]:
    """error_class and words for a failure that is no timeout."""
    if code == pycurl.E_COULDNT_RESOLVE_HOST:
        return "dns", "the host name is not known"
    if code == pycurl.E_COULDNT_CONNECT:
        return "refused", "the connection was refused"
    if code in _OUR_CERTIFICATE:
        return "target", "the client certificate or its key cannot be used: are both in the file, and is the passphrase right?"
    if code in _CLOSED:
        return "refused", "the connection was closed without a whole answer"
    if code in _TLS:
        return "tls", f"no secure connection: {words[:160]}"
    if code in _IMPOSSIBLE:
        return "target", f"the request cannot be made (libcurl error {code})"
    return "assertion", f"the answer is not HTTP as we know it (libcurl error {code})"
