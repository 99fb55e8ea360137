"""What the daemon waits for, told anew at each look."""

from typing import NamedTuple


class Waiting(NamedTuple):
    """A reason, and until when, in seconds since 1970, if somebody tries again by himself."""

    reason: str = ""
    until: float | None = None

    def said(self, now: float) -> str:
        """For people: "" if nothing is waited for."""
        if self.until is None:
            return self.reason
        left = self.until - now
        return f"{self.reason}; " + (f"next try in {left:.1f} s" if left > 0 else "trying again")


NOTHING = Waiting()
FIRST_CONTACT = Waiting("first contact")
