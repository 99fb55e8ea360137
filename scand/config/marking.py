"""What every section is, and what a reload does about its settings."""

from enum import Enum
from typing import Annotated, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

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
