"""The carrier: the feed behind a transport that httpx speaks to, and all that it does wrong.

A page is the L lowest ids at or after the one asked for that are visible now; where the server is
an exclusive one, after it. Everything else may differ from one answer to the next.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import httpx
import trio

from tests.simulation.answers import BOM, PLAIN, Answer, Stream, gzipped, page
from tests.simulation.betrayal import Betrayal
from tests.simulation.faults import Fault, Tally
from tests.simulation.manners import Manners
from tests.simulation.plan import Plan, Streams
from tests.simulation.scans import Item, Name
from tests.simulation.terms import Terms
from tests.simulation.trace import Trace
from tests.simulation.troubles import TROUBLES, Trouble
from tests.simulation.truth import late

LEAP = 40
"""A step between ids that is no mere hole."""

NOTHING_NEW = {"204": Answer("success", 204, PLAIN), "404": Answer("neutral", 404, PLAIN)}
MAINTENANCE = Answer("failure", 503, PLAIN, b"we will be back")

OF_TWO = {Fault.CONFLICT, Fault.REPAIRED}
"""Faults that take two scans under one id."""


@dataclass(frozen=True)
class Delivery:
    """A page that has arrived as a whole: what it held, and when that was looked up."""

    at: float
    asked_from: Name
    items: Sequence[Item]


@dataclass
class Exchange:
    """One request under way."""

    start: Name
    limit: int
    began: float
    timeouts: Sequence[float]
    answer: Answer | None = None
    delivery: Delivery | None = None
    over: bool = False

    def verdict(self, error: BaseException | None) -> str:
        """How it went, as the client must see it."""
        if error is None or isinstance(error, httpx.HTTPError):
            return self.answer.verdict if self.answer else "failure"
        took = trio.current_time() - self.began
        timed_out = any(abs(took - timeout) < 1e-9 for timeout in self.timeouts)
        return "failure" if isinstance(error, trio.Cancelled) and timed_out else "neutral"


class Carrier(httpx.AsyncBaseTransport):
    """Answers requests, one way or the other."""

    def __init__(
        self,
        plan: Plan,
        terms: Terms,
        items: Sequence[Item],
        betrayal: Betrayal | None,
        streams: Streams,
        manners: Manners,
        tally: Tally,
        trace: Trace,
    ) -> None:
        self._plan, self._terms = plan, terms
        self._items, self._betrayal = items, betrayal
        self._fleeting = [item for item in items if item.fault is Fault.WITHDRAWN]
        self._places = [item.place for item in items]
        self._rng, self._net = streams["carrier"], streams["latency"]
        self._manners, self._tally, self._trace = manners, tally, trace
        self.deliveries: list[Delivery] = []
        self._by_question: dict[tuple[Name, bytes], Delivery] = {}
        self._late = late(items)
        self._first: dict[Name, Item] = {}  # that was delivered at a place
        self._first_at: dict[bytes, float] = {}
        self._holes = {
            item.place: self._hole(item.place - before.place, item)
            for before, item in pairwise(items)
            if item.place - before.place > 1
        }
        self._named: dict[Name, list[int]] = {}
        for index, item in enumerate(items):
            self._named.setdefault(item.name, []).append(index)
        self.requests = 0

    def _hole(self, step: int, item: Item) -> Fault:
        if step > LEAP:
            return Fault.JUMP
        return Fault.SPARSE if self._plan.sparse and item.shown_at <= 0 else Fault.MISSING

    # --- the exchange

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, sooner or later or never."""
        query, now = request.url.params, trio.current_time()
        start, limit = query.get("FromEventId", ""), int(query["Limit"])
        timeouts = [config.feed.timeout for config in self._terms.since(now)]
        exchange = Exchange(start if self._plan.opaque else int(start), limit, now, timeouts)
        self.requests += 1
        self._trace.note("asked", start, limit)
        self._manners.begins(limit)
        self._notice_losses()
        try:
            await trio.sleep(self._delay())
            exchange.answer = answer = await self._answer(exchange)
        except BaseException as error:
            self._end(exchange, error)
            raise
        stream = Stream(answer, lambda error: self._end(exchange, error))
        return httpx.Response(answer.status, headers=answer.headers, stream=stream)

    def _start(self, query: httpx.QueryParams) -> Name:
        return query.get("FromEventId", "") if self._plan.opaque else int(query["FromEventId"])

    def _end(self, exchange: Exchange, error: BaseException | None) -> None:
        if exchange.over:
            return
        exchange.over = True
        verdict, answer = exchange.verdict(error), exchange.answer
        self._trace.note("answered", verdict, answer and answer.status, type(error).__name__)
        if error is None and exchange.delivery:
            self._deliver(exchange.delivery)
        self._manners.ends(verdict, answer.not_before if answer and not error else float("-inf"))

    def _notice_losses(self) -> None:
        """What is gone does harm as soon as anybody asks."""
        now, betrayal = trio.current_time(), self._betrayal
        if betrayal and now >= betrayal.at:
            self._strike(betrayal.fault)
            self._betrayal = None
        gone = [item for item in self._fleeting if item.gone_at <= now]
        for item in gone:
            self._fleeting.remove(item)
            self._strike(Fault.WITHDRAWN)

    def _delay(self) -> float:
        if self._happens(Fault.LATENCY):
            self._strike(Fault.LATENCY)
            return self._terms.now.feed.timeout * self._net.uniform(0.2, 0.9)
        return min(self._net.expovariate(1 / self._plan.latency), 4.0)

    def _happens(self, fault: Fault) -> bool:
        rate = self._plan.rates.get(fault, 0.0)
        return rate > 0 and self._rng.random() < rate and not self.healed

    @property
    def healed(self) -> bool:
        """Whether the time of faults is over."""
        return trio.current_time() >= self._plan.heal_at

    # --- what is answered

    async def _answer(self, exchange: Exchange) -> Answer:
        if self._is_down():
            self._strike(Fault.OUTAGE)
            return MAINTENANCE
        fault = next((fault for fault in TROUBLES if self._happens(fault)), None)
        if fault is None:
            return self._honest(exchange)
        self._strike(fault)
        longest = self._terms.now.feed.retry.retry_after_cap
        trouble = Trouble(self._rng, self._plan, longest, self._whole(exchange))
        return await TROUBLES[fault](trouble)

    def _is_down(self) -> bool:
        now = trio.current_time()
        return any(begin <= now < end for begin, end in self._plan.outages)

    def _honest(self, exchange: Exchange) -> Answer:
        items = self._visible(exchange)
        if not items and self._plan.when_idle != "empty":
            return NOTHING_NEW[self._plan.when_idle]
        if any(item.fault is Fault.POISON_FRAME for item in items):
            self._strike(Fault.POISON_FRAME)
            return Answer("doubtful", body=self._body(items))
        items = self._disorder(exchange, items)
        exchange.delivery = Delivery(trio.current_time(), exchange.start, items)
        broken = any(item.fault is Fault.POISON_PAGE for item in items)
        prefix = BOM if self._rng.random() < 0.05 else b""
        answer = Answer("neutral" if broken else "success", body=prefix + self._body(items))
        return gzipped(answer) if self._rng.random() < 0.1 else answer

    def _visible(self, exchange: Exchange) -> list[Item]:
        now = trio.current_time()
        most = min(exchange.limit, self._plan.cap or exchange.limit)
        later = islice(self._items, self._first_from(exchange.start), None)
        shown = list(islice((item for item in later if item.visible(now)), most))
        if len(shown) == most < exchange.limit:
            self._strike(Fault.CAPPED)
        return shown

    def _first_from(self, start: Name) -> int:
        """Where the page begins: an unknown id that means nothing leads nowhere."""
        if isinstance(start, int):
            return bisect_left(self._places, start + (not self._plan.inclusive))
        now, known = trio.current_time(), self._named.get(start, [])
        shown = (index for index in known if self._items[index].visible(now))
        return next(shown, len(self._items)) if start else 0

    def _whole(self, exchange: Exchange) -> bytes:
        return self._body(self._visible(exchange))

    def _body(self, items: Iterable[Item]) -> bytes:
        return page((item.raw for item in items), bare=self._plan.bare)

    def _disorder(self, exchange: Exchange, items: list[Item]) -> list[Item]:
        """The same page as a careless server would send it."""
        if items and self._happens(Fault.DUPLICATES):
            self._strike(Fault.DUPLICATES)
            again = self._rng.choices(items, k=self._rng.randint(1, 3))
            items = (
                sorted([*items, *again], key=items.index) if self._plan.opaque else items + again
            )
        if (older := self._older(exchange)) and self._happens(Fault.STRAY):
            self._strike(Fault.STRAY)
            items = [*items, older]
        if len(items) > 1 and self._happens(Fault.REORDER):
            self._strike(Fault.REORDER)
            items = self._rng.sample(items, len(items))
        return items

    def _older(self, exchange: Exchange) -> Item | None:
        """A scan from below the page."""
        below = isinstance(exchange.start, int) and bisect_left(self._places, exchange.start)
        if not below:
            return None
        item = self._items[self._rng.randrange(below)]
        sound = item.fate.readable and item.fault is not Fault.POISON_FRAME
        return item if sound and item.visible(trio.current_time()) else None

    # --- what has arrived

    def delivered(self, asked_from: Name, body: bytes) -> Delivery | None:
        """The page that was served with this body to this question, if it was as it should be."""
        return self._by_question.get((asked_from, body))

    def first_at(self, item: Item) -> float:
        """When a scan arrived for the first time; now, if it never did."""
        return self._first_at.get(item.raw, trio.current_time())

    def _deliver(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        self._by_question[delivery.asked_from, self._body(delivery.items)] = delivery
        for item in delivery.items:
            self._first_at.setdefault(item.raw, delivery.at)
            for fault in self._faults_of(item):
                self._strike(fault)

    def _faults_of(self, item: Item) -> Iterator[Fault]:
        """What is wrong with a scan that arrives."""
        known = item.name in self._first
        contradicts = self._first.setdefault(item.name, item) is not item
        if self._plan.opaque and item.fate.readable:
            yield Fault.OPAQUE
        if item.fault and item.fault not in {*OF_TWO, Fault.WITHDRAWN}:
            yield item.fault
        if item.fault in OF_TWO and contradicts:
            yield item.fault
        if not known and item.place in self._holes:
            yield self._holes[item.place]
        if not known and item.place in self._late:
            yield Fault.LATE

    def _strike(self, fault: Fault) -> None:
        self._tally.strike(fault)
        self._trace.note("fault", fault.name)
