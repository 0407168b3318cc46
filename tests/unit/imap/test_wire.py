import pytest

from shared.errors import BadAnswer, DeadlineExceeded, EmailAgentError, MailServerDown, StaleClaim, Throttled
from shared.imap.wire import MAX_LINE_BYTES, Literal
from tests.unit.imap.fake_socket import Clock, wire_with


def test_nothing_is_sent_when_the_lease_ends_before_an_answer_could_come() -> None:
    """A command goes out only while the lease outlives its timeout; else the connection is closed."""
    wire, fake = wire_with(b"A1 OK\r\n", lease_s=9.9)

    with pytest.raises(StaleClaim):
        wire.send((b"NOOP",))
    assert (b"", True, True) == (fake.sent, fake.closed, wire.closed)


def test_a_prolonged_lease_allows_commands_again() -> None:
    """The lease is looked at before each command, not once."""
    clock = Clock()
    wire, fake = wire_with(lease_s=60, clock=clock)
    clock.now += 55
    wire.lease_until += 60
    wire.send((b"NOOP",))

    assert b"A1 NOOP\r\n" == fake.sent


def test_no_wait_reaches_past_the_lease() -> None:
    """A read waits for the timeout or the rest of the lease, whichever is shorter."""
    clock = Clock()
    wire, fake = wire_with(b"A1 OK\r\n", lease_s=60, clock=clock)
    wire.send((b"NOOP",))
    clock.now += 57
    wire.answer()

    assert [10.0, 3.0] == fake.timeouts


def test_silence_until_the_lease_ends_is_a_stale_claim() -> None:
    """Whoever waits past its lease stops, and closes."""
    clock = Clock()
    wire, fake = wire_with(lease_s=60, clock=clock)
    wire.send((b"NOOP",))
    clock.now += 60

    with pytest.raises(StaleClaim):
        wire.answer()
    assert fake.closed


@pytest.mark.parametrize(
    ("chunks", "error"),
    [
        ((), DeadlineExceeded),
        ((b"",), MailServerDown),
        ((b"* 1 FET", b""), MailServerDown),
        ((b"HTTP/1.1 400 Bad Request\r\n",), BadAnswer),
        ((b"\x00\xff\xfe\r\n",), BadAnswer),
        ((b"A7 OK of another command\r\n",), BadAnswer),
        ((b"A1 BAD what?\r\n",), BadAnswer),
        ((b"* BYE shutting down\r\n",), MailServerDown),
        ((b"* BYE Request is throttled. Suggested Backoff Time: 1500 milliseconds\r\n",), Throttled),
        ((b"* BYE [UNAVAILABLE] restarting\r\n",), Throttled),
        ((b"* BYE\r\n",), MailServerDown),
        ((b"* X {99999999999}\r\n",), BadAnswer),
        ((b"* X {4}\r\nabcd" * 1_001,), BadAnswer),
    ],
    ids=[
        "silence",
        "end",
        "end mid-answer",
        "http",
        "octets",
        "tag",
        "bad",
        "bye",
        "throttled",
        "code",
        "bare",
        "literal",
        "literals",
    ],
)
def test_what_servers_do_wrong_has_a_name_and_closes_the_connection(
    chunks: tuple[bytes, ...], error: type[EmailAgentError]
) -> None:
    """Each fault of a server becomes one of our errors, and the connection is not used again."""
    wire, fake = wire_with(*chunks)
    wire.send((b"NOOP",))

    with pytest.raises(error):
        wire.answer()
    assert fake.closed


def test_a_line_without_end_is_bounded() -> None:
    """A server cannot fill the memory with one line."""
    chunk = b"x" * 1024 * 1024
    wire, fake = wire_with(b"* ", *([chunk] * 20))
    wire.send((b"NOOP",))

    with pytest.raises(BadAnswer, match="without end"):
        wire.answer()
    assert 20 - len(fake.chunks) <= MAX_LINE_BYTES // len(chunk) + 2


def test_a_backoff_in_milliseconds_becomes_seconds() -> None:
    """The wait the server suggests is the wait we report."""
    wire, _ = wire_with(b"A1 NO Request is throttled. Suggested Backoff Time: 92500 milliseconds\r\n")
    wire.send((b"NOOP",))

    with pytest.raises(Throttled) as caught:
        wire.answer().expect_ok("NOOP")
    assert 93 == caught.value.retry_after_s


def test_the_servers_words_are_capped_and_printable() -> None:
    """No escape sequence and no flood of text gets from the server into our logs."""
    wire, _ = wire_with(b"* BYE \x1b[31m" + b"x" * 5_000 + b"\r\n")
    wire.send((b"NOOP",))

    with pytest.raises(MailServerDown) as caught:
        wire.answer()
    assert caught.value.detail.isprintable()
    assert len(caught.value.detail) < 250


def test_a_literal_waits_for_the_go_ahead() -> None:
    """Without LITERAL+ the octets follow only after the server's `+`; what comes before it is not lost."""
    wire, fake = wire_with(b"* 3 EXISTS\r\n+ go\r\n", b"A1 OK\r\n")
    wire.send((b"STATUS", Literal(b"caf\xe9"), b"(MESSAGES)"))

    assert b"A1 STATUS {4}\r\ncaf\xe9 (MESSAGES)\r\n" == fake.sent
    assert [b"* 3 EXISTS"] == [response.line for response in wire.answer().untagged]


def test_a_literal_is_sent_at_once_where_the_server_allows_it() -> None:
    """LITERAL+ saves the round trip (RFC 7888)."""
    wire, fake = wire_with()
    wire.literal_plus = True
    wire.send((b"STATUS", Literal(b"caf\xe9"), b"(MESSAGES)"))

    assert b"A1 STATUS {4+}\r\ncaf\xe9 (MESSAGES)\r\n" == fake.sent


def test_several_commands_leave_in_one_write_with_tags_of_their_own() -> None:
    """Pipelined commands are numbered in order."""
    wire, fake = wire_with()

    assert [b"A1", b"A2"] == wire.send((b"NOOP",), (b"NOOP",))
    assert b"A1 NOOP\r\nA2 NOOP\r\n" == fake.sent


def test_data_ahead_of_tls_is_an_injection() -> None:
    """Octets received before the handshake must not be taken for what TLS protected."""
    wire, fake = wire_with(b"A1 OK begin\r\n* PREAUTH I am injected\r\n")
    wire.send((b"STARTTLS",))
    wire.answer()

    with pytest.raises(BadAnswer, match="before TLS"):
        wire.upgrade(lambda connection: connection)
    assert fake.closed
