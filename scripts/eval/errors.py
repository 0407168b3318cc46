"""What can go wrong in a measurement, so that no figure is shown."""


class EvalError(Exception):
    """The measurement cannot go on; the message says why."""
