"""The health checks as the admin server answers them."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from scand.records import FetchFailed, PageFetched, Record, StoreBlocked, StoreFreed
from scand.web.admin import Views, create_app, create_metrics_app
from scand.web.serving import serve_admin
from tests.support.parts import NOON
from tests.support.scraped import Scraped

PAGE = PageFetched(1, 2, 0, 0.1, 2, at_head=True, reread=False, gaps=0, newest=NOON)
FAILED = FetchFailed("Failed", "HTTP 500", 3.0)
BLOCKED = StoreBlocked("the disk is full", 2.0, 1)


async def ask(path: str, *records: Record, stands_still: str = "") -> httpx.Response:
    scraped = Scraped(*records)
    views = Views(
        alive=lambda: {"supervisor": stands_still},
        ready=scraped.board.readiness,
        metrics=scraped.exposition.text,
        summary=dict,
    )
    transport = httpx.ASGITransport(create_app(views))
    async with httpx.AsyncClient(transport=transport, base_url="http://scand.test") as client:
        return await client.get(path)


@pytest.mark.parametrize(
    ("records", "store", "feed"),
    [
        ((), "ok", "first contact"),
        ((FAILED,), "ok", "HTTP 500; next try in 3.0 s"),
        ((PAGE,), "ok", "ok"),
        ((PAGE, FAILED), "ok", "ok"),
        ((PAGE, BLOCKED), "the disk is full; next try in 2.0 s", "ok"),
        ((PAGE, BLOCKED, StoreFreed(9.0)), "ok", "ok"),
        ((BLOCKED,), "the disk is full; next try in 2.0 s", "first contact"),
    ],
)
async def test_readiness_names_what_is_missing(
    records: tuple[Record, ...], store: str, feed: str
) -> None:
    """An outage after first contact is no reason not to rely on what is known."""
    answer = await ask("/readyz", *records)
    said: dict[str, Any] = answer.json()
    assert said["checks"] == {"store": store, "feed": feed}
    ready = {store, feed} == {"ok"}
    assert (answer.status_code, said["status"]) == ((200, "ok") if ready else (503, "not ready"))
    missing = [trouble for trouble in (store, feed) if trouble != "ok"]
    assert said.get("reason", "") == "; ".join(missing)


@pytest.mark.parametrize(("trouble", "status"), [("", 200), ("no turn for 12 s", 503)])
async def test_liveness_fails_when_nothing_turns(trouble: str, status: int) -> None:
    """And says what stands still; an outage of the carrier's is none of its business."""
    answer = await ask("/livez", FAILED, stands_still=trouble)
    assert answer.status_code == status
    assert answer.json()["checks"] == {"supervisor": trouble or "ok"}
    assert answer.json().get("reason", "") == trouble


async def test_an_address_for_metrics_alone() -> None:
    """It answers nothing else, so that it can be shown to other machines."""
    transport = httpx.ASGITransport(create_metrics_app(Scraped().exposition.text))
    async with httpx.AsyncClient(transport=transport, base_url="http://scand.test") as client:
        assert "scand_build_info" in (await client.get("/metrics")).text
        for path in ("/livez", "/readyz", "/api/status", "/"):
            assert (await client.get(path)).status_code == 404


async def test_what_is_in_the_place_of_the_socket_stays(tmp_path: Path) -> None:
    """A file that is no socket is named, and left as it is."""
    file = tmp_path / "token"
    file.write_text("secret")
    with pytest.raises(OSError, match=r"token is there already, and no socket; see admin\.socket"):
        await serve_admin(create_metrics_app(nothing), file, "admin.socket")
    assert file.read_text() == "secret"


async def nothing() -> bytes:
    return b""
