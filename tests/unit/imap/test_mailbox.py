import inspect

import pytest

from shared.errors import BadAnswer, NotFound, Throttled
from shared.imap.mailbox import ImapSession
from shared.records import CopyAnswer, MailboxStatus
from tests.unit.imap.fake_socket import ABILITIES, session_with


def test_there_is_no_way_to_expunge_without_uids() -> None:
    """No line of this room can say EXPUNGE or CLOSE but as UID EXPUNGE."""
    source = inspect.getsource(ImapSession)

    assert 1 == source.count('b"EXPUNGE"') == source.count('(b"UID", b"EXPUNGE", uid_range)')
    assert 0 == source.count('b"CLOSE"')


def test_all_moves_are_sent_before_the_first_answer_is_read() -> None:
    """While the first answer is waited for, the server has every MOVE already."""
    session, fake = session_with(b"* OK [COPYUID 9 1:2 11:12] x\r\nA1 OK\r\n* OK [COPYUID 8 5 21] x\r\nA2 OK\r\n")
    moves = session.move([([2, 1], "Bills"), ([5], "Lists")])
    first = next(moves)

    assert b'A1 UID MOVE 1:2 "Bills"\r\nA2 UID MOVE 5 "Lists"\r\n' == fake.sent
    assert CopyAnswer(target_uidvalidity=9, uids={1: 11, 2: 12}) == first
    assert [CopyAnswer(target_uidvalidity=8, uids={5: 21})] == list(moves)


def test_copyuid_is_matched_by_its_source_uids() -> None:
    """Dovecot sends the COPYUID of the next MOVE before the tagged OK of this one."""
    session, _ = session_with(b"* OK [COPYUID 9 1 11] x\r\n* OK [COPYUID 8 5 21] x\r\nA1 OK\r\nA2 OK\r\n")

    expected = [CopyAnswer(target_uidvalidity=9, uids={1: 11}), CopyAnswer(target_uidvalidity=8, uids={5: 21})]
    assert expected == list(session.move([([1], "Bills"), ([5], "Lists")]))


def test_a_refused_move_does_not_spoil_the_others() -> None:
    """A tagged NO is the answer to its own MOVE only, even when answers come in another order."""
    session, _ = session_with(b"A2 NO [TRYCREATE] no such mailbox\r\nA1 OK [COPYUID 9 1 11] done\r\n")

    expected = [CopyAnswer(target_uidvalidity=9, uids={1: 11}), CopyAnswer(error="no such mailbox")]
    assert expected == list(session.move([([1], "Bills"), ([5], "Nope")]))


@pytest.mark.parametrize(
    "code",
    [
        b"COPYUID 9 1:3 11:12",
        b"COPYUID 9 1:2 11",
        b"COPYUID 9 1:2 11,11",
        b"COPYUID 9 7:8 11:12",
        b"COPYUID 9 1:4294967295 1:4294967295",
        b"COPYUID 9 x 1",
        b"COPYUID 9",
        b"HIGHESTMODSEQ 12",
    ],
)
def test_a_copyuid_that_cannot_be_right_says_nothing(code: bytes) -> None:
    """Unequal, foreign, repeated or endless UIDs leave the new place unknown; nothing is guessed."""
    session, _ = session_with(b"A1 OK [" + code + b"] done\r\n")

    assert CopyAnswer() == session.copy([1, 2], "Bills")


def test_copyuid_pairs_up_in_the_order_given() -> None:
    """Source UIDs may come in any order, ranges may run downwards."""
    session, _ = session_with(b"A1 OK [COPYUID 9 3,2:1 13,11:12] done\r\n")

    assert {3: 13, 2: 11, 1: 12} == session.copy([1, 2, 3], "Bills").uids


