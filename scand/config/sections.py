"""One frozen section per component, with the only defaults there are; `[feed]` has its own room."""

import os
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from scand.config.feed import Feed
from scand.config.marking import BOUND, COUNTED, AtStart, Reloadable, Section
from scand.config.values import (
    Age,
    Duration,
    Endpoint,
    Entry,
    FilePath,
    Listen,
    PositiveDuration,
    Rate,
    ViewUrl,
    Whole,
)
from scand.core.catalogue import SHIPPED, Catalogue

PREFIX = "SCAND_"
"""What the names of environment variables begin with."""

_MAX_SOCKET_PATH = 107
"""Bytes that Linux has room for in a Unix socket's address."""


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
