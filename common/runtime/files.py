"""Files that are written whole or not at all, and folders that one run has to itself."""

import contextlib
import errno
import math
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from common.runtime.errors import UserError

NO_SPACE = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def write_file(path: Path, content: bytes, option: str) -> None:
    """Write `content` to `path` so that nobody ever finds half of it there.

    The bytes go to a temporary file, which is then renamed: the next run, or a second one at the
    same time, finds the old file or the new one, whatever interrupts the writing.

    Args:
        option: the command-line option that chose the folder; the error names it.

    Raises:
        UserError: the folder cannot be made or written, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # one name per process
    with explain_failure(path, option):
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def explain_failure(path: Path, option: str) -> Iterator[None]:
    """Make the folder of `path`; say in one line why it or `path` cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        remedy = "free some space or name" if error.errno in NO_SPACE else "name"
        raise UserError(f"argument {option}: {path} cannot be written ({error.strerror}): "
                        f"{remedy} another folder") from error  # fmt: skip


def remove_leftovers(folder: Path, idle: float = -math.inf) -> None:
    """Remove what killed runs left half written in a folder, if it is `idle` seconds old."""
    for path in folder.glob(".*.[0-9]*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime >= idle:
                path.unlink()


@contextlib.contextmanager
def lock_folder(folder: Path, option: str) -> Iterator[None]:
    """Keep other runs out of a folder, and clear it of what killed ones left there.

    The lock is the system's, on a file in the folder: it ends with the process, however that ends.
    Where the file system has no locks, nobody is kept out.

    Raises:
        UserError: another run writes there, or the folder cannot be written.
    """
    path = folder / ".running"
    with explain_failure(path, option):
        file = path.open("a+", encoding="utf-8")
    with file:
        is_mine = lock(file)
        if is_mine is False or (is_mine and not has_name(file, path)):
            file.seek(0)
            raise UserError(f"argument {option}: another run writes to {folder}: {file.read()}; "
                            "wait for its end, or name another folder")  # fmt: skip
        try:
            with explain_failure(path, option):
                file.truncate(0)
                began = time.strftime("%Y-%m-%d %H:%M:%S")
                text = f"process {os.getpid()} on {platform.node()}, begun {began}"
                os.write(file.fileno(), text.encode())  # unbuffered: closing has nothing to write
            remove_leftovers(folder, *() if is_mine else (3600,))
            yield
        finally:
            if os.name == "nt":
                file.close()  # Windows removes no open file
            with contextlib.suppress(OSError):
                path.unlink()


def lock(file: TextIO) -> bool | None:
    """Lock the file for this process; False: another has it, None: there are no locks here."""
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


def has_name(file: TextIO, path: Path) -> bool:
    """Whether `path` still names the open file: the run that had it may have removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