def test_a_set_too_long_for_one_command_gets_one_answer() -> None:
    """Long sets are split, their answers put together."""
    uids = list(range(1, 10_001, 2))
    half = 2 * 8_000
    probe, fake = session_with()
    with pytest.raises(Exception, match="in time"):
        probe.copy(uids, "Bills")
    commands = fake.sent.splitlines()
    answers = b""
    for number, command in enumerate(commands, start=1):
        sources = command.split()[3]
        targets = b",".join(b"%d" % (int(uid) + half) for uid in sources.split(b","))
        answers += b"A%d OK [COPYUID 9 %b %b] x\r\n" % (number, sources, targets)
    session, _ = session_with(answers)

    assert len(commands) > 1
    assert all(len(command) < 8_192 for command in commands)
    assert {uid: uid + half for uid in uids} == session.copy(uids, "Bills").uids


@pytest.mark.parametrize(
    ("answers", "told", "error"),
    [
        (b"A1 OK [COPYUID 9 1 11] x\r\nA2 NO later\r\n", {1: 11}, "later"),
        (b"A1 OK [COPYUID 9 1 11] x\r\nA2 OK\r\n", {1: 11}, None),
        (b"A2 OK\r\nA1 OK [COPYUID 9 1 11] x\r\n", {1: 11}, None),
        (b"* OK [COPYUID 9 4999 99] x\r\nA1 OK [COPYUID 9 1 11] x\r\nA2 NO some\r\n", {1: 11, 4999: 99}, "some"),
    ],
)
def test_a_set_of_which_one_part_is_untold_is_known_in_part(
    answers: bytes, told: dict[int, int], error: str | None
) -> None:
    """Of a command that was refused, or answered without COPYUID, nothing is known but what a COPYUID named."""
    uids = list(range(1, 5_001, 2))
    session, fake = session_with(answers)
    answer = session.copy(uids, "Bills")
    second = {int(uid) for uid in fake.sent.splitlines()[1].split()[3].split(b",")}

    silent = frozenset(second - told.keys())
    assert CopyAnswer(target_uidvalidity=9, uids=told, error=error, silent=silent) == answer
    assert 3 not in answer.silent


def test_a_refused_move_that_moved_some_leaves_the_others_unknown() -> None:
    """A NO after a part was done (RFC 6851 section 3.3) says nothing of the rest; an OK says they were left out."""
    partly, _ = session_with(b"* OK [COPYUID 9 1 11] x\r\nA1 NO not all\r\n")
    wholly, _ = session_with(b"* OK [COPYUID 9 1 11] x\r\nA1 OK\r\n")

    assert frozenset({2}) == partly.copy([1, 2], "Bills").silent
    assert frozenset() == wholly.copy([1, 2], "Bills").silent


def test_a_full_mailbox_is_a_refusal_and_throttling_is_none() -> None:
    """OVERQUOTA of a MOVE concerns the mail; THROTTLED concerns us."""
    full, _ = session_with(b"A1 NO [OVERQUOTA] full\r\n")
    slow, _ = session_with(b"A1 NO [THROTTLED] slower\r\n")

    assert CopyAnswer(error="full") == full.copy([1], "Bills")
    with pytest.raises(Throttled):
        slow.copy([1], "Bills")


@pytest.mark.parametrize("missing", ["MOVE", "UIDPLUS"])
def test_what_the_server_cannot_do_is_not_tried(missing: str) -> None:
    """Without MOVE nothing is moved, without UIDPLUS nothing is expunged: not one octet is sent."""
    session, fake = session_with(abilities=ABILITIES - {missing})

    with pytest.raises(BadAnswer, match=missing):
        session.move([([1], "Bills")]) if missing == "MOVE" else session.expunge([1])
    assert b"" == fake.sent


def test_flags_that_were_refused_are_absent() -> None:
    """A tagged NO to a STORE shows as a UID without answer."""
    session, _ = session_with(b"* 1 FETCH (UID 1 FLAGS ())\r\nA1 NO [CANNOT] no keywords here\r\n")

    assert {} == session.store_flags([1], add=frozenset({"$Work"}))


def test_a_flag_the_server_calls_bad_is_refused_and_the_session_goes_on() -> None:
    """BAD to a keyword concerns that keyword; the next command is sent on the same connection."""
    session, fake = session_with(b"A1 BAD invalid keyword\r\n", b"* 1 FETCH (UID 1 FLAGS (\\Flagged))\r\nA2 OK\r\n")

    assert {} == session.store_flags([1], add=frozenset({"$Work"}))
    assert {1: frozenset({"\\Flagged"})} == session.store_flags([1], add=frozenset({"\\Flagged"}))
    assert not fake.closed


