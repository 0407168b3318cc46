"""Tokens -> the commands of a Sieve script, whatever they are called (RFC 5228 section 8.2)."""

from dataclasses import dataclass, field
from typing import TypeAlias

from shared.rules.faults import Place, quoted
from shared.rules.imports.sieve_tokens import Token, octets_of, read_tokens, refuse

MAX_DEPTH = 30
MAX_COMMENT_CHARS = 500


@dataclass(frozen=True, slots=True)
class Tag:
    """A tagged argument, in lower case and without its colon."""

    name: str


Argument: TypeAlias = Tag | int | list[str]
"""A tag, a number, or texts (a single text is a list of one)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A test and the tests in its brackets."""

    __test__ = False

    name: str
    place: Place
    arguments: tuple[Argument, ...] = ()
    tests: tuple["Test", ...] = ()

    def __str__(self) -> str:
        return f"{self.name}{_shown(self.arguments)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command; `block` is None where it has none. `comment` is what stands right above it."""

    name: str
    place: Place
    arguments: tuple[Argument, ...] = ()
    tests: tuple[Test, ...] = ()
    block: tuple["Command", ...] | None = None
    comment: str = ""

    def __str__(self) -> str:
        return f"{self.name}{_shown(self.arguments)}"


def _shown(arguments: tuple[Argument, ...]) -> str:
    shown = []
    for one in arguments:
        if isinstance(one, list):
            shown.append(quoted(one[0], 40) + (", …" if one[1:] else "") if one else "[]")
        else:
            shown.append(f":{one.name}" if isinstance(one, Tag) else str(one))
    return "".join(f" {one}" for one in shown)


def read_script(script: str, file: str) -> tuple[Command, ...]:
    """Read a script; InvalidRules with `file:line:column: text` where it is none."""
    reader = _Reader(read_tokens(script, file), Place(file=file, line=0, column=1))
    commands = reader.commands(depth=0)
    if reader.token is not None:
        refuse(reader.token.place, f"a command is wanted here, not {quoted(reader.token.value)}")
    return commands


@dataclass(slots=True)
class _Reader:
    tokens: list[Token]
    place: Place
    at: int = 0
    comment: str = field(default="")

    @property
    def token(self) -> Token | None:
        """The next token that is no comment; comments on lines of their own are kept."""
        while self.at < len(self.tokens) and self.tokens[self.at].kind == "comment":
            one = self.tokens[self.at]
            if one.value and one.place.line > self.place.line:
                self.comment = f"{self.comment}\n{one.value}"[-MAX_COMMENT_CHARS:]
            self.at += 1
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def is_next(self, kind: str, value: str = "") -> bool:
        """Whether the next token is of this kind (and is this one)."""
        token = self.token
        return token is not None and token.kind == kind and value in ("", token.value)

    def take(self) -> Token:
        """Take the next token."""
        token = self.token
        if token is None:
            refuse(self.place, "the script ends too early: a bracket or a semicolon is missing")
        self.at += 1
        self.place = token.place
        return token

    def expect(self, mark: str) -> None:
        """Take this mark, or say that it is missing."""
        token = self.take()
        if (token.kind, token.value) != ("mark", mark):
            refuse(token.place, f"{quoted(mark)} is wanted here, not {quoted(token.value)}")

    def commands(self, depth: int) -> tuple[Command, ...]:
        """Read commands up to a closing bracket or the end."""
        found = []
        while self.is_next("word"):
            comment, self.comment = self.comment, ""
            found.append(self._command(comment, depth))
        return tuple(found)

    def _command(self, comment: str, depth: int) -> Command:
        word = self.take()
        if depth > MAX_DEPTH:
            refuse(word.place, "nested too deeply")
        arguments, tests = self._arguments(depth)
        block = None
        if self.is_next("mark", "{"):
            self.take()
            self.comment = ""
            block = self.commands(depth + 1)
            self.expect("}")
            self.comment = ""
        else:
            if tests and word.value.lower() not in {"if", "elsif"}:
                refuse(tests[0].place, f'";" is wanted here, not {quoted(tests[0].name)}')
            self.expect(";")
            self.comment = ""
        return Command(
            name=word.value.lower(), place=word.place, arguments=arguments, tests=tests, block=block, comment=comment
        )

    def _arguments(self, depth: int) -> tuple[tuple[Argument, ...], tuple[Test, ...]]:
        found: list[Argument] = []
        while self.is_next("tag") or self.is_next("number") or self.is_next("text") or self.is_next("mark", "["):
            token = self.take()
            if token.kind == "tag":
                found.append(Tag(token.value.lower()))
            elif token.kind == "number":
                found.append(octets_of(token.value))
            else:
                found.append([token.value] if token.kind == "text" else self._texts())
        tests: tuple[Test, ...] = ()
        if self.is_next("word"):
            tests = (self._test(depth + 1),)
        elif self.is_next("mark", "("):
            tests = self._tests(depth + 1)
        return tuple(found), tests

    def _texts(self) -> list[str]:
        found: list[str] = []
        while not self.is_next("mark", "]"):
            if found:
                self.expect(",")
            token = self.take()
            if token.kind != "text":
                refuse(token.place, f"a text in quotes is wanted here, not {quoted(token.value)}")
            found.append(token.value)
        self.take()
        return found

    def _tests(self, depth: int) -> tuple[Test, ...]:
        self.expect("(")
        found = [self._test(depth)]
        while self.is_next("mark", ","):
            self.take()
            found.append(self._test(depth))
        self.expect(")")
        return tuple(found)

    def _test(self, depth: int) -> Test:
        word = self.take()
        if word.kind != "word":
            refuse(word.place, f"a test is wanted here, not {quoted(word.value)}")
        if depth > MAX_DEPTH:
            refuse(word.place, "nested too deeply")
        arguments, tests = self._arguments(depth)
        return Test(name=word.value.lower(), place=word.place, arguments=arguments, tests=tests)
