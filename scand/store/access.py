"""What keeps scand from using a file: its owner, or that the disk is full."""

import errno
import os
import pwd
from pathlib import Path

from scand.core.errors import StoreError

NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
"""Errors that are over when somebody makes room."""

READ = os.R_OK
WRITE = os.R_OK | os.W_OK


def refusal(file: Path, use: int) -> StoreError | None:
    """What to say of a file that is there and may not be put to this use (`READ`, `WRITE`)."""
    try:
        if os.access(file, use, effective_ids=True):
            return None
        owner, folder = file.stat(), file.parent.stat()
    except OSError:
        return None
    wanted = "write" if os.access(file, READ, effective_ids=True) else "read"
    return StoreError(
        f"{file}: Permission denied to {wanted} it: its owner is {_name(owner.st_uid)}, its mode"
        f" {owner.st_mode & 0o7777:04o}, and this runs as {_name(os.geteuid())}",
        f"`chown --reference={file.parent} {file}` as root, and mode 0600"
        if folder.st_uid == os.geteuid()
        else "run this as its owner, or as root",
    )


def _name(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"
