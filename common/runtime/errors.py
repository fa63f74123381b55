"""A mistake of the user's."""


class UserError(Exception):
    """What the user can mend: a script shows it as one line, no traceback, and exits with 2.

    The message names the argument or file, what came, and what is allowed or how to mend it.
    """


def join_lines(error: Exception) -> str:
    """Its message as one line."""
    return " ".join(str(error).split()) or type(error).__name__