def test_a_refused_expunge_is_told() -> None:
    """NO to UID EXPUNGE is an answer: the caller looks what is left; throttling is none."""
    session, fake = session_with(b"A1 NO [NOPERM] not yours\r\n", b"A2 OK\r\n", b"A3 NO [THROTTLED] slower\r\n")

    assert ["not yours", None] == [session.expunge([7]), session.expunge([7])]
    with pytest.raises(Throttled):
        session.expunge([7])
    assert fake.sent.startswith(b"A1 UID EXPUNGE 7\r\n")


def test_flags_the_server_says_nothing_of_are_asked_for() -> None:
    """Dovecot does not mention flags that were already set; a keyword that was dropped shows as missing."""
    session, fake = session_with(
        b"* 1 FETCH (UID 1 FLAGS ($A))\r\nA1 OK\r\n", b"* 2 FETCH (FLAGS () UID 2)\r\nA2 OK\r\n"
    )

    assert {1: frozenset({"$A"}), 2: frozenset()} == session.store_flags([1, 2], add=frozenset({"$A"}))
    assert b"A1 UID STORE 1:2 +FLAGS ($A)\r\nA2 UID FETCH 2 (UID FLAGS)\r\n" == fake.sent


OPENED = b"* 3 EXISTS\r\n* OK [UIDVALIDITY 42] x\r\n* OK [UIDNEXT 9] x\r\n* OK [PERMANENTFLAGS (\\Seen \\*)] x\r\n"


def test_select_tells_what_it_opened() -> None:
    """UIDVALIDITY, UIDNEXT, number of mails and permanent flags are read from SELECT."""
    session, _ = session_with(OPENED + b"A1 OK [READ-WRITE] done\r\n")

    expected = MailboxStatus(
        name="INBOX", uidvalidity=42, uidnext=9, messages=3, permanent_flags=frozenset({"\\Seen", "\\*"})
    )
    assert expected == session.select("INBOX")


def test_a_mailbox_opened_for_reading_only_is_an_error_for_select() -> None:
    """Nothing is written where the server has said READ-ONLY."""
    session, _ = session_with(OPENED + b"A1 OK [READ-ONLY] done\r\n")

    with pytest.raises(NotFound, match="reading only"):
        session.select("INBOX")


@pytest.mark.parametrize("line", [b"", b"* OK [UIDVALIDITY 0] x\r\n"])
def test_without_uidvalidity_nothing_is_touched(line: bytes) -> None:
    """A missing or zero UIDVALIDITY is an error with a sentence of its own."""
    session, _ = session_with(b"* 3 EXISTS\r\n* OK [UIDNEXT 9] x\r\n" + line + b"A1 OK done\r\n")

    with pytest.raises(BadAnswer, match="UIDVALIDITY"):
        session.examine("INBOX")


def test_a_missing_uidnext_is_asked_for() -> None:
    """An old server that leaves UIDNEXT out of EXAMINE tells it in STATUS."""
    session, _ = session_with(
        b"* OK [UIDVALIDITY 42] x\r\nA1 OK done\r\n",
        b"* STATUS INBOX (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 42)\r\nA2 OK\r\n",
    )

    assert 9 == session.examine("INBOX").uidnext


def test_a_mailbox_that_does_not_exist_is_not_found() -> None:
    """A NO to EXAMINE names the mailbox."""
    session, _ = session_with(b"A1 NO [NONEXISTENT] no\r\n")

    with pytest.raises(NotFound, match="Bills"):
        session.examine("Bills")


def test_status_answers_are_matched_by_name() -> None:
    """Literals, other orders of answers and missing mailboxes make no difference."""
    session, fake = session_with(
        b"* STATUS {3}\r\na\\b (UIDNEXT 5 MESSAGES 1 UIDVALIDITY 7)\r\n"
        b"* STATUS inbox (MESSAGES 2 UIDVALIDITY 8 UIDNEXT 6)\r\n"
        b"A1 OK\r\nA3 NO nope\r\nA2 OK\r\n"
    )
    found = session.status(["inbox", "a\\b", "gone"])

    assert {"inbox": 6, "a\\b": 5} == {name: status.uidnext for name, status in found.items()}
    assert 3 == session.commands == len(fake.sent.splitlines())


