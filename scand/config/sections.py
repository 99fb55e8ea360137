"""One frozen section per component, with the only defaults there are."""

import os
from enum import Enum
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from scand.config.checks import START, Misfit, at_odds_with_opaque_ids, refuse
from scand.config.values import (
    Age,
    Duration,
    Endpoint,
    Entry,
    FieldPath,
    FilePath,
    Listen,
    Name,
    PositiveDuration,
    Rate,
    SecretPath,
    Size,
    StartFrom,
    Url,
    ViewUrl,
    Whole,
)
from scand.core.catalogue import SHIPPED, Catalogue
from scand.core.event import MAX_ID, IdKind
from scand.core.fields import SAMPLE, FieldMap
from scand.core.parcel import Order

PREFIX = "SCAND_"
"""What the names of environment variables begin with."""

_MAX_SOCKET_PATH = 107
"""Bytes that Linux has room for in a Unix socket's address."""


Setting = TypeVar("Setting")


class Reload(Enum):
    """A reload applies the setting, or all settings of the section."""

    APPLIES = True


class AtStart(NamedTuple):
    """A reload refuses another value, and why."""

    reason: str


Mark = Reload | AtStart
"""What a reload does about a setting; a setting without a mark is as its section says."""

Reloadable = Annotated[Setting, Reload.APPLIES]
IDENTITY = AtStart("it is part of the identity of the store")
BOUND = AtStart("it is bound when scand starts")
COUNTED = AtStart("restarts are counted by it since scand started")


class Section(BaseModel):
    """Strict, closed, immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)


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
    max_body: Reloadable[Annotated[Size, Field(ge=1 << 10)]] = 32 << 20
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


class CatalogueSection(Section):
    """`[catalogue]`"""

    mode: Literal["open", "strict"] = "open"
    known: tuple[Entry, ...] = SHIPPED

    def build(self, run_id: str) -> Catalogue:
        """The catalogue that these settings describe; `run_id` is what the carrier calls it."""
        return Catalogue.of(self.known, strict=self.mode == "strict", run_id=run_id)


class Processors(Section):
    """`[processors]`"""

    shards: Annotated[
        Whole,
        Field(ge=1, le=64),
        AtStart("as many processors were started"),
    ] = 4


class Store(Section):
    """`[store]`"""

    path: Annotated[FilePath, AtStart("the store is open")] = Path("/var/lib/scand/scand.db")
    keep_events: Reloadable[Age] = inf
    keep_dead_letters: Reloadable[Duration] = 90 * 86400.0


class Supervisor(Section):
    """`[supervisor]`"""

    intensity: Annotated[Whole, Field(ge=0, le=1000), COUNTED] = 5
    period: Annotated[PositiveDuration, COUNTED] = 60.0
    drain_timeout: Reloadable[Duration] = 20.0


class Admin(Section):
    """`[admin]`"""

    listen: Annotated[Listen, BOUND] = "127.0.0.1:9464"
    socket: Annotated[Path | None, BOUND] = None


class Metrics(Section):
    """`[metrics]`"""

    listen: Annotated[Listen, BOUND] = ""


class Traces(Section):
    """`[traces]`"""

    endpoint: Endpoint = ""
    headers_file: FilePath | None = None
    events_per_second: Rate = 100
    view_url: ViewUrl = ""
    flush_timeout: Duration = 3.0

    def view(self, trace_id: str | None) -> str | None:
        """The address where people look at a trace, given in hex, if there is one."""
        return self.view_url.replace("{trace_id}", trace_id) or None if trace_id else None


class Logs(Section):
    """`[logs]`"""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class Config(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__"
    )

    feed: Feed
    catalogue: Reloadable[CatalogueSection] = CatalogueSection()
    processors: Processors = Processors()
    store: Store = Store()
    supervisor: Supervisor = Supervisor()
    admin: Admin = Admin()
    metrics: Metrics = Metrics()
    logs: Reloadable[Logs] = Logs()
    traces: Reloadable[Traces] = Traces()

    @model_validator(mode="after")
    def _listens_once(self) -> Self:
        door = self.metrics.listen
        if door and door == self.admin.listen and not door.endswith(":0"):
            raise ValueError(
                f"metrics.listen: {door} is admin.listen, which serves /metrics already; leave it"
                " out, or choose another address"
            )
        return self

    @model_validator(mode="after")
    def _socket_can_be_bound(self) -> Self:
        if len(os.fsencode(self.admin_socket)) > _MAX_SOCKET_PATH:
            raise ValueError(
                f"admin.socket: {self.admin_socket} exceeds the {_MAX_SOCKET_PATH} bytes that"
                " a Unix socket may have; set a shorter one (unless set, it is by the store)"
            )
        return self

    @model_validator(mode="after")
    def _flush_ends_with_the_drain(self) -> Self:
        if self.traces.endpoint and self.traces.flush_timeout > self.supervisor.drain_timeout:
            raise ValueError(
                "traces.flush_timeout: it is a part of supervisor.drain_timeout; set it no longer"
            )
        return self

    @property
    def drain_timeout(self) -> float:
        """How long a stop may take to commit: the rest of its time is for the traces."""
        traces = self.traces
        return self.supervisor.drain_timeout - (traces.flush_timeout if traces.endpoint else 0.0)

    @property
    def admin_socket(self) -> Path:
        """Where the admin server's Unix socket is: beside the store, unless set."""
        return self.admin.socket or self.store.path.with_name(self.store.path.name + ".sock")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, which arrives as init arguments."""
        return env_settings, init_settings

    def document(self) -> dict[str, Any]:
        """The effective configuration as plain data, durations and sizes as text."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
