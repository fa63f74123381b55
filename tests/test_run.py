import json
import subprocess
import sys

import matplotlib.pyplot as plt
import pytest
import torch

from common import run as run_module
from common.faults import UserError
from common.machine import choose_device
from common.run import Run, run_parts


def draw(run: Run) -> dict:
    """one number and one figure

    The first line alone announces the part.
    """
    figure, _ = plt.subplots()
    run.save("figure", figure)
    return {"random": torch.rand(3).tolist(), "pixels": len(run.mnist.train.labels)}


def fails(run: Run) -> dict:
    """a part that the user must mend"""
    raise UserError("argument --lr: came 9")


def stops(run: Run) -> dict:
    """a part that takes long"""
    raise KeyboardInterrupt


@pytest.fixture
def start(tmp_path):
    """Runs a script of these parts on the sample, with results under tmp_path/out."""

    def start(parts, *arguments) -> int:
        argv = ["--data", "sample", "--out", str(tmp_path / "out"), *arguments]
        return run_parts("hw0/trial", "A trial.", parts, argv, epochs=10, batch_size=64, lr=0.5)

    return start


@pytest.fixture
def summary(tmp_path):
    return lambda: json.loads((tmp_path / "out" / "summary.json").read_text())


def test_a_run_writes_its_figures_and_summary_and_lists_them(start, summary, tmp_path, capsys):
    assert start({"a": draw, "b": draw}, "--seed", "3") == 0
    printed = capsys.readouterr()
    assert "part a: one number and one figure\n" in printed.out
    assert printed.out.endswith(f"written to {tmp_path / 'out'}:\n  figure.png\n  summary.json\n")
    assert printed.err == ""
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"figure.png", "summary.json"}
    found = summary()
    assert found["settings"] == {
        "epochs": 10,
        "batch_size": 64,
        "lr": 0.5,
        "seed": 3,
        "device": choose_device("auto").type,
        "data": "sample",
    }
    assert found["environment"]["torch"] == torch.__version__
    assert found["environment"]["seconds"].keys() == {"a", "b"}
    torch.manual_seed(3)
    assert found["results"]["a"]["random"] == torch.rand(3).tolist()
    assert found["results"]["b"] == found["results"]["a"]  # each part starts from the seed
    assert not plt.get_fignums()


def test_only_the_part_asked_for(start, summary):
    assert start({"a": fails, "b": draw}, "--part", "b") == 0
    assert summary()["results"].keys() == {"b"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--epochs", "0"], "argument --epochs: came 0, allowed is a whole number from 1"),
        (["--epochs", "2.5"], "argument --epochs: came 2.5, allowed"),
        (["--batch-size", "-64"], "argument --batch-size: came -64, allowed"),
        (["--batch-size", "1001"], "--batch-size: came 1001, allowed is at most the 1000 training"),
        (["--lr", "nan"], "argument --lr: came nan, allowed is a number above 0"),
        (["--lr", "-1"], "argument --lr: came -1, allowed"),
        (["--seed", "x"], "argument --seed: came x, allowed"),
        (["--part", "z"], "argument --part: invalid choice: 'z' (choose from"),
        (["--device", "tpu"], "argument --device: invalid choice: 'tpu' (choose from"),
        (["--epoch", "3"], "unrecognized arguments: --epoch 3"),
    ],
)
def test_a_user_s_mistake_is_one_line_and_status_2(start, tmp_path, capsys, arguments, told):
    try:
        status = start({"a": draw}, *arguments)
    except SystemExit as exit:  # argparse leaves in its own way
        status = exit.code
    assert status == 2
    error = capsys.readouterr().err
    assert error.startswith("trial.py: error: ") and told in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out" / "summary.json").exists()


@pytest.mark.parametrize("absent", ["cuda", "mps"])
def test_an_absent_device_is_named(absent, monkeypatch, start, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert start({"a": draw}, "--device", absent) == 2
    error = capsys.readouterr().err
    assert f"argument --device: came {absent}, and this machine has only cpu" in error


def test_what_is_finished_survives_a_mistake(start, summary, capsys):
    assert start({"a": draw, "b": fails}) == 2
    assert capsys.readouterr().err == "trial.py: error: argument --lr: came 9\n"
    assert summary()["results"].keys() == {"a"}


def test_ctrl_c_keeps_what_is_finished_and_resume_goes_on(start, summary, capsys):
    assert start({"a": draw, "b": stops}) == 130
    assert "interrupted in part b; finished and kept in" in capsys.readouterr().err
    kept = summary()["results"]
    assert kept.keys() == {"a"}
    assert start({"a": fails, "b": draw}, "--resume") == 0  # a is not run again
    assert summary()["results"] == {"a": kept["a"], "b": kept["a"]}


def test_ctrl_c_names_the_checkpoints_that_are_kept(start, capsys):
    def stops_later(run: Run) -> dict:
        """a part that has written a checkpoint"""
        run.write("model.pt", b"")
        raise KeyboardInterrupt

    assert start({"a": stops_later}) == 130
    error = capsys.readouterr().err
    assert "finished and kept in" in error and ": epochs in model.pt; go on with --resume" in error


def test_resume_refuses_another_run_s_summary(start, capsys, tmp_path):
    assert start({"a": draw}) == 0
    assert start({"a": draw}, "--resume", "--lr", "2") == 2
    error = capsys.readouterr().err
    assert "argument --resume" in error and "'lr': 0.5" in error and "'lr': 2.0" in error
    for content in ("{half", "[1, 2]", '{"settings": 1}'):
        (tmp_path / "out" / "summary.json").write_text(content)
        assert start({"a": draw}, "--resume") == 2
        assert "is no run's summary" in capsys.readouterr().err


def test_without_resume_a_new_run_starts_afresh(start, summary):
    start({"a": draw, "b": draw})
    start({"a": draw, "b": draw}, "--part", "b", "--lr", "2")
    assert summary()["results"].keys() == {"b"}


def test_an_unwritable_output_folder_is_told_before_the_work(start, tmp_path, capsys):
    (tmp_path / "out").write_text("a file")
    assert start({"a": lambda run: pytest.fail("trained in vain")}) == 2
    error = capsys.readouterr().err
    assert "argument --out" in error and "cannot be written" in error and error.count("\n") == 1


def test_show_without_a_screen_is_told_before_the_work(start, capsys, monkeypatch):
    monkeypatch.setattr(run_module.matplotlib, "get_backend", lambda: "agg")
    assert start({"a": lambda run: pytest.fail("trained in vain")}, "--show") == 2
    assert "argument --show" in capsys.readouterr().err


def test_a_script_without_mnist_has_no_such_options_and_needs_no_torch(tmp_path):
    def plain(run):
        """numbers without data"""
        return {"one": 1}

    argv = ["--out", str(tmp_path)]
    assert run_parts("hw0/trial", "", {"a": plain}, argv, mnist=False) == 0
    assert json.loads((tmp_path / "summary.json").read_text())["settings"] == {"seed": 0}
    with pytest.raises(SystemExit):
        run_parts("hw0/trial", "", {"a": plain}, [*argv, "--device", "cpu"], mnist=False)
    code = "import sys, common.run, common.plots; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
