import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import weakref

from common import plots
from common.data import load_mnist
from common.run import Run, UserError, run_parts
from common.runtime.device import choose_device

import matplotlib
import numpy as np
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
        (["--data", ""], "argument --data: came '', allowed is a folder's name"),
        (["--data", "a\0b"], r"argument --data: came 'a\x00b', allowed is a folder's name"),
        (["--data", __file__], f"--data: came {__file__}, which is a file; allowed is a folder"),
        (["--out", ""], "argument --out: came '', allowed is a folder's name"),
        (["--out", "n" * 300], "cannot be written (File name too long): name another folder"),
        (["--out", __file__], "cannot be written (File exists): name another folder"),
        (["--out", f"{__file__}/out"], "cannot be written (Not a directory): name another folder"),
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


def test_a_link_in_a_circle_as_output_folder_is_one_line(start, tmp_path, capsys):
    (tmp_path / "out").symlink_to("back")
    (tmp_path / "back").symlink_to("out")
    assert start({"a": draw}) == 2
    error = capsys.readouterr().err
    assert "argument --out" in error and "name another folder" in error and error.count("\n") == 1


def test_show_without_a_screen_is_told_before_the_work(start, capsys, monkeypatch):
    monkeypatch.setattr("matplotlib.get_backend", lambda: "agg")
    assert start({"a": lambda run: pytest.fail("trained in vain")}, "--show") == 2
    assert "argument --show" in capsys.readouterr().err


def test_show_opens_a_window_for_each_figure(start, monkeypatch, capsys):
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


def test_a_notebook_is_given_each_figure(start, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("common.run.display_figure", shown.append)
    assert start({"a": draw}) == 0
    assert shown == [(tmp_path / "out" / "figure.png").read_bytes()]


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


def learn(run: Run) -> dict:
    """trains, and meets numbers that are next to nothing"""
    model = run.place(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    test = run.mnist.test
    rows = run.fit(model, torch.nn.functional.cross_entropy, optimizer, {}, train=test, epochs=1)
    run.save("figure", plots.new_figure())
    small, drawn = np.exp([-1e4]).tolist(), torch.rand(1).item()
    return {"loss": rows[0]["train_loss"], "small": small, "drawn": drawn}


@contextlib.contextmanager
def set_for_a_while(setter, value, before):
    setter(value)
    try:
        yield
    finally:
        setter(before)


SURROUNDINGS = {
    "as usual": contextlib.nullcontext,
    "without gradients": torch.no_grad,
    "inference": torch.inference_mode,
    "bfloat16 where possible": lambda: torch.autocast("cpu"),
    "float64": lambda: set_for_a_while(torch.set_default_dtype, torch.float64, torch.float32),
    "on no device": lambda: torch.device("meta"),
    "deterministic": lambda: set_for_a_while(torch.use_deterministic_algorithms, True, False),
    "NumPy raises": lambda: np.errstate(all="raise"),
    "a user's style": lambda: matplotlib.rc_context({"image.origin": "lower"}),
}


def read_state() -> list:
    """What a run might leave behind in its process."""
    return [
        torch.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.empty(0).device,
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        (torch.ones(1, 1) @ torch.ones(1, 1)).dtype,  # another one under autocast
        torch.are_deterministic_algorithms_enabled(),
        np.geterr(),
        dict(matplotlib.rcParams),
        dict(os.environ),
        sys.stdout,
        sys.stderr,
        sys.unraisablehook,
        [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
    ]


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_what_was_set_before_changes_nothing_and_stays(start, summary, surroundings):
    """A notebook or a test runs several scripts, and others' code, in one process."""
    torch.manual_seed(5)
    with SURROUNDINGS[surroundings]():
        before = read_state()
        assert start({"a": learn}) == 0
        assert read_state() == before
    results = summary()["results"]["a"]
    torch.manual_seed(0)
    model = torch.nn.Linear(784, 10)
    drawn = torch.rand(1).item()
    x, y = load_mnist("sample").test
    expected = 0.0
    order = torch.randperm(200, generator=torch.Generator().manual_seed(0))
    for index in order.split(64):
        loss = torch.nn.functional.cross_entropy(model(x.flatten(1)[index]), y[index])
        expected += len(index) / 200 * loss.item()
        loss.backward()
        for parameter in model.parameters():
            parameter.data -= 0.1 * parameter.grad
            parameter.grad = None
    loss = pytest.approx(expected, rel=1e-5)
    assert results == {"loss": loss, "small": [0], "drawn": drawn}


def test_nothing_of_a_run_is_left_in_memory(start):
    kept = []

    def part(run: Run) -> dict:
        """a run that is watched"""
        learn(run)
        kept.extend(map(weakref.ref, [run, run.mnist.train.images, run.mnist.test.images]))
        return {}

    assert start({"a": part}) == 0
    gc.collect()
    assert [each() for each in kept] == [None] * 3


def test_numbers_that_json_does_not_have_are_null_and_named(start, summary, capsys):
    def part(run: Run) -> dict:
        """a mean of nothing"""
        return {"mean": float("nan"), "rows": [1, {"far": -float("inf")}], "word": "nan"}

    assert start({"a": part}) == 0
    assert summary()["results"] == {"a": {"mean": None, "rows": [1, {"far": None}], "word": "nan"}}
    told = "  not finite, so null in summary.json: a/mean, a/rows/1/far (2 in all)\n"
    assert told in capsys.readouterr().out


def test_what_training_gave_is_kept_before_it_is_analyzed(start, summary):
    def part(run: Run) -> dict:
        """an analysis that fails"""
        learn(run)
        raise RuntimeError("no analysis")

    with pytest.raises(RuntimeError, match="no analysis"):
        start({"a": draw, "b": part})
    assert summary()["results"].keys() == {"a"}
    ((row,),) = summary()["unfinished"]["b"]
    assert row["epoch"] == 1 and row["train_loss"] > 0
    assert start({"a": draw, "b": learn}, "--resume") == 0
    assert "unfinished" not in summary()


def test_without_docstrings_a_part_runs_as_well(start, capsys):
    """Python -OO removes them."""
    assert start({"a": lambda run: {}}) == 0
    assert "\npart a\n" in capsys.readouterr().out


STYLES = [
    {"image.origin": "lower", "savefig.transparent": True, "font.size": 30},
    {"text.usetex": True, "savefig.format": "pdf", "savefig.bbox": "tight", "savefig.dpi": 7},
    {"font.family": "No Such Font", "figure.dpi": 30, "figure.autolayout": True},
    {"text.parse_math": False, "axes.prop_cycle": matplotlib.cycler(color=["red"])},
]


def test_a_user_s_style_does_not_change_a_figure(start, tmp_path):
    def part(run: Run) -> dict:
        """an image and a curve"""
        figure = plots.image_grid((torch.arange(3136) / 3136).view(4, -1), 2, title="$x_1$ of four")
        figure.axes[3].plot([-1, 2])
        run.save("figure", figure)
        return {}

    contents = []
    for style in ({}, *STYLES):
        with matplotlib.rc_context(style):
            assert start({"a": part}) == 0
        contents.append((tmp_path / "out" / "figure.png").read_bytes())
    assert all(content == contents[0] for content in contents)


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "nonsense"])
def test_a_backend_of_another_program_is_ignored(backend):
    code = "import common.run, os; print(os.environ['MPLBACKEND'])"  # imports matplotlib, too
    environment = os.environ | {"MPLBACKEND": backend}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert (done.returncode, done.stdout.decode().strip()) == (0, backend), done.stderr.decode()


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
