"""The command-line options that all scripts share, in the same words."""

import argparse
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn


def make_parser(
    program: str,
    description: str,
    parts: Mapping[str, Any],
    needs: str,
    options: Mapping[str, Mapping[str, Any]],
    defaults: Mapping[str, Any],
) -> argparse.ArgumentParser:
    """The options of a script.

    Args:
        needs: "mnist" (has --data and --device), "torch" (has --device) or "numpy" (neither).
        options: the script's own, as flag → keywords of argparse's add_argument.
        defaults: of those among epochs, batch_size and lr that the script has.
    """
    parser = Parser(
        prog=program,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--part", choices=[*parts, "all"], default="all", help="only this part (default: all)")
    for name, kind, text in [
        ("epochs", whole_number, "passes over the training data"),
        ("batch_size", whole_number, "images in a batch"),
        ("lr", learning_rate, "learning rate η"),
    ]:
        if name in defaults:
            flag = f"--{name.replace('_', '-')}"
            add(flag, type=kind, default=defaults[name], help=f"{text} (default: %(default)s)")
    add("--seed", type=seed, default=0, help="of all random numbers (default: 0)")
    if needs != "numpy":
        devices = ["auto", "cpu", "cuda", "mps"]
        add("--device", choices=devices, default="auto", help="default: CUDA, then MPS, then CPU")
    if needs == "mnist":
        add("--data", type=folder, help='folder of MNIST, or "sample" (default: data/)')
    for flag, keywords in options.items():
        add(flag, **keywords)
    add("--out", type=folder, help=f"output folder (default: results/ and the script: {program})")
    add("--show", action="store_true", help="show the figures in windows at the end")
    add("--resume", action="store_true", help="keep what an earlier run in --out has finished")
    return parser


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, where argparse puts its usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see --help)\n")


def whole_number(text: str) -> int:
    return parse_number(text, int, lambda n: n >= 1, "a whole number from 1")


def seed(text: str) -> int:
    return parse_number(text, int, lambda n: 0 <= n < 2**63, "a whole number from 0 to 2^63 - 1")


def learning_rate(text: str) -> float:
    return parse_number(text, float, lambda x: x > 0 and math.isfinite(x), "a number above 0")


def folder(text: str) -> str:
    if not text or "\0" in text:  # as where a variable of the shell is not set
        raise argparse.ArgumentTypeError(f"came {text!r}, allowed is a folder's name")
    return text


def parse_number(text: str, kind: type, is_allowed: Callable[[Any], bool], what: str) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not is_allowed(value):
        raise argparse.ArgumentTypeError(f"came {text}, allowed is {what}")
    return value
