"""The configuration: validated whole, and then immutable.

Precedence: environment (`SCAND_FEED__URL`), then the TOML file, then the defaults in `sections`.
`config/scand.toml` shows every setting.
"""

from scand.config.loading import load, locate
from scand.config.sections import Admin, Config, Feed, Section, Store, Traces
from scand.config.values import parse_duration

__all__ = [
    "Admin",
    "Config",
    "Feed",
    "Section",
    "Store",
    "Traces",
    "load",
    "locate",
    "parse_duration",
]
