"""The body of an answer: bounded on the wire and after decompression, and known to be complete.

httpx would inflate 97 kB to 100 MB and take a truncated gzip stream for a whole one; so the raw
bytes are taken here. A body is held twice for a moment, in pieces and joined: 2 * `cap` and one
network read (64 KiB) is the most that one request can occupy.
"""

import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import httpx

from scand.ports import Failed, TooLarge

_ZLIB_METHOD = 8  # the low half of the first byte of a zlib stream, RFC 1950


Count = Callable[[int, int], None]
"""Told how many bytes were read of a body, on the wire and decompressed."""


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Identity:
    eof = True
    unused_data = b""

    def decompress(self, data: bytes, _max_length: int, /) -> bytes:
        return data


def _gzip(_first: int) -> _Decoder:
    return zlib.decompressobj(zlib.MAX_WBITS + 16)


def _deflate(first: int) -> _Decoder:
    # "deflate" means the zlib format, RFC 9110; some servers send the bare stream all the same.
    is_zlib = first & 0x0F == _ZLIB_METHOD
    return zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)


def _identity(_first: int) -> _Decoder:
    return _Identity()


_CODINGS = {
    "": _identity,
    "identity": _identity,
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
}


class _Body:
    """Takes the bytes of one body as they come; `fault` says why it takes no more."""

    def __init__(self, headers: httpx.Headers, cap: int) -> None:
        self._cap = cap
        self._room = cap
        self._wire_room = cap
        self._pieces: list[bytes] = []
        self._decoder: _Decoder | None = None
        self.fault: Failed | TooLarge | None = None
        coding = headers.get("content-encoding", "").strip().lower()
        self._new_decoder = _CODINGS.get(coding, _identity)
        if coding not in _CODINGS:
            self.fault = Failed("the body has a content encoding that was not asked for")

    def tell(self, count: Count) -> None:
        count(self._cap - self._wire_room, self._cap - self._room)

    def take(self, chunk: bytes) -> None:
        self._wire_room -= len(chunk)
        if self._wire_room < 0:
            self._fail(TooLarge(f"the body has more than {self._cap} bytes"))
        while chunk and self.fault is None:
            chunk = self._decode(chunk)

    def end(self) -> None:
        if self._decoder is not None and not self._decoder.eof:
            self._fail(Failed("the compressed body is truncated"))

    def content(self) -> bytes:
        return b"".join(self._pieces)

    def _decode(self, chunk: bytes) -> bytes:
        """Return what follows a finished stream: gzip may have several in a row, RFC 1952."""
        if self._decoder is None or self._decoder.eof:
            self._decoder = self._new_decoder(chunk[0])
        try:
            piece = self._decoder.decompress(chunk, self._room + 1)
        except zlib.error:
            self._fail(Failed("the compressed body is damaged"))
            return b""
        self._pieces.append(piece[: self._room])
        self._room -= len(piece)
        if self._room < 0:
            self._fail(TooLarge(f"the body has more than {self._cap} bytes when decompressed"))
        return self._decoder.unused_data

    def _fail(self, fault: Failed | TooLarge) -> None:
        self.fault = self.fault or fault


async def read_whole(response: httpx.Response, cap: int, count: Count) -> bytes | Failed | TooLarge:
    """Return the complete body, or what is wrong with it. Raises what httpx raises."""
    if _announced(response.headers) > cap:
        return TooLarge(f"the body is announced with more than {cap} bytes")
    body = _Body(response.headers, cap)
    await _pour(response, body, count)
    body.end()
    return body.fault or body.content()


async def read_beginning(response: httpx.Response, cap: int, count: Count) -> bytes:
    """Return what can be read of a body that is only to be quoted.

    A short one is read to its end, so that the connection stays usable. Faults of the network end
    it early: the status has said what matters.
    """
    body = _Body(response.headers, cap)
    with suppress(httpx.HTTPError):
        await _pour(response, body, count)
    return body.content()


async def _pour(response: httpx.Response, body: _Body, count: Count) -> None:
    # Leaving httpx's nested generators half way would leave them to the garbage collector, which
    # trio warns about. So the connection is closed under them, and they come to their own end.
    try:
        async for chunk in response.aiter_raw():
            body.take(chunk)
            if body.fault:
                await response.aclose()
    except httpx.ReadError:
        if body.fault is None:
            raise
    finally:
        body.tell(count)


def _announced(headers: httpx.Headers) -> int:
    if "transfer-encoding" in headers:  # then Content-Length does not count, RFC 9112 section 6.3
        return 0
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0  # h11 has seen to it; other transports may not