def test_flags_and_status_share_a_round_trip() -> None:
    """Both are sent before an answer is read; where STATUS comes does not matter, and a refused one is absent."""
    session, fake = session_with(
        b"* STATUS Bills (MESSAGES 1 UIDNEXT 5 UIDVALIDITY 7)\r\n* 1 FETCH (UID 3 FLAGS (\\Seen))\r\nA1 OK\r\n"
        b"A2 OK\r\nA3 NO nope\r\n* STATUS inbox (MESSAGES 2 UIDNEXT 6 UIDVALIDITY 8)\r\nA4 OK\r\n"
    )
    flags, found = session.flags_and_status([3, 4], ["Bills", "gone", "INBOX"])

    assert {3: frozenset({"\\Seen"})} == flags
    assert {"Bills": 5, "INBOX": 6} == {name: status.uidnext for name, status in found.items()}
    assert [b"FETCH", b"Bills", b"gone", b"INBOX"] == [
        word for line in fake.sent.splitlines() for word in (b"FETCH", b"Bills", b"gone", b"INBOX") if word in line
    ]


def test_status_is_asked_once_though_flags_are_asked_again() -> None:
    """An answer that may be incomplete is asked for again, by itself."""
    session, fake = session_with(
        b"A1 NO [EXPUNGEISSUED] some are gone\r\n",
        b"* STATUS Bills (MESSAGES 1 UIDNEXT 5 UIDVALIDITY 7)\r\nA2 OK\r\n",
        b'* ESEARCH (TAG "A3") UID ALL 3\r\nA3 OK\r\n',
        b"* 1 FETCH (UID 3 FLAGS ())\r\nA4 OK\r\n",
    )
    flags, found = session.flags_and_status([3], ["Bills"])

    assert ({3: frozenset()}, ["Bills"]) == (flags, list(found))
    assert (1, 4) == (fake.sent.count(b"STATUS"), session.commands)


def test_only_our_own_search_answers_count() -> None:
    """An ESEARCH with another tag is not the answer; UIDs outside the asked span are left out."""
    session, _ = session_with(
        b'* ESEARCH (TAG "A9") UID ALL 1:5\r\n* ESEARCH (TAG "A1") UID ALL 7:8,12,99\r\nA1 OK\r\n'
    )

    assert [7, 8, 12] == session.search(1, 20)


def test_an_empty_search_is_empty() -> None:
    """No ALL in an ESEARCH, or a bare SEARCH, mean no mail."""
    new, _ = session_with(b'* ESEARCH (TAG "A1") UID\r\nA1 OK\r\n')
    old, _ = session_with(b"* SEARCH\r\nA1 OK\r\n", abilities=frozenset())

    assert [] == new.search(1, 20) == old.search(1, 20)


def test_a_plain_search_is_understood() -> None:
    """Servers without ESEARCH answer with a list."""
    session, fake = session_with(b"* SEARCH 12 7 (MODSEQ 9)\r\nA1 OK\r\n", abilities=frozenset())

    assert [7, 12] == session.search(1, 20)
    assert b"A1 UID SEARCH UID 1:20\r\n" == fake.sent


def test_a_huge_mailbox_is_searched_in_spans() -> None:
    """Beyond 100,000 mails no single answer holds them all; answers may come ahead of their place."""
    opened = OPENED.replace(b"* 3 EXISTS", b"* 200000 EXISTS") + b"A1 OK\r\n"
    session, fake = session_with(
        opened,
        b'* ESEARCH (TAG "A2") UID ALL 1:3\r\n* ESEARCH (TAG "A3") UID ALL 150000\r\nA2 OK\r\nA3 OK\r\n'
        b'* ESEARCH (TAG "A4") UID\r\nA4 OK\r\n',
    )
    session.examine("INBOX")

    assert [1, 2, 3, 150_000] == session.search(1, 250_000)
    assert [b"1:100000", b"100001:200000", b"200001:250000"] == [
        line.split()[-1] for line in fake.sent.splitlines()[1:]
    ]


