"""How much of a mail is read, at most: time and memory are bounded by these numbers, whatever the mail."""

MAX_MESSAGE_BYTES = 33_554_432
"""What comes after is not looked at; attachments that reach beyond are counted as far as they were seen."""

# -- headers
MAX_HEADER_BYTES = 262_144
MAX_PART_HEADER_BYTES = 16_384
MAX_FIELDS = 1_000
MAX_NAME_CHARS = 100
MAX_VALUE_CHARS = 20_000
MAX_REPEATED_CHARS = 65_536
"""Of all values after the first of their field together; a first value always has its MAX_VALUE_CHARS."""
MAX_ENCODED_WORDS = 1_000
MAX_ADDRESSES = 1_000
MAX_PARAMETERS = 100
"""Of a Content-Type or Content-Disposition, the pieces of a continued one (RFC 2231) counted singly."""
MAX_PARAMETERS_CHARS = 4_000
MAX_DATE_CHARS = 200

# -- structure
MAX_DEPTH = 50
"""Of multiparts within multiparts."""
MAX_PARTS = 500
MAX_BOUNDARY_BYTES = 1_000
MAX_STRAY_LINES = 100
"""Of a header: lines that are no fields, between fields."""
MAX_DASH_LINES = 100_000
"""Lines that begin with `--`: each may be a delimiter."""
MAX_ATTACHMENTS = 500
MAX_FILE_NAME_CHARS = 255
MAX_UUENCODED_FILES = 100
MAX_ENCODED_RUNS = 1_000
"""Encodings of one part, each padded to its end, one after the other."""

# -- text
MAX_TEXT_CHARS = 16_000
"""The first 4,000 characters hold the whole text of nine in ten personal mails."""
MAX_PLAIN_OCTETS = 131_072
MAX_HTML_OCTETS = 262_144
"""Of one part, after its transfer encoding is taken off; the 99th percentile of newsletters is 104 KB."""
MAX_SOURCE_OCTETS = 524_288
MAX_HTML_TAGS = 15_000
"""Both of all text parts of a mail together."""
MAX_HTML_DEPTH = 250
"""Elements that are nested deeper are read as if they were not nested."""
MAX_STYLE_CHARS = 65_536
MAX_HIDDEN_NAMES = 500
"""Classes and ids that a style sheet hides."""

MAX_DEFECTS = 100
"""The rest is not listed: who needs more knows what to think of the mail."""
