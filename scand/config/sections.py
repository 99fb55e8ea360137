"""One frozen section per component, with the only defaults there are."""

import os
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, Self

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

    name: Name = "carrier"
    url: Url
    limit: Annotated[Whole, Field(ge=1, le=100_000)] = 100
    poll_interval: PositiveDuration = 2.0
    timeout: PositiveDuration = 30.0
    max_body: Annotated[Size, Field(ge=1 << 10)] = 32 << 20
    token_file: SecretPath | None = None
    id_kind: IdKind = "integer"
    order: Order = "event_id"
    start_from: StartFrom = 1
    from_id: Annotated[
        Literal["auto", "inclusive", "exclusive"], Field(alias="from", serialization_alias="from")
    ] = "auto"
    late_window: Duration = 600.0
    max_id_jump: Annotated[Whole, Field(ge=1, le=MAX_ID)] = 10_000_000
    max_future: Duration = 86400.0
    on_reset: Literal["halt", "continue"] = "halt"
    on_poison: Literal["isolate", "halt"] = "isolate"
    on_retention_gap: Literal["halt", "continue"] = "continue"
    catch_up_concurrency: Annotated[Whole, Field(ge=1, le=64)] = 1
    fields: Fields = Fields()
    breaker: Breaker = Breaker()
    retry: Retry = Retry()

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

    shards: Annotated[Whole, Field(ge=1, le=64)] = 4


class Store(Section):
    """`[store]`"""

    path: FilePath = Path("/var/lib/scand/scand.db")
    keep_events: Age = inf
    keep_dead_letters: Duration = 90 * 86400.0


class Supervisor(Section):
    """`[supervisor]`"""

    intensity: Annotated[Whole, Field(ge=0, le=1000)] = 5
    period: PositiveDuration = 60.0
    drain_timeout: Duration = 20.0


class Admin(Section):
    """`[admin]`"""

    listen: Listen = "127.0.0.1:9464"
    socket: Path | None = None


class Metrics(Section):
    """`[metrics]`"""

    listen: Listen = ""


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
    catalogue: CatalogueSection = CatalogueSection()
    processors: Processors = Processors()
    store: Store = Store()
    supervisor: Supervisor = Supervisor()
    admin: Admin = Admin()
    metrics: Metrics = Metrics()
    logs: Logs = Logs()
    traces: Traces = Traces()

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
