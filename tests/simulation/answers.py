"""The carrier's answers as bytes on the wire, and how they may be damaged."""

import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field

import httpx
import trio

JSON = {"content-type": "application/json; charset=utf-8"}
HTML = b"<html><body>We are doing maintenance.</body></html>"
PLAIN = {"content-type": "text/plain"}
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Answer:
    """An answer, what it says of the carrier's health (see `manners`), and what ends its body."""

    verdict: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    body: bytes = b""
    ending: str = "whole"
    not_before: float = float("-inf")


def page(raws: Iterable[bytes], *, bare: bool) -> bytes:
    """Events as one answer: some carriers send a bare array."""
    events = b"[" + b", ".join(raws) + b"]"
    return events if bare else b'{"ScanEvents": ' + events + b"}"


def gzipped(answer: Answer) -> Answer:
    """The same answer, compressed."""
    squeeze = zlib.compressobj(wbits=zlib.MAX_WBITS + 16)
    body = squeeze.compress(answer.body) + squeeze.flush()
    headers = {**answer.headers, "content-encoding": "gzip"}
    return Answer(answer.verdict, answer.status, headers, body, answer.ending)


class Stream(httpx.AsyncByteStream):
    """A body on its way; `over` is told the end, at once and with nothing in between."""

    def __init__(self, answer: Answer, over: Callable[[BaseException | None], None]) -> None:
        self._answer, self._over = answer, over

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            half = len(self._answer.body) // 2
            yield self._answer.body[:half]
            await self._interrupt()
        except BaseException as error:
            self._over(error)
            raise
        # the last piece and the verdict go together: no cancellation comes between them
        self._over(None)
        yield self._answer.body[half:]

    async def _interrupt(self) -> None:
        match self._answer.ending:
            case "stall":
                await trio.sleep_forever()
            case "break":
                await trio.lowlevel.checkpoint()
                raise httpx.ReadError("the connection was reset")
            case _:
                await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        """Whoever closes a body that was not read has read enough of it."""
        self._over(None)
