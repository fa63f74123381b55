"""What can go wrong, told in one line, with nothing lost."""

import os
from pathlib import Path


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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(content)
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserError(
            f"argument {option}: {path} cannot be written ({error.strerror}): "
            "free some space or name another folder"
        ) from error
