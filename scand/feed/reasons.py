"""What went wrong, in one short line for an operator and without a secret in it."""

from collections.abc import Iterable, Iterator

import httpx

from scand.core.secrets import redact

_MAX_QUOTE = 80
_MAX_DETAIL = 120

# By class, the nearest in the order of inheritance; what the library says is added in brackets.
_FAULTS: dict[type[BaseException], str] = {
    httpx.ConnectTimeout: "no connection in time",
    httpx.PoolTimeout: "no free connection in time",
    httpx.TimeoutException: "no answer in time",
    httpx.ConnectError: "cannot connect",
    httpx.NetworkError: "the connection broke",
    httpx.ProxyError: "the proxy failed",
    httpx.RemoteProtocolError: "not valid HTTP",
    httpx.LocalProtocolError: "the request could not be sent",
    httpx.HTTPError: "the exchange failed",
}


def explain(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """Say what a failed exchange failed of."""
    phrase = next(_FAULTS[kind] for kind in type(error).__mro__ if kind in _FAULTS)
    if isinstance(error, httpx.LocalProtocolError):  # may quote the request, Authorization included
        return phrase
    detail = _printable(_root_cause(error), secrets, _MAX_DETAIL)
    return f"{phrase} ({detail})" if detail else phrase


def quote(body: bytes, secrets: Iterable[str] = ()) -> str:
    """The beginning of a body that was not what it should be, safe to log."""
    return _printable(body.decode("utf-8", "replace"), secrets, _MAX_QUOTE)


def _printable(text: str, secrets: Iterable[str], limit: int) -> str:
    # Secrets go first: afterwards one of them might be cut in half and not be recognised.
    for secret in secrets:
        text = text.replace(secret, "***")
    text = redact(text)
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _root_cause(error: BaseException) -> str:
    """The operating system's or TLS's own words, which httpx buries, else the library's."""
    buried = [cause for cause in _causes(error) if isinstance(cause, OSError)]
    return (buried[-1].strerror or str(buried[-1])) if buried else str(error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """From the outside in; of several failed attempts to connect, the first."""
    while error is not None:
        yield error
        attempts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        # httpcore raises "from None", which hides the cause but keeps the context.
        error = attempts[0] if attempts else error.__cause__ or error.__context__
