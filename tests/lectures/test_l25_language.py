"""Lecture 25's scripts, run once with tiny networks and a page of text."""

import json
import math

from lectures import l25_language, l25_writing
from lectures.l25_language import Contender
from lectures.language_models import K, RecurrentLM, TransformerLM, letter_bits
from lectures.text import encode

import numpy as np
import pytest
import torch

LETTERS = 3000


def tiny(kind: str = "LSTM", **options) -> Contender:
    return Contender(lambda: RecurrentLM(kind, 8, embedding=4, **options), 500, 4, 0.02)


@pytest.fixture(scope="module")
def ran(tmp_path_factory, figures):
    """Both scripts' results and figures, and the folder of the first."""
    out = tmp_path_factory.mktemp("l25")
    transformer = Contender(lambda: TransformerLM(8, 2, 1, 16), 500, 4, 0.01)
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(l25_language, "NETWORKS", {"RNN": tiny("RNN"), "transformer": transformer})
        best = tiny(orders=(2, 3), slots=256)
        for module in (l25_language, l25_writing):
            patch.setattr(module, "BEST", best)
        patch.setattr(l25_language, "CONTEXTS", (1, 8))
        patch.setattr(l25_language, "ORDERS", (1, 3))
        patch.setattr(l25_writing, "BEAMS", (1, 2))
        patch.setattr(l25_writing, "TEMPERATURES", (0.2, 1.0))
        for name, value in (("TEXTS", 2), ("LENGTH", 60), ("PLACES", 2), ("GOING_ON", 12)):
            patch.setattr(l25_writing, name, value)
        patch.setattr(l25_writing, "SHOWN", 1)
        options = ["--letters", str(LETTERS), "--out"]
        assert l25_language.main(["--minutes", "0.1", *options, str(out)]) == 0
        network = ["--network", str(out / "network.pt")]
        assert l25_writing.main([*network, *options, str(out / "writing")]) == 0
    found = [json.loads((folder / "summary.json").read_text())["results"]
             for folder in (out, out / "writing")]  # fmt: skip
    return found, drawn, out


def test_counts_and_yardsticks(ran):
    a = ran[0][0]["a"]
    assert a["letters"] == [LETTERS, LETTERS]
    assert a["uniform"] == math.log2(K) > a["bits"][0] > a["bits"][1] > 2
    assert 2 < a["lzma"] <= a["lzma_alone"] + 0.5
    assert 1 >= a["seen"][0] > a["seen"][1]
    assert len(a["texts"]["3"]) == 200


def test_networks_learn_for_so_many_steps(ran):
    b, c = ran[0][0]["b"], ran[0][0]["c"]
    for row in (*b.values(), c):
        assert 2 < row["bits"] < math.log2(K)
        assert len(row["curve"]) == 6
    assert b["RNN"]["read"] == 50 * 4 * 64 and b["transformer"]["read"] == 50 * 4 * 16
    assert c["curve"][-1]["step"] == 150  # three times as long
    assert set(c["contexts"]) == {"1", "8"}
    assert c["mixture"]["bits"] <= max(c["bits"], c["mixture"]["ngram"])


def test_the_kept_network_is_the_trained_one(ran):
    model = RecurrentLM("LSTM", 8, embedding=4, orders=(2, 3), slots=256)
    state = torch.load(ran[2] / "network.pt", weights_only=True)
    model.load_state_dict({name: each.float() for name, each in state.items()})
    _, _, test = l25_language.split_plays(l25_language.load_plays())
    bits = letter_bits(model, encode(test[:LETTERS])).mean().item()
    assert bits == pytest.approx(ran[0][0]["c"]["bits"], abs=0.01)


def test_contexts_by_a_loop():
    torch.manual_seed(0)
    model = RecurrentLM("RNN", 8, embedding=4)
    text = torch.randint(K, (300,))
    found = l25_language.measure_contexts(model, text, 5)
    for c in (1, 32):
        bits = []
        for place in torch.linspace(128, 299, 5).long().tolist():
            logits = model(text[None, place - c : place])[0][0, -1]
            bits.append(-logits.log_softmax(0)[text[place]].item() / math.log(2))
        assert found[str(c)] == pytest.approx(np.mean(bits), rel=1e-4)


def test_what_is_said_of_texts():
    found = l25_writing.describe(["x to be, or to z", "x be z"], {"to", "be"})
    assert found == {"known": 4 / 5, "fresh": 4 / 5}


def test_writing(ran):
    a, b = ran[0][1]["a"], ran[0][1]["b"]
    assert len(a["T=0.2"]["text"]) == 60
    assert b["k=2"]["bits"] <= b["k=1"]["bits"] + 0.2
    assert b["k=8,m=1"]["text"] == b["k=1"]["text"]
    assert b["samples"]["bits"] > b["k=1"]["bits"]


def test_figures(ran):
    found, drawn, _ = ran
    assert list(drawn) == [
        "a_ngrams",
        "b_minutes",
        "c_minutes",
        "c_context",
        "a_temperature",
        "b_beams",
    ]
    lines = drawn["c_minutes"].axes[0].lines
    assert [line.get_label() for line in lines] == ["RNN", "transformer", "LSTM that reads runs"]
    assert list(lines[2].get_ydata()) == [row["bits"] for row in found[0]["c"]["curve"]]
    assert list(drawn["a_ngrams"].axes[0].lines[0].get_ydata()) == found[0]["a"]["bits"]
    beams = drawn["b_beams"].axes[0].lines[0].get_ydata()
    assert list(beams) == [found[1]["b"][f"k={k}"]["bits"] for k in (1, 2)]


def test_without_the_network_one_line(tmp_path, capsys):
    options = ["--network", "nowhere.pt", "--letters", "2000", "--out", str(tmp_path)]
    assert l25_writing.main(options) == 2
    assert "run lectures/l25_language.py first" in capsys.readouterr().err
