"""Who holds a lease: after kill -9 the next start need not wait until the leases of the dead run out."""

import os
import secrets
import socket
from pathlib import Path


def owner() -> str:
    """A name for a holder of leases that tells on which machine and in which process it lives."""
    return f"{socket.gethostname()}/{os.getpid()}/{_started(os.getpid())}/{secrets.token_hex(6)}"


def is_dead(name: str) -> bool:
    """The holder's process was of this machine and is no more; of other machines nothing can be said."""
    parts = name.split("/")
    if len(parts) < 4 or parts[0] != socket.gethostname() or not parts[1].isdecimal():
        return False
    pid = int(parts[1])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _started(pid) != parts[2]  # another process has the number by now


def _started(pid: int) -> str:
    """When the process began, in the kernel's ticks; empty where the kernel does not say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
