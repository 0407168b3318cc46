"""Commands sent ahead of their answers, within a window."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from shared.imap.wire import Answer, Command, Literal

WINDOW_OCTETS = 128 * 1024  # of commands sent ahead: well within socket buffers, so that nobody waits on each other


def pipelined(
    commands: Sequence[Command], send: Callable[..., list[bytes]], read: Callable[[], Answer]
) -> Iterator[Answer]:
    """Send commands ahead; yield their answers in the order of the commands, whatever order they come in."""
    waiting = deque(commands)
    sent: deque[tuple[bytes, int]] = deque()
    early: dict[bytes, Answer] = {}
    ahead = 0
    while waiting or sent:
        burst: list[Command] = []
        while waiting and (not (sent or burst) or ahead + _octets(waiting[0]) <= WINDOW_OCTETS):
            ahead += _octets(waiting[0])
            burst.append(waiting.popleft())
        if burst:
            sent.extend(zip(send(*burst), map(_octets, burst), strict=True))
        tag, octets = sent.popleft()
        while tag not in early:
            answer = read()
            early[answer.tag] = answer
        ahead -= octets
        yield early.pop(tag)


def _octets(command: Command) -> int:
    return sum(len(part.octets if isinstance(part, Literal) else part) + 1 for part in command)
