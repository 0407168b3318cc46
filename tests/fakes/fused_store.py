"""A store one room of which has a fuse: the worker may die right before or right after each of its commits."""

from collections.abc import Container
from typing import Any

from tests.fakes.mail_server import Fuse


class FusedStore:
    """The store, the methods of one room with a fuse: all of them, or those that are named."""

    def __init__(self, store: Any, fuse: Fuse, room: str, methods: Container[str] | None = None) -> None:
        self._store = store
        self._room = room
        self._fused = _FusedRoom(getattr(store, room), fuse, methods)

    def __getattr__(self, name: str) -> Any:
        return self._fused if name == self._room else getattr(self._store, name)


class _FusedRoom:
    def __init__(self, room: Any, fuse: Fuse, methods: Container[str] | None) -> None:
        self._target = room
        self._fuse = fuse
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)
        if self._methods is not None and name not in self._methods:
            return method

        def burning(*args: Any, **kwargs: Any) -> Any:
            with self._fuse.touch():
                return method(*args, **kwargs)

        return burning
