"""Bugs, planted into production code for the time of a run: each must be found by its harm.

Production knows nothing of them: a plant exchanges a function, as a mistaken change would. Each is
a mistake that somebody could make, and that a test of the happy path would not notice.
"""

from tests.simulation.plants import accounts, actors, core, feed, reloads, store
from tests.simulation.plants.garden import PLANTS

__all__ = ["PLANTS", "accounts", "actors", "core", "feed", "reloads", "store"]
