"""Lecture 24's "hello", its gradients, and the task of remembering, run once and small."""

import json
import math

from lectures import l24_recurrent as l24
from lectures.recall import KINDS, Recall, train_recall
from lectures.recurrent import SimpleRNN

import pytest
import torch


@pytest.fixture(scope="module")
def ran(tmp_path_factory, figures):
    out = tmp_path_factory.mktemp("l24")
    with pytest.MonkeyPatch.context() as patch, figures() as drawn:
        patch.setattr(l24, "DELAYS", (2, 4))
        patch.setattr(l24, "STEPS", 30)
        patch.setattr(l24, "DESCENT", 600)
        assert l24.main(["--steps", "20", "--out", str(out)]) == 0
    return json.loads((out / "summary.json").read_text())["results"], drawn


def test_hell_is_followed_by_o(ran):
    a = ran[0]["a"]
    assert a["said"] == "ello□"
    assert a["share"][3][3] > 0.9  # "o" after "hell"
    assert a["share"][2][2] > 0.9  # and "l" after "hel": the same letter, another state
    assert a["losses"][0] > 1 > 0.1 > a["losses"][1]


def test_y4_by_hand(ran):
    U, W, V = ran[0]["a"]["weights"]
    s = [0.0] * 3
    for letter in "hell":
        column = "helo□".index(letter)
        s = [math.tanh(U[i][column] + sum(W[i][j] * s[j] for j in range(3))) for i in range(3)]
    y4 = [sum(V[k][j] * s[j] for j in range(3)) for k in range(5)]
    assert ran[0]["a"]["y4"] == pytest.approx(y4, abs=1e-5)
    e = [math.exp(each) for each in y4]
    assert ran[0]["a"]["share"][3] == pytest.approx([each / sum(e) for each in e], abs=1e-4)


def test_descent_by_hand_is_torch_s():
    torch.manual_seed(3)
    ours = SimpleRNN(5, 3, 5)
    theirs = SimpleRNN(5, 3, 5)
    theirs.load_state_dict(ours.state_dict())
    losses = l24.train_hello(ours, 4)
    optimizer = torch.optim.SGD(theirs.parameters(), 0.5)
    target = l24.encode("ello□").argmax(2)[:, 0]
    for expected in losses:
        loss = torch.nn.functional.cross_entropy(
            theirs(l24.encode("hello").float())[0][:, 0], target
        )
        assert loss.item() == pytest.approx(expected, rel=1e-5)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(ours.W, theirs.W)


def test_torch_gives_the_same(ran):
    b = ran[0]["b"]
    assert max(b["bptt"], b["lstm_1"], b["lstm_2"]) < 1e-12


def test_what_becomes_of_gradients(ran):
    c = ran[0]["c"]
    assert c["RNN_0.5"]["ratio"] < 1e-6
    assert c["RNN_3"]["ratio"] > 10
    assert c["LSTM_4"]["ratio"] > 0.3
    assert c["LSTM_0"]["ratio"] < 1e-3
    assert all(len(row["norms"]) == 31 and row["norms"][1] == 1 for row in c.values())


def test_the_first_sign_can_be_remembered():
    share, norms, losses = train_recall("LSTM", 3, 150)
    assert share > 0.9 and losses[-1] < losses[0] and len(norms) == 150
    assert losses[0] == pytest.approx(math.log(KINDS), abs=0.2)


def test_clipping_shortens_what_is_too_long(ran):
    clipping = ran[0]["d"]["clipping"]
    assert clipping["clipped"]["largest"] > 1  # the norm is that before
    network = Recall("RNN_large")
    assert network.layer.weight_hh_l0.std().item() == pytest.approx(3 / 32**0.5, rel=0.1)
    assert Recall("LSTM_4").layer.bias_ih_l0[32:64].tolist() == [4] * 32
    W = Recall("RNN_orthogonal").layer.weight_hh_l0
    torch.testing.assert_close(W @ W.T, torch.eye(32))


def test_figures(ran):
    results, drawn = ran
    assert list(drawn) == ["a_unrolled", "c_gradients", "d_recall", "d_clipping"]
    texts = [text.get_text() for text in drawn["a_unrolled"].axes[0].texts]
    assert "x4 = l" in texts and texts.count("W") == 5
    assert any(f"o {results['a']['share'][3][3]:.2f}" in text for text in texts)
    lines = drawn["c_gradients"].axes[0].lines
    assert len(lines) == 8
    assert lines[0].get_ydata()[0] == 1
    assert list(drawn["d_recall"].axes[0].lines[2].get_ydata()) == results["d"]["recall"]["LSTM"]
