"""Commands called in this process, and stores for them to read."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, NamedTuple

from scand.actors.messages import Page
from scand.actors.processor import with_raw
from scand.core.catalogue import Catalogue
from scand.core.judge import Judge
from scand.core.ledger import Gap
from scand.core.parcel import ORDERS, fold
from scand.ports import PageResult
from scand.store.commit import commit
from scand.store.opening import Identity, connect, prepare
from scand.store.transaction import run
from tests.support.parts import NOON
from tests.support.processes import Setup
from tests.support.scans import page_of

URL = "http://carrier.test/scans"


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


Call = Callable[..., Done]


class Shop(Setup):
    """A configuration with a store that a daemon might have left behind."""

    def keep(self, *scans: dict[str, Any], gaps: Sequence[Gap] = ()) -> None:
        """Commit these scans as one page."""
        self._commit(page_of(0, *scans), gaps)

    def turn_away(self, *scans: dict[str, Any]) -> None:
        """Commit these scans as a strict catalogue has judged them that knows none."""
        page = page_of(0, *scans)
        turned = Judge(Catalogue.of([], strict=True)).rule(page.events, NOON).turned
        self._commit(replace(page, events=[], rejected=with_raw(page.body, turned)), ())

    def _commit(self, page: Page, gaps: Sequence[Gap]) -> None:
        key = ORDERS["event_id"]
        result = PageResult(
            events=page.events,
            parcels=fold(page.events, key),
            rejected=page.rejected,
            asked_from=1,
            body=page.body,
            position=page.position,
            ledger=page.ledger._replace(put=gaps),
        )
        prepare(self.store, Identity("carrier", "integer", "event_id", URL))
        with closing(connect(self.store)) as connection:
            run(connection, commit([result], key, NOON))

    def tamper(self, sql: str) -> None:
        """What no daemon does."""
        with closing(sqlite3.connect(self.store)) as connection:
            connection.execute(sql)
            connection.commit()
