"""The clock of leases: seconds that go on counting while the machine is suspended."""

import time

_CLOCK_ID: int | None = getattr(time, "CLOCK_BOOTTIME", None)


def now() -> float:
    """Return seconds since boot; only differences mean something."""
    return time.monotonic() if _CLOCK_ID is None else time.clock_gettime(_CLOCK_ID)
