"""Files of snapshots, as Python has files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class _Content(Protocol):
    """The native half, which lets other threads go on while it reads."""

    @property
    def size_bytes(self) -> int: ...
    def read(self, count: int, /) -> bytes: ...
    def close(self) -> None: ...


class StoredFile(io.RawIOBase):
    """A file of a snapshot, open for reading: what `Store.open_file` returns.

    It is a binary file, unbuffered and not seekable; `io.BufferedReader` takes
    it. Until it is closed, also after the store was, its snapshot is not
    removed: use it in a `with` block.

    Trouble while it is read is an OperationError.
    """

    def __init__(self, content: _Content) -> None:
        self._content = content

    @property
    def size_bytes(self) -> int:
        """Its size in bytes."""
        return self._content.size_bytes

    def readable(self) -> bool:
        """Tells that it can be read, unless it is closed."""
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fills a buffer and returns the number of bytes, fewer only at the end."""
        filled = 0
        with memoryview(buffer) as given, given.cast("B") as room:
            while filled < len(room):
                piece = self._content.read(len(room) - filled)
                if not piece:
                    break
                room[filled : filled + len(piece)] = piece
                filled += len(piece)
        return filled

    def readall(self) -> bytes:
        """Reads all that is left."""
        pieces: list[bytes] = []
        while piece := self._content.read(1 << 20):
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Closes it; the snapshot may be removed again."""
        try:
            super().close()
        finally:
            self._content.close()
