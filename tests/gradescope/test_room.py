"""What starters share: the checks' verdicts, the list of blanks, and the two loops."""

from types import SimpleNamespace

from common.data import Batches
from common.loop import fit
from gradescope.starters import room

import numpy as np
import pytest
import torch


def double(x):
    y = 2 * x
    return y


def half(x):
    y = 2 * x
    return room.todo("1: half of it") * y


def test_verdicts(capsys):
    checks = [
        ("double", lambda: double(np.array([1, 2])), {"y": [2, 4], "result.shape": 2}),
        ("double", lambda: double(3), {"y": 7, "result": 6}),
        ("half", lambda: half(3), {"y": 6, "result": 1.5}),
        ("double", lambda: double(None), {"result": 1}),
    ]
    assert room.check(checks) == 1
    with pytest.raises(TypeError) as error:
        double(None)
    line = half.__code__.co_firstlineno + 2
    assert capsys.readouterr().out.splitlines() == [
        "double, y: right",
        "double, result.shape: wrong: came tuple of shape (), expected shape ()",
        "double, y: wrong: the shape () is right, the numbers are not: 6.0",
        "half, y: right",
        f"half, result: open: line {line}, 1: half of it",
        f"double, result: wrong: {error.value!r}",
    ]
    assert room.check([("double", lambda: double(1), {"result": 2})]) == 0


@pytest.mark.parametrize(
    "came",
    [[1, 2], np.array([1.0, 2]), torch.tensor([1, 2]), torch.ones(2, requires_grad=True) + 0.0],
)
def test_numbers_of_every_kind_are_compared(came):
    answer = np.asarray(came.detach() if torch.is_tensor(came) else came, dtype=float)
    assert room.compare(came, answer) == "right"
    assert room.compare(came, answer + 0.0005) == "right"
    assert "numbers are not" in room.compare(came, answer + 0.002)
    assert f"expected shape {(1, 2)}" in room.compare(came, [answer])


@pytest.mark.parametrize("came", [None, (torch.ones(1), torch.ones(2)), "one", torch.nan])
def test_what_is_no_number_is_wrong(came):
    assert room.compare(came, 1.0).startswith("wrong")


def test_list_of_blanks(tmp_path, monkeypatch, capsys):
    text = 'a = todo("1: a")\n# b = todo("2: b")\nc = 1  # todo("3: c")\nd = todo(\n    "4: d"\n)\n'
    path = tmp_path / "start.py"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(room, "__file__", str(path))
    room.list_blanks()
    assert capsys.readouterr().out == "  open: line 1, 1: a\n  open: line 4, 4: d\n"
    monkeypatch.delattr(room, "__file__")
    room.list_blanks()
    assert capsys.readouterr().out == ""


def test_the_loops_are_those_of_the_course(sample, capsys):
    """The same losses after two epochs, with dropout, and a last batch of fewer images."""

    def make_model():
        torch.manual_seed(0)
        return torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Dropout(0.2), torch.nn.Linear(784, 10)
        )

    train, test = (tuple(x[:300] for x in split) for split in sample)
    loss_fn, model = torch.nn.functional.cross_entropy, make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    rows = fit(model, Batches(train, 64, 3), Batches(test), loss_fn, optimizer, 2)
    expected = [row["test_loss"] for row in rows]
    args = SimpleNamespace(lr=0.1, seed=3, epochs=2)
    assert room.fit([train, test], make_model(), loss_fn, args) == pytest.approx(expected, rel=1e-9)


def test_a_weighted_average():
    data = torch.zeros(300, 1), torch.cat([torch.zeros(256), torch.ones(44)])
    loss = room.test_loop(data, torch.nn.Identity(), lambda prediction, y: y.mean())
    assert loss == pytest.approx(44 / 300)


def test_a_loss_that_is_not_finite():
    data = torch.zeros(2, 1), torch.zeros(2)
    model, args = torch.nn.Linear(1, 1), SimpleNamespace(lr=0.1, seed=0, epochs=2)
    with pytest.raises(SystemExit, match="not a finite number"):
        room.fit([data, data], model, lambda prediction, y: prediction.mean() * torch.nan, args)


@pytest.mark.parametrize("count, rows", [(0, 1), (7, 1), (13, 2)])
def test_figures_of_any_number_of_images(count, rows, tmp_path):
    room.save_images(torch.rand(count, 784), 10, "title", tmp_path / "images.png")
    content = (tmp_path / "images.png").read_bytes()
    width, height = (int.from_bytes(content[i : i + 4], "big") for i in (16, 20))
    assert (width, height) == (1000, 100 * rows + 50)
