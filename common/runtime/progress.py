"""The progress bar: tqdm's, or none where tqdm is not installed."""

from collections.abc import Iterable
from typing import Any


def progress(iterable: Iterable, text: str, total: int | None = None) -> Iterable[Any]:
    """The same items, with a bar while they last; on a terminal only, as long as they last."""
    try:
        from tqdm import tqdm
    except ImportError:
        return iterable
    return tqdm(iterable, text, total, leave=False, disable=None)
