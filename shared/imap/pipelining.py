"""Commands sent ahead of their answers, within a window."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from shared.imap.wire import Answer, Command, Literal

WINDOW_OCTETS = 128 * 1024  # of commands sent ahead: well within socket buffers, so that nobody waits on each other


def pipelined(
    commands: Iterable[Command], send: Callable[[Command], list[bytes]], read: Callable[[], Answer]
) -> Iterator[Answer]:
    """Send commands ahead; yield their answers in the order of the commands, whatever order they come in.

    Each command leaves before the next is asked for: while that is made, the server is at work on this one.
    """
    waiting = iter(commands if isinstance(commands, Iterator) else tuple(commands))  # their owner may change a list
    sent: deque[tuple[bytes, int]] = deque()
    early: dict[bytes, Answer] = {}
    ahead = 0
    while True:
        while ahead < WINDOW_OCTETS and (command := next(waiting, None)) is not None:
            octets = _octets(command)
            sent.extend((tag, octets) for tag in send(command))
            ahead += octets
        if not sent:
            return
        tag, octets = sent.popleft()
        while tag not in early:
            answer = read()
            early[answer.tag] = answer
        ahead -= octets
        yield early.pop(tag)


def _octets(command: Command) -> int:
    return sum(len(part.octets if isinstance(part, Literal) else part) + 1 for part in command)
