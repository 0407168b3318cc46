"""What a look at a server means, in words."""

from dataclasses import replace

import pytest

from shared.cli.accounts.look import advised, sentences
from shared.errors import LoginRefused
from shared.imap.survey import Survey
from shared.records import Account, Mode, Tls

ACCOUNT = Account(
    id=1,
    name="work",
    host="imap.example.org",
    port=993,
    tls=Tls.TLS,
    username="me",
    mode=Mode.OBSERVE,
    mailboxes=("INBOX",),
    max_actions_per_hour=1,
    approved_moves=0,
    plaintext_allowed=False,
    copy_without_expunge=False,
    secret=b"",
)
ABLE = Survey(
    mailboxes=3,
    messages=9,
    missing=(),
    special_use={"\\Archive": "Archive"},
    can_move=True,
    can_uidplus=True,
    can_condstore=False,
    has_gmail_labels=False,
    takes_keywords=True,
)


def said(account: Account = ACCOUNT, found: Survey = ABLE) -> str:
    return "\n".join(sentences(account, found))


@pytest.mark.parametrize(
    ("found", "allowed", "words"),
    [
        (ABLE, False, "UID MOVE"),
        (replace(ABLE, can_move=False), False, "COPY and UID EXPUNGE"),
        (replace(ABLE, can_move=False, can_uidplus=False), False, "nothing"),
        (replace(ABLE, can_move=False, can_uidplus=False), True, "COPY alone, as you allowed"),
    ],
)
def test_how_mail_is_filed(found: Survey, allowed: bool, words: str) -> None:
    """The best that the server and its owner allow is what is said."""
    assert f"files mail with {words}" in said(replace(ACCOUNT, copy_without_expunge=allowed), found)


@pytest.mark.parametrize(
    ("takes", "words"), [(True, "keeps keywords"), (False, "keeps no keywords"), (None, "shows when")]
)
def test_whether_keywords_are_kept(takes: bool | None, words: str) -> None:
    """Not known is not no."""
    assert words in said(found=replace(ABLE, takes_keywords=takes))


def test_a_server_without_special_mailboxes() -> None:
    """Where the server marks none, customary names stand for roles."""
    assert "customary names" in said(found=replace(ABLE, special_use={}))


def test_gmail_is_different() -> None:
    """Its labels are explained, by its name or by its extension alone, and All Mail is warned of."""
    gmail = replace(ACCOUNT, host="imap.gmail.com", mailboxes=("[Gmail]/All Mail",))
    found = replace(ABLE, has_gmail_labels=True, special_use={"\\All": "[Gmail]/All Mail"})

    assert "labels" in said(found=found)
    assert "labels" in said(gmail, ABLE)
    assert "[Gmail]/All Mail holds every mail once more: read others" in said(gmail, found)


def test_names_from_the_server_do_not_reach_the_terminal_as_they_are() -> None:
    """A mailbox may be called anything."""
    assert "\x1b" not in said(found=replace(ABLE, special_use={"\\Archive": "\x1b[2J"}))


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("imap.gmail.com", "https://myaccount.google.com/apppasswords"),
        ("outlook.office365.com", "only OAuth"),
        ("imap.mail.yahoo.com", "app password"),
        ("imap.example.org", "many providers"),
    ],
)
def test_a_refusal_says_what_this_provider_wants(host: str, words: str) -> None:
    """The server's own words stay the message; the advice is what to do about it."""
    with pytest.raises(LoginRefused) as refused, advised(replace(ACCOUNT, host=host)):
        raise LoginRefused("Application-specific password required", hint="many providers want an app password here")

    assert "Application-specific password required" == refused.value.detail
    assert words in refused.value.hint
