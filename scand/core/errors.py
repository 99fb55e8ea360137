"""Whose fault it is.

    ScandError
    ├── OperatorError    something an operator can put right; carries a hint that says how
    │   ├── ConfigurationError    the configuration: exit status 2, never restarted
    │   ├── FeedHaltedError       the feed is not what it was or should be; a policy says to halt
    │   ├── BackupError           a copy of the store could not be made, or proven
    │   └── StoreError            the database file: absent, foreign, newer, in use, unwritable
    │       ├── StoreBlockedError    for now: the disk is full, or fails; it may be over any time
    │       └── StaleStoreError      for this process: a new one opens it as it is now
    ├── RolledBackError      ours: a transaction failed, and left no trace
    └── IngestFailedError    ours: the pipeline was restarted too often

The carrier's faults are no exceptions: they are values, see `ports.Outcome`.
"""

from collections.abc import Sequence


class ScandError(Exception):
    """What the command line turns into one clear message."""

    exit_status = 1


class OperatorError(ScandError):
    """A mistake or a circumstance that an operator can mend, and how."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class ConfigurationError(OperatorError):
    """The configuration cannot be used; `problems` are its mistakes, where it could be read."""

    exit_status = 2

    def __init__(self, message: str, hint: str = "", problems: Sequence[str] = ()) -> None:
        super().__init__(message, hint)
        self.problems = problems


class FeedHaltedError(OperatorError):
    """The feed was reset, has lost events, or serves what cannot be read; and somebody decides."""


class BackupError(OperatorError):
    """There is no copy of the store where one was to be."""


class StoreError(OperatorError):
    """The database cannot be used."""

    exit_status = 2


class StoreBlockedError(StoreError):
    """The database cannot be used now; the same may succeed later."""

    exit_status = 1


class StaleStoreError(StoreError):
    """The database cannot be used by this process any more; the next one can."""

    exit_status = 1


class RolledBackError(ScandError):
    """A transaction raised what is its cause, and was rolled back."""


class IngestFailedError(ScandError):
    """More restarts than the supervisor allows in a period."""
