"""Final Q6: the words of the command line, and the network that is kept for them."""

import io
import pickle
import re
from collections.abc import Sequence

from common.run import Run, UserError
from final.name_pairs import Batches, Pair, transliterate
from final.seq2seq import Seq2Seq, teacher_forcing

import torch
from torch import Tensor

NETWORK = "attention.pt"


def check_words(given: Sequence[str]) -> list[str]:
    """The words in small letters; UserError where one is no Latin word."""
    words = [word.lower() for word in given]
    for word in words:
        if not re.fullmatch("(?=.*[a-z])[a-z'-]{1,25}", word):
            raise UserError(f"argument --word: came {word!r}, allowed are words of 1 to 25 letters "
                            "a to z, ' and -, one argument each")  # fmt: skip
    return words


def save_network(run: Run, model: Seq2Seq) -> None:
    """Keep the parameters in the output folder."""
    content = io.BytesIO()
    torch.save(model.state_dict(), content)
    run.write(NETWORK, content.getvalue())


def load_network(run: Run, model: Seq2Seq) -> bool:
    """Whether parameters are kept in the output folder or above it; the model then has them.

    Raises:
        UserError: the file is no network of the same form.
    """
    paths = [folder / NETWORK for folder in (run.out, run.out.parent)]
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        return False
    try:
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise UserError(f"{path} is no network of this script: remove it") from error
    return True


@torch.no_grad()
def look(model: Seq2Seq, word: str, beams: int) -> tuple[str, str, Tensor]:
    """A Latin word, the Arabic word that the network writes, and where it looked, (L, T)."""
    pair = Pair(word, transliterate(model, [Pair(word, "", 1)], beams)[0], 1)
    x, y, _ = next(iter(Batches([pair], 1)))
    device = model.U.weight.device
    states, memory = model.unroll(x.to(device), teacher_forcing(y).to(device))
    return word, pair.arabic, model.attend(states, memory)[1][0].cpu()
