"""Invented rule sets and mails over a few words, so that conditions hold now and then: strategies for hypothesis."""

import datetime as dt
import json

from hypothesis import strategies as st

from shared.records import Attachment, StoredEmail

NOW = dt.datetime(2026, 11, 3, 12, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
WORDS = st.sampled_from(["ab", "b", "AB", "é", "ß", "ss", "a b", "a\n b", "[a]", "ﬁ", "zz", "b\u0301", "日本"])
LOCALS = st.sampled_from(["a", "me+ab", "me", "b"])
HOSTS = st.sampled_from(["x.example", "a.x.example", "y.example", "é.example", "xn--9ca.example", "ß.example"])
ADDRESSES = st.builds("{}@{}".format, LOCALS, HOSTS)
PATTERNS = st.sampled_from(["a", "^b", "b$", r"\bab\b", "[ab]+é", ".", "a.b", "(?s)a.b", "@x", "日", r"\Aa|b\z"])
TEXT_FIELDS = st.sampled_from(["subject", "body", "list-id", "from", "to", "recipient", "bcc", "mailbox"])
ADDRESS_FIELDS = st.sampled_from(["from", "to", "cc", "bcc", "recipient", "delivered-to"])


def _map(key: str, value: st.SearchStrategy) -> st.SearchStrategy:
    return st.builds(lambda one: {key: one}, value)


def _some(texts: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(texts, min_size=1, max_size=3)


_COMPARED = st.one_of(
    *(_map(name, _some(WORDS)) for name in ("contains", "starts-with", "ends-with")),
    _map("matches", _some(PATTERNS)),
    _map("exists", st.booleans()),
)
_OF_ADDRESSES = st.one_of(
    _map("is", _some(ADDRESSES)),
    _map("domain", _some(HOSTS)),
    _map("plus", _some(WORDS)),
    _map("in", st.sampled_from(["people", "others"])),
    _some(ADDRESSES),
)
_TEXTS = st.builds(lambda name, asked: {name: asked}, TEXT_FIELDS, _COMPARED)
_ADDRESSED = st.builds(lambda name, asked: {name: asked}, ADDRESS_FIELDS, _OF_ADDRESSES)
_HEADERS = _map("header", st.builds(lambda asked: {"name": "X-A", **asked}, _COMPARED))
_OTHERS = st.one_of(
    _map("list-id", _map("domain", _some(HOSTS))),
    _map("seen", st.booleans()),
    _map("list-mail", st.booleans()),
    _map("attachment", st.booleans()),
    _map("attachment", _map("name", _map("contains", _some(WORDS)))),
    _map("size", st.sampled_from([{"over": "2KB"}, {"under": "2KB"}])),
    _map("keyword", _some(st.sampled_from(["$a", "$B"]))),
)
CONDITIONS = st.recursive(
    st.one_of(_TEXTS, _ADDRESSED, _HEADERS, _OTHERS),
    lambda inner: st.builds(
        lambda key, parts: {key: parts}, st.sampled_from(["all", "any", "not"]), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=5,
)
_RULES = st.lists(
    st.tuples(st.one_of(CONDITIONS, CONDITIONS, CONDITIONS, st.just("always")), st.booleans()), min_size=1, max_size=8
)


@st.composite
def rule_texts(draw: st.DrawFn) -> str:
    """The YAML of a rule set: most rules decide, some continue."""
    rules = [
        {"name": f"r{number}", "when": when, "then": "keep", "continue": "true" if goes_on else "false"}
        for number, (when, goes_on) in enumerate(draw(_RULES))
    ]
    lists = {"people": ["a@x.example", "y.example"], "others": ["me@a.x.example"]}
    return json.dumps({"version": "1", "lists": lists, "rules": rules}, ensure_ascii=False)


def _or_unknown(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(st.none(), values, values)


@st.composite
def mails(draw: st.DrawFn) -> StoredEmail:
    """A mail of which this or that was not fetched, or cannot be had."""
    texts = st.lists(st.one_of(WORDS, st.text(max_size=5)), max_size=2)
    people = st.lists(st.one_of(ADDRESSES, st.builds("{} <{}>".format, WORDS, ADDRESSES)), max_size=2)
    headers = {name: draw(people) for name in ("from", "to", "cc")}
    headers["subject"] = draw(texts)
    headers["list-id"] = draw(st.lists(st.builds("<{}>".format, HOSTS), max_size=1))
    for name, values in {"bcc": people, "delivered-to": people, "x-a": texts}.items():
        found = draw(_or_unknown(values))
        if found is not None:
            headers[name] = found
    attachments = st.lists(st.builds(Attachment, name=WORDS, type=WORDS, bytes=st.just(1)), max_size=2)
    body = draw(_or_unknown(st.lists(WORDS, max_size=3)))
    listed = draw(_or_unknown(attachments))
    return StoredEmail(
        id=1,
        account="a",
        mailbox=draw(st.sampled_from(["INBOX", "ab"])),
        flags=draw(st.frozensets(st.sampled_from(["\\Seen", "$A"]))),
        internaldate=NOW,
        size=draw(st.sampled_from([1_000, 5_000])),
        headers=headers,
        text=None if body is None else "".join(body),
        attachments=None if listed is None else tuple(listed),
        unavailable=draw(st.frozensets(st.sampled_from(["text", "structure", "header:x-a", "header:bcc"]))),
    )


def mail(**changes: object) -> StoredEmail:
    """A read mail of three days ago; what is no part of a stored mail is a header field."""
    usual = {
        "id": 1,
        "account": "work",
        "mailbox": "INBOX",
        "flags": frozenset({"\\Seen", "$Paid"}),
        "internaldate": NOW - 3 * DAY,
        "size": 5_000,
        "headers": {},
        "unreadable": False,
        "text": None,
        "attachments": None,
        "unavailable": frozenset(),
    }
    headers = {name.replace("_", "-"): [value] for name, value in changes.items() if name not in usual}
    ours = {name: value for name, value in changes.items() if name in usual}
    return StoredEmail(**usual | {"headers": headers} | ours)
