"""The address of a transcript on the reading page: the same in every session, so that reports and colleagues can link to it.

``/t/<id>`` where the id is made of letters, digits and ``._:@+=,-``. Any other id (with slashes, blanks, dots alone, ...)
becomes ``/t/~<base64url>``, because browsers rewrite such paths before they send them.
"""

import base64
import binascii
import re

PORT = 7341
"""Where ``judge annotate`` listens if nobody else does, so that links keep working from one session to the next."""

_PLAIN = re.compile(r"(?!\.\.?$)[\w.:@+=,-]{1,200}", re.ASCII)


def path(transcript_id: str) -> str:
    """The path of a transcript's page.

    >>> path("harbour-003"), path("../a b")
    ('/t/harbour-003', '/t/~Li4vYSBi')
    """
    return f"/t/{name(transcript_id)}"


def url(transcript_id: str) -> str:
    """Where a session at the usual port shows a transcript. It leads nowhere while none is running there.

    >>> url("harbour-003")
    'http://127.0.0.1:7341/t/harbour-003'
    """
    return f"http://127.0.0.1:{PORT}{path(transcript_id)}"


def name(transcript_id: str) -> str:
    """The last part of the path: the id itself where it can stand in one, else ``~`` and base64url."""
    if _PLAIN.fullmatch(transcript_id):
        return transcript_id
    return "~" + base64.urlsafe_b64encode(transcript_id.encode()).decode().rstrip("=")


def transcript_id(name: str) -> str | None:
    """The id behind the last part of a path; None where that is no address of ours.

    >>> transcript_id("~Li4vYSBi"), transcript_id("a/b")
    ('../a b', None)
    """
    if _PLAIN.fullmatch(name):
        return name
    if not name.startswith("~"):
        return None
    try:
        return base64.b64decode(name[1:] + "=" * (-len(name[1:]) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
