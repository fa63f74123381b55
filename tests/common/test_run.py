import json
import os
import subprocess
import sys

from common import plots
from common.run import Run, UserError, run_parts
from common.runtime.device import choose_device

import pytest
import torch


def draw(run: Run) -> dict:
    """one number and one figure

    The first line alone announces the part.
    """
    figure, _ = plots.subplots()
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
    monkeypatch.setattr("matplotlib.get_backend", lambda: "agg")
    assert start({"a": lambda run: pytest.fail("trained in vain")}, "--show") == 2
    assert "argument --show" in capsys.readouterr().err


def test_show_opens_a_window_for_each_figure(start, monkeypatch, capsys):
    import matplotlib
    import matplotlib.pyplot as plt

    shown = []
    monkeypatch.setattr(matplotlib, "get_backend", lambda: "a screen")
    monkeypatch.setattr(plt, "show", lambda: shown.extend(plt.get_fignums()))
    before = plt.get_fignums()
    assert start({"a": draw, "b": draw}, "--show") == 0
    assert len(shown) == len(before) + 2
    assert plt.get_fignums() == before


def test_the_door_alone_is_one_line_each(start, sample):
    """batches, place and map of one process, against what they stand for."""
    found = {}

    def part(run: Run) -> dict:
        """the door"""
        train, test = run.mnist
        order = torch.randperm(1000, generator=torch.Generator().manual_seed(7))
        x, y = next(iter(run.batches(train)))
        found["shuffled"] = torch.equal(y, train.labels[order[:64]])
        x, y = next(iter(run.batches(test, shuffle=False)))
        found["ordered"] = torch.equal(x, test.images)
        conv = run.place(torch.nn.Conv2d(3, 4, 2))
        found["layout"] = conv.weight.is_contiguous(memory_format=torch.channels_last)
        found["map"] = run.map(lambda x: x * x, range(4)) == [0, 1, 4, 9]
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        loss_fn = torch.nn.functional.cross_entropy
        rows = run.fit(model, loss_fn, optimizer, train=test, test=train, epochs=2)
        found["fit"] = [row["epoch"] for row in rows] == [1, 2] and not list(run.out.glob("*.pt"))
        return {}

    assert start({"a": part}, "--seed", "7") == 0
    assert len(found) == 5 and all(found.values()), found


def test_a_script_s_own_options_are_settings(start, tmp_path, summary):
    parts = {"a": lambda run: {"word": run.args.word}}
    parts["a"].__doc__ = "a word"
    argv = ["--out", str(tmp_path / "out"), "--word", "salam"]
    options = {"--word": {"help": "a word"}}
    assert run_parts("hw0/trial", "", parts, argv, needs="torch", options=options) == 0
    assert summary()["results"] == {"a": {"word": "salam"}}
    assert summary()["settings"] == {"seed": 0, "word": "salam", "device": "cpu"} | {
        "device": choose_device("auto").type
    }
    with pytest.raises(SystemExit):  # without MNIST, there is no --data
        run_parts("hw0/trial", "", parts, [*argv, "--data", "sample"], needs="torch")


def test_main_leaves_the_process_as_it_found_it(start):
    """A notebook or a test runs several scripts in one process."""
    import matplotlib

    def part(run: Run) -> dict:
        """sets what a script may set"""
        torch.rand(3)
        run.save("figure", plots.new_figure())
        return {"threads": torch.get_num_threads()}

    torch.manual_seed(5)
    with matplotlib.rc_context({"image.origin": "lower"}):
        before = torch.get_rng_state(), torch.get_num_threads(), dict(matplotlib.rcParams)
        assert start({"a": part}) == 0
        assert torch.equal(before[0], torch.get_rng_state())
        assert before[1:] == (torch.get_num_threads(), dict(matplotlib.rcParams))


def test_a_user_s_style_does_not_change_a_figure(start, tmp_path):
    import matplotlib

    def part(run: Run) -> dict:
        """an image"""
        run.save("figure", plots.image_grid(torch.rand(4, 784), 2, title="four"))
        return {}

    contents = []
    for style in ({}, {"image.origin": "lower", "savefig.transparent": True, "font.size": 30}):
        with matplotlib.rc_context(style):
            assert start({"a": part}) == 0
        contents.append((tmp_path / "out" / "figure.png").read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "nonsense"])
def test_a_backend_of_another_program_is_ignored(backend):
    code = "import common.run, os; assert os.environ['MPLBACKEND'].startswith(('m', 'n'))"
    environment = os.environ | {"MPLBACKEND": backend}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_a_script_without_mnist_has_no_such_options_and_needs_no_torch(tmp_path):
    def plain(run):
        """numbers without data"""
        return {"one": 1}

    argv = ["--out", str(tmp_path)]
    assert run_parts("hw0/trial", "", {"a": plain}, argv, needs="numpy") == 0
    assert json.loads((tmp_path / "summary.json").read_text())["settings"] == {"seed": 0}
    with pytest.raises(SystemExit):
        run_parts("hw0/trial", "", {"a": plain}, [*argv, "--device", "cpu"], needs="numpy")
    code = "import sys, common.run, common.plots; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
