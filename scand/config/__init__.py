"""The configuration: validated whole, and then immutable.

Precedence: environment (`SCAND_FEED__URL`), then the TOML file, then the defaults in `sections`.
`config/scand.toml` shows every setting.
"""

from scand.config.feed import Feed
from scand.config.loading import Loaded, interpret, load, load_file, locate, read
from scand.config.marking import AtStart, Section
from scand.config.reloading import Comparison, compare, marks, unusable
from scand.config.sections import Admin, Config, Store, Traces
from scand.config.values import parse_duration

__all__ = [
    "Admin",
    "AtStart",
    "Comparison",
    "Config",
    "Feed",
    "Loaded",
    "Section",
    "Store",
    "Traces",
    "compare",
    "interpret",
    "load",
    "load_file",
    "locate",
    "marks",
    "parse_duration",
    "read",
    "unusable",
]
