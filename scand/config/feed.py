"""`[feed]`, with the only defaults there are."""

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from scand.config.checks import START, Misfit, at_odds_with_opaque_ids, refuse
from scand.config.marking import IDENTITY, AtStart, Reloadable, Section
from scand.config.values import (
    Duration,
    FieldPath,
    Name,
    PositiveDuration,
    SecretPath,
    Size,
    StartFrom,
    Url,
    Whole,
)
from scand.core.event import MAX_ID, IdKind
from scand.core.fields import SAMPLE, FieldMap
from scand.core.parcel import Order


class Breaker(Section):
    """`[feed.breaker]`"""

    failures: Annotated[Whole, Field(ge=1, le=1000)] = 5
    reset_after: PositiveDuration = 30.0


class Retry(Section):
    """`[feed.retry]`"""

    base: PositiveDuration = 0.25
    cap: PositiveDuration = 60.0
    retry_after_cap: PositiveDuration = 900.0
    refused_pause: PositiveDuration = 60.0


class Fields(Section):
    """`[feed.fields]`"""

    events: FieldPath = SAMPLE.events
    event_id: FieldPath = SAMPLE.event_id
    parcel_id: FieldPath = SAMPLE.parcel_id
    type: FieldPath = SAMPLE.type
    created_at: FieldPath = SAMPLE.created_at
    status_code: FieldPath = SAMPLE.status_code
    run_id: FieldPath = SAMPLE.run_id
    carrier_id: FieldPath = SAMPLE.carrier_id
    user_id: FieldPath = SAMPLE.user_id
    device_id: FieldPath = SAMPLE.device_id
    device_transaction_id: FieldPath = SAMPLE.device_transaction_id

    @model_validator(mode="after")
    def _lead_to_different_places(self) -> Self:
        fields = self.build()
        refuse(Misfit(name, getattr(fields, name), why) for name, why in fields.clashes())
        return self

    def build(self) -> FieldMap:
        """The field map that these settings describe."""
        return FieldMap(**self.model_dump())


class Feed(Section):
    """`[feed]`"""

    name: Annotated[Name, IDENTITY] = "carrier"
    url: Annotated[Url, AtStart("it may be another feed, which is found out at first contact")]
    limit: Reloadable[Annotated[Whole, Field(ge=1, le=100_000)]] = 100
    poll_interval: Reloadable[PositiveDuration] = 2.0
    timeout: Reloadable[PositiveDuration] = 30.0
    max_body: Reloadable[Annotated[Size, Field(ge=1 << 10, le=1 << 30)]] = 32 << 20
    token_file: Reloadable[SecretPath | None] = None
    id_kind: Annotated[IdKind, IDENTITY] = "integer"
    order: Annotated[Order, IDENTITY] = "event_id"
    start_from: Annotated[StartFrom, AtStart("only a new store begins there")] = 1
    from_id: Annotated[
        Literal["auto", "inclusive", "exclusive"],
        Field(alias="from", serialization_alias="from"),
        AtStart("what was covered so far was covered by it"),
    ] = "auto"
    late_window: Reloadable[Duration] = 600.0
    max_id_jump: Reloadable[Annotated[Whole, Field(ge=1, le=MAX_ID)]] = 10_000_000
    max_future: Reloadable[Duration] = 86400.0
    on_reset: Reloadable[Literal["halt", "continue"]] = "halt"
    on_poison: Reloadable[Literal["isolate", "halt"]] = "isolate"
    on_retention_gap: Reloadable[Literal["halt", "continue"]] = "continue"
    catch_up_concurrency: Reloadable[Annotated[Whole, Field(ge=1, le=64)]] = 1
    fields: Annotated[Fields, IDENTITY] = Fields()
    breaker: Reloadable[Breaker] = Breaker()
    retry: Reloadable[Retry] = Retry()

    @field_validator("start_from")
    @classmethod
    def _start_is_an_id(cls, start: int | str, others: ValidationInfo) -> int | str:
        return START[others.data.get("id_kind", "integer")](start)

    @model_validator(mode="after")
    def _fits_its_ids(self) -> Self:
        if self.id_kind == "opaque":
            refuse(at_odds_with_opaque_ids(self.model_dump(by_alias=True)))
        return self
