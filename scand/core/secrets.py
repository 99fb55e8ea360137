"""What must not be shown: the parts of a text that may hold a secret, wherever the text is from."""

import re

_HIDDEN = (
    (re.compile(r"\?[^\s\"'<>]*=[^\s\"'<>]*"), "?***"),  # the query of an address
    (re.compile(r"(?<=://)[^/\s@\"'<>]+@"), "***@"),  # its user and password
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), r"\1 ***"),
)


def redact(text: str) -> str:
    """The text without what looks like a credential."""
    for pattern, instead in _HIDDEN:
        text = pattern.sub(instead, text)
    return text
