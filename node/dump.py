"""A snapshot of a span: `Dump` on the node's side, and the child process (`python -m node.dump`) that copies rows.

Owns the file that the child writes (chunks, then a footer) and its reading. Does not own chunks' form
(node/writer.py) or where they travel. The file has no name once it is open: nothing is left to clean up.
Read next: node/state.py.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, overload
from zlib import crc32

from node.codec import decode_plain, encode_plain
from node.config import SNAPSHOT_CHUNK_BYTES
from node.errors import DiskError
from node.layout import Layout, unpack
from node.space import FULL
from node.writer import encode_chunk, end_with_parent, start_child

DUMP_TRIES_MAX = 3  # a child may be killed when memory is short
NO_ROOM_STATUS = 3  # of a child that met a full disk
FOOTER_BYTES = 8  # length and checksum of the table of chunks, at the very end
ROW_OVERHEAD_BYTES = 16


class Chunks(Sequence[bytes]):
    """The chunks of a finished dump, read from its file when they are asked for."""

    def __init__(self, file: IO[bytes], sizes: Sequence[int]) -> None:
        self._file = file
        self._places: list[tuple[int, int]] = []
        offset = 0
        for size in sizes:
            self._places.append((offset, size))
            offset += size

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> list[bytes]: ...
    def __getitem__(self, place: int | slice) -> bytes | list[bytes]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        offset, size = self._places[place]
        chunk = os.pread(self._file.fileno(), size, offset)
        if len(chunk) != size:
            raise DiskError(f"a dump's file ends at {offset + len(chunk)}, within a chunk")
        return chunk

    def close(self) -> None:
        """Give the file back to the system."""
        self._file.close()

    def __del__(self) -> None:
        self._file.close()


NOTHING: tuple[int, bytes, Sequence[bytes]] = (0, b"", ())


class Dump:
    """One copy of a span: `start`, then `look` when its descriptor is readable."""

    def __init__(self, path: Path, ticket: int, group: int, first: bytes, last: bytes) -> None:
        self.ticket = ticket
        self._path = path
        self._arguments = [str(path), str(os.getpid()), str(group), first.hex(), last.hex()]
        self._tries = 0

    def start(self) -> None:
        """Start the child. Raises `OSError`."""
        self._tries += 1
        self._file = tempfile.TemporaryFile(dir=self._path, prefix="dump-")  # noqa: SIM115 - lives on in `Chunks`
        self._ended, ended = os.pipe()
        try:
            self._child = start_child(
                "node.dump", self._arguments, stdin=subprocess.DEVNULL, stdout=self._file, pass_fds=(ended,)
            )
        except OSError:
            self._file.close()
            os.close(self._ended)
            raise
        finally:
            os.close(ended)
        os.set_blocking(self._ended, False)

    def fileno(self) -> int:
        """Readable when the child has ended."""
        return self._ended

    def look(self) -> tuple[int, bytes, Sequence[bytes]] | None:
        """(durable applied index, mark, chunks) if the child is done; starts a killed one again.

        The mark is empty if there was no room for it, on the disk or in memory. Raises `DiskError` if it failed, and
        `OSError` if it could not be started again.
        """
        try:
            os.read(self._ended, 1)
        except BlockingIOError:
            return None
        self._child.wait()
        os.close(self._ended)
        if self._child.returncode == 0:
            return self._finish()
        self._file.close()
        status = self._child.returncode
        if status == NO_ROOM_STATUS or (status < 0 and self._tries == DUMP_TRIES_MAX):
            return NOTHING
        if status > 0:
            raise DiskError(
                f"the dump of a span of {self._path} ended with status {status}: see its message on standard error"
            )
        self.start()
        return None

    def _finish(self) -> tuple[int, bytes, Chunks]:
        size = os.fstat(self._file.fileno()).st_size
        end = os.pread(self._file.fileno(), FOOTER_BYTES, size - FOOTER_BYTES)
        length = int.from_bytes(end[:4], "big")
        footer = os.pread(self._file.fileno(), length, size - FOOTER_BYTES - length)
        if crc32(footer) != int.from_bytes(end[4:], "big"):
            raise DiskError(f"the dump of a span of {self._path} has a torn footer")
        index, mark, sizes = decode_plain(footer)
        return index, mark, Chunks(self._file, sizes)

    def cancel(self) -> None:
        """Stop the child, if it runs, and drop its file."""
        if self._tries:
            self._child.kill()
            self._child.wait()
            os.close(self._ended)
            self._file.close()


def write_dump(layout: Layout, group: int, first: bytes, last: bytes, file: IO[bytes]) -> None:
    """Write the span's chunks and the footer, all from one read transaction."""
    sizes = []
    with layout.environment.begin() as transaction:
        index = int.from_bytes(layout.mark(transaction, b"i" + group.to_bytes(8, "big")), "big")
        mark = layout.mark(transaction, b"m" + group.to_bytes(8, "big"))
        for chunk in _chunks(layout, transaction.cursor(db=layout.rows), first, last):
            file.write(chunk)
            sizes.append(len(chunk))
    footer = encode_plain((index, mark, sizes))
    file.write(footer + len(footer).to_bytes(4, "big") + crc32(footer).to_bytes(4, "big"))
    file.flush()


def _chunks(layout: Layout, cursor: Any, first: bytes, last: bytes) -> Any:
    lengths, keys, values, size = bytearray(), [], [], 0
    if cursor.set_range(first):
        for key, stored in cursor.iternext():
            if key >= last:
                break
            lengths.append(stored[0])
            keys.append(key)
            values.append(unpack(key, stored, layout.path))
            size += len(key) + len(stored) + ROW_OVERHEAD_BYTES
            if size >= SNAPSHOT_CHUNK_BYTES:
                yield encode_chunk(bytes(lengths), keys, values)
                lengths, keys, values, size = bytearray(), [], [], 0
    if keys:
        yield encode_chunk(bytes(lengths), keys, values)


def main(arguments: Sequence[str]) -> int:
    """`path parent group first last` (keys in hexadecimal): write the dump to standard output."""
    path, parent, group, first, last = arguments
    end_with_parent(int(parent))
    try:
        layout = Layout(path, readonly=True)
        write_dump(layout, int(group), bytes.fromhex(first), bytes.fromhex(last), sys.stdout.buffer)
        layout.environment.close()
    except (DiskError, OSError) as error:
        full = isinstance(error, OSError) and error.errno in FULL
        print(f"argosy: no dump of a span of {path}: {error}", file=sys.stderr)
        os._exit(NO_ROOM_STATUS if full else 1)  # without another try to write what is left in the buffer
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
