"""COPYUID (RFC 4315): which new UID each copied or moved mail has."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from shared.imap import uid_set
from shared.imap.faults import slow_down
from shared.imap.wire import CONDITION, Answer, Command, Part
from shared.records import CopyAnswer

COPYUID = re.compile(rb"COPYUID (\d{1,10}) (\S+) (\S+)", re.I)


class CopyUids:
    """What COPYUID codes said in one conversation of COPYs or MOVEs.

    They are matched to their command by the source UIDs, not by their place: Dovecot sends the COPYUID of the next
    MOVE before the tagged OK of this one. That needs sets without a common UID; else nothing is believed.
    """

    def __init__(self) -> None:
        self._asked: set[int] = set()
        self._disjoint = True
        self._said: list[tuple[int, Mapping[int, int]]] = []

    def expect(self, uids: Iterable[int]) -> None:
        """Take note of the UIDs of a command that is about to be sent."""
        asked = set(uids)
        self._disjoint = self._disjoint and self._asked.isdisjoint(asked)
        self._asked |= asked

    def hear(self, answer: Answer) -> Answer:
        """Take note of the codes in and before `answer`."""
        for response in answer.untagged:
            found = CONDITION.fullmatch(response.line)
            self._note(found[3] if found and found[3] else b"")
        self._note(answer.code)
        return answer

    def _note(self, code: bytes) -> None:
        found = COPYUID.fullmatch(code)
        if found is None:
            return
        try:
            sources, targets = uid_set.expand(found[2]), uid_set.expand(found[3])
        except ValueError:
            return
        if len(sources) == len(set(sources)) == len(targets) == len(set(targets)):
            self._said.append((int(found[1]), dict(zip(sources, targets, strict=True))))

    def copied(self, answers: Sequence[Answer], sets: Sequence[bytes]) -> CopyAnswer:
        """Return what became of the mails in `sets`, one per command, whose commands ended with `answers`.

        "Slow down" is raised, for it is no verdict on the mails; a full mailbox is one. Only if all commands of a split
        set were refused, nothing happened; else a refusal comes together with what was done.
        """
        parts = [frozenset(uid_set.expand(uids)) for uids in sets]
        asked = frozenset[int]().union(*parts)
        refused = [answer for answer in answers if answer.state != b"OK"]
        for answer in refused:
            if slow := slow_down(answer.code, answer.text, verdict=True):
                raise slow
        ours = [(uidvalidity, uids) for uidvalidity, uids in self._said if asked.issuperset(uids)]
        error = (refused[0].text or "the mail server gave no reason") if refused else None
        if refused and len(refused) == len(answers) and not ours:  # a refused MOVE may have moved some: RFC 6851
            return CopyAnswer(error=error)
        uids = {source: target for _, said in ours for source, target in said.items()}
        trusted = self._disjoint and len({uidvalidity for uidvalidity, _ in ours}) == 1
        if not trusted or len(uids) != sum(len(said) for _, said in ours):
            return CopyAnswer()
        silent = [
            part.difference(uids)
            for part, answer in zip(parts, answers, strict=True)
            if answer.state != b"OK" or part.isdisjoint(uids)
        ]
        return CopyAnswer(target_uidvalidity=ours[0][0], uids=uids, error=error, silent=frozenset[int]().union(*silent))


def transfer(
    word: bytes,
    moves: Iterable[tuple[Sequence[int], Part]],
    converse: Callable[[Iterator[Command], Callable[[Answer], Answer]], Iterator[Answer]],
) -> Iterator[CopyAnswer]:
    """Send UID COPY or UID MOVE for each set, as many commands as its length asks for; yield what became of each."""
    sets: deque[list[bytes]] = deque()
    copy_uids = CopyUids()

    def commands() -> Iterator[Command]:
        for uids, target in moves:
            copy_uids.expect(uids)
            sets.append(uid_set.split(uids))
            yield from [(b"UID", word, uid_range, target) for uid_range in sets[-1]]

    heard: list[Answer] = []
    for answer in converse(commands(), copy_uids.hear):
        heard.append(answer)
        if len(heard) == len(sets[0]):
            yield copy_uids.copied(heard, sets.popleft())
            heard = []
