"""What can go wrong, told in one line, with nothing lost."""

import contextlib
import math
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO


class UserError(Exception):
    """What the user can mend: a script shows it as one line, no traceback, and exits with 2.

    The message names the argument or file, what came, and what is allowed or how to mend it.
    """


def write_file(path: Path, content: bytes, option: str) -> None:
    """Write `content` to `path` so that nobody ever finds half of it there.

    The bytes go to a file beside `path`, which is then renamed: the next run, or a second one at
    the same time, finds the old file or the new one, whatever interrupts the writing.

    Args:
        option: the command-line option that chose the folder; the error names it.

    Raises:
        UserError: the folder cannot be made or written, or the disk is full.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # one name per process
    with writing(path, option):
        try:
            beside.write_bytes(content)
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def writing(path: Path, option: str) -> Iterator[None]:
    """Makes the folder of `path`, and tells in one line why it or `path` cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UserError(
            f"argument {option}: {path} cannot be written ({error.strerror}): "
            "free some space or name another folder"
        ) from error


def remove_leftovers(folder: Path, idle: float = -math.inf) -> None:
    """Remove what killed `write_file`s left in a folder, where nothing wrote for `idle` seconds."""
    for path in folder.glob(".*.[0-9]*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime >= idle:
                path.unlink()


@contextlib.contextmanager
def alone_in(folder: Path, option: str) -> Iterator[None]:
    """Keep other runs out of a folder, and clear it of what killed ones left there.

    The lock is the system's, on a file in the folder: it ends with the process, however that ends.
    Where the file system has no locks, nobody is kept out.

    Raises:
        UserError: another run writes there, or the folder cannot be written.
    """
    path = folder / ".running"
    with writing(path, option):
        file = path.open("a+", encoding="utf-8")
    with file:
        held = lock(file)
        if held is False or (held and not still_named(path, file)):
            file.seek(0)
            raise UserError(f"argument {option}: another run writes to {folder}: {file.read()}; "
                            "wait for its end, or name another folder")  # fmt: skip
        try:
            with writing(path, option):
                file.truncate(0)
                began = time.strftime("%Y-%m-%d %H:%M:%S")
                text = f"process {os.getpid()} on {platform.node()}, begun {began}"
                os.write(file.fileno(), text.encode())  # unbuffered: closing has nothing to write
            remove_leftovers(folder, *() if held else (3600,))
            yield
        finally:
            if os.name == "nt":
                file.close()  # Windows removes no open file
            with contextlib.suppress(OSError):
                path.unlink()


def lock(file: TextIO) -> bool | None:
    """Whether the file is now locked for this process; None where there are no locks."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(2**20)  # behind the text, which others are to read
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return None
    return True


def still_named(path: Path, file: TextIO) -> bool:
    """Whether the file was not removed, by the run that had it, before it was locked here."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
