"""`agent doctor`: what is there, what is missing, and what to do about it."""

from shared.cli.doctor.command import doctor

__all__ = ["doctor"]
