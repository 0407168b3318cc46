"""A message -> its parts."""

import pytest

from shared.mail.defects import Defects
from shared.mail.headers import read_headers
from shared.mail.limits import MAX_DEPTH, MAX_PART_HEADER_BYTES, MAX_PARTS
from shared.mail.structure import header_end, walk

LIMIT = 10_000


def walked(content_type: str, body: str, *, is_cut: bool = False) -> tuple[list[tuple[str, str, str]], set[str]]:
    """Number, type and body of each part, and the codes of the defects."""
    octets, defects = body.encode(), Defects()
    raw = read_headers(f"Content-Type: {content_type}\n\n".encode()).raw
    leaves = walk(octets, 0, raw, defects, is_cut=is_cut)
    found = [(leaf.path, leaf.type, octets[leaf.start : leaf.end].decode()) for leaf in leaves]
    return found, {defect.code for defect in defects.listed()}


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("A: 1\n\nbody", "body"),
        ("A: 1\r\n\r\nbody", "body"),
        ("A: 1\n folded\n\nbody", "body"),
        ("\nbody", "body"),
        ("A: 1\nbody\n\nmore", "body\n\nmore"),
        ("A: 1\nstray\nB: 2\n\nbody", "body"),
        ("From x Mon 10:00\nA: 1\n\nbody", "body"),
        ("A: 1\nstray\nstray\nB: 2\n\nbody", "stray\nstray\nB: 2\n\nbody"),
        ("A: 1", ""),
        ("no field", "no field"),
        ("", ""),
    ],
)
def test_where_a_header_ends(header: str, body: str) -> None:
    """An empty line ends it, or the first line that can be no field and has no field after it."""
    end, _ = header_end(header.encode(), 0, LIMIT)

    assert body == header[end:]


def test_a_header_has_a_limit() -> None:
    """A header that does not end is left at the limit."""
    end, is_closed = header_end(b"A: " + b"x" * 2 * LIMIT, 0, LIMIT)

    assert (LIMIT, False) == (end, is_closed)


@pytest.mark.parametrize(
    ("body", "parts", "defects"),
    [
        ("pre\n--b\n\none\n--b\n\ntwo\n--b--\npost", [("1", "one"), ("2", "two")], set()),
        ("--b\r\n\r\none\r\n--b--", [("1", "one")], set()),
        ("--b \t\n\none\n--b-- \n", [("1", "one")], set()),
        ("--b\nContent-Type: text/plain\n--b\n\ntwo\n--b--", [("1", ""), ("2", "two")], set()),
        ("--b\n\none", [("1", "one")], {"multipart-not-closed"}),
        ("--bb\n\none\n -- b\nx--b\n", [("1", "--bb\n\none\n -- b\nx--b\n")], {"multipart-empty"}),
        ("--b--\ntext", [("1", "")], {"multipart-empty"}),
        ("--b\n--b--", [("1", "")], set()),
        ("--bX\nContent-Type: text/plain\n\none\n--bX\n\ntwo\n--bX--", [("1", "one"), ("2", "two")], set()),
        ("", [("1", "")], {"multipart-empty"}),
    ],
)
def test_parts_of_a_multipart(body: str, parts: list[tuple[str, str]], defects: set[str]) -> None:
    """Delimiters are whole lines; the line end before one belongs to it; what is around the parts is no part."""
    found, codes = walked("multipart/mixed; boundary=b", body)

    assert (parts, defects) == ([(path, text) for path, _, text in found], codes)


def test_parts_are_numbered_as_imap_does() -> None:
    """Numbers follow the nesting (RFC 9051 section 6.4.5)."""
    inner = "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\none\n--c\nContent-Type: a/b\n\ntwo\n--c--\n"
    found, _ = walked("multipart/mixed; boundary=b", inner + "--b\n\nthree\n--b--")

    expected = [("1.1", "text/plain", "one"), ("1.2", "a/b", "two"), ("2", "text/plain", "three")]
    assert expected == found


def test_an_outer_delimiter_ends_what_is_within() -> None:
    """A multipart that is not closed ends with its outer; where its own delimiter comes again it goes on."""
    body = "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\none\n--b\n\ntwo\n--c\n\nthree\n--c--\n--b--"
    found, codes = walked("multipart/mixed; boundary=b", body)

    assert ([("1.1", "one"), ("2", "two"), ("1.2", "three")], {"multipart-not-closed"}) == (
        [(path, text) for path, _, text in found],
        codes,
    )


def test_a_boundary_may_begin_another() -> None:
    """Of two boundaries of which one begins the other each has its own lines."""
    body = "--b\nContent-Type: multipart/mixed; boundary=bc\n\n--bc\n\none\n--bc--\n--b\n\ntwo\n--b--"
    found, codes = walked("multipart/mixed; boundary=b", body)

    assert (["one", "two"], set()) == ([text for *_, text in found], codes)


def test_parts_of_a_digest_are_messages() -> None:
    """In a digest a part without a type is a message, and messages are not taken apart (RFC 2046 section 5.1.5)."""
    found, _ = walked("multipart/digest; boundary=b", "--b\n\nSubject: x\n\none\n--b--")

    assert [("1", "message/rfc822", "Subject: x\n\none")] == found


@pytest.mark.parametrize(
    "content_type", ["multipart/mixed", "multipart/mixed; boundary=", 'multipart/mixed; boundary="']
)
def test_a_boundary_that_is_not_named_is_guessed(content_type: str) -> None:
    """The first line that looks like a delimiter before a Content-* field is one."""
    found, codes = walked(content_type, "--\n--guess\nContent-Type: text/html\n\none\n--guess--")

    assert ([("1", "text/html", "one")], {"boundary-missing"}) == (found, codes)


def test_a_cut_multipart_is_not_at_fault() -> None:
    """Where the octets end before the mail does, nothing that is missing is a defect."""
    found, codes = walked("multipart/mixed; boundary=b", "--b\n\none\n--", is_cut=True)

    assert ([("1", "text/plain", "one\n--")], set()) == (found, codes)


def test_depth_is_bounded() -> None:
    """What is nested deeper is one attachment."""
    names = range(MAX_DEPTH + 5)
    body = "".join(f"--b{n}\nContent-Type: multipart/mixed; boundary=b{n + 1}\n\n" for n in names)
    found, codes = walked("multipart/mixed; boundary=b0", body, is_cut=True)

    assert (["application/octet-stream"], {"part-too-deep"}) == ([kind for _, kind, _ in found], codes)


def test_parts_are_counted() -> None:
    """More parts than anybody reads are not looked at."""
    found, codes = walked("multipart/mixed; boundary=b", "--b\n\nx\n" * (MAX_PARTS + 10))

    assert (MAX_PARTS, {"part-too-many"}) == (len(found), codes)


def test_a_part_header_is_bounded() -> None:
    """A part whose header does not end has a body after the limit."""
    header = "X: " + "y" * MAX_PART_HEADER_BYTES
    found, codes = walked("multipart/mixed; boundary=b", f"--b\n{header}\n--b--")

    assert (["1"], {"header-not-closed"}) == ([path for path, *_ in found], codes)
