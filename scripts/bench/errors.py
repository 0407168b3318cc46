"""What can go wrong in a benchmark, so that no figure is printed."""


class BenchError(Exception):
    """The benchmark cannot go on; the message says why."""
