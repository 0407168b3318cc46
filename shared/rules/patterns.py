"""Regular expressions of rules: RE2, so that no pattern and no mail takes more than linear time."""

import re2

from shared.rules.folding import normalised

MAX_PATTERN_CHARS = 1_000
_PATTERN_MEMORY_BYTES = 2 << 20


def pattern_options(max_bytes: int = _PATTERN_MEMORY_BYTES) -> re2.Options:
    """Return the options all patterns of rules are compiled with."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = max_bytes
    return options


def compile_pattern(pattern: str) -> "re2._Regexp[str]":
    """Compile with RE2: linear time, no back-references; ValueError says what is wrong."""
    if len(pattern) > MAX_PATTERN_CHARS:
        raise ValueError(f"a pattern may have {MAX_PATTERN_CHARS} characters")
    try:
        return re2.compile(normalised(pattern), pattern_options())
    except re2.error as error:
        reason = error.args[0] if error.args else "not a regular expression"
        raise ValueError(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from error