def test_create_tells_refusals_by_name() -> None:
    """A mailbox that exists already is no refusal; a real one carries the server's words."""
    session, fake = session_with(
        b"A1 NO [ALREADYEXISTS] x\r\nA2 OK\r\nA3 NO [NOPERM] not yours\r\nA4 NO x\r\nA5 NO Mailbox exists\r\nA6 OK\r\n"
    )

    assert {"b": "not yours"} == session.create(["a", "b", "c"])
    assert fake.sent.startswith(b'A1 CREATE "a"\r\nA2 SUBSCRIBE "a"\r\nA3 ')


def test_a_name_the_server_calls_bad_is_a_refusal() -> None:
    """Some servers answer BAD to a name they do not like; the others are created all the same."""
    session, _ = session_with(b"A1 BAD invalid name\r\nA2 BAD x\r\nA3 OK\r\nA4 OK\r\n")

    assert {"a": "invalid name"} == session.create(["a", "b"])


def test_a_command_in_the_middle_of_a_fetch_is_a_mistake() -> None:
    """A FETCH whose answers were read away says so, and does not wait for ever."""
    session, _ = session_with(b"A1 OK\r\n", b"A2 OK\r\n", b"A3 OK\r\n")
    mails = session.fetch([[1], [2], [3]])
    next(mails)
    session.flags([9])

    with pytest.raises(RuntimeError, match="under way"):
        next(mails)


def test_the_namespace_gives_the_name() -> None:
    """Prefix and delimiter come from NAMESPACE, asked for once."""
    session, fake = session_with(
        b'* NAMESPACE (("INBOX." ".")) NIL NIL\r\nA1 OK\r\n', abilities=frozenset({"NAMESPACE"})
    )

    assert ["INBOX.Finance.Bills", "INBOX"] == [session.mailbox_name(path) for path in ("Finance/Bills", "inbox")]
    assert b"A1 NAMESPACE\r\n" == fake.sent


def test_without_namespace_list_gives_the_delimiter() -> None:
    """An old server tells its delimiter in LIST."""
    session, _ = session_with(b'* LIST (\\Noselect) "." ""\r\nA1 OK\r\n', abilities=frozenset())

    assert "Finance.Bills" == session.mailbox_name("Finance/Bills")


def test_names_come_in_every_form() -> None:
    """Literals, atoms, numbers, NIL delimiters and modified UTF-7 are all names, and go back as they came."""
    session, fake = session_with(
        b'* LIST (\\HasNoChildren) "/" {4}\r\ncaf\xe9\r\n* LIST () NIL 123\r\n* LIST (\\Archive) "\\\\" &AMk-mile\r\n'
        b'* LIST () "/" "a \\"b\\" \\\\c"\r\nA1 OK\r\n'
        b"* STATUS {4}\r\ncaf\xe9 (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)\r\nA2 OK\r\n"
    )
    found = {mailbox.name: mailbox.delimiter for mailbox in session.list_mailboxes()}

    assert {"café": "/", "123": None, "Émile": "\\", 'a "b" \\c': "/"} == found
    assert 2 == session.status(["café"])["café"].uidnext
    assert fake.sent.endswith(b"A2 STATUS {4+}\r\ncaf\xe9 (MESSAGES UIDNEXT UIDVALIDITY)\r\n")


def test_what_nobody_waits_for_is_read_away() -> None:
    """A FETCH that was given up does not disturb the next command."""
    session, _ = session_with(b"A1 OK\r\n", b"* 1 FETCH (UID 2 FLAGS ())\r\nA2 OK\r\n", b"A3 OK\r\n")
    next(session.fetch([[1], [2], [3]]))

    assert {} == session.flags([2])
    assert 3 == session.commands


def test_a_closed_session_has_said_logout() -> None:
    """Closing says LOGOUT without waiting for its answer, once."""
    session, fake = session_with()
    session.close()
    session.close()

    assert (b"A1 LOGOUT\r\n", True) == (fake.sent, fake.closed)
