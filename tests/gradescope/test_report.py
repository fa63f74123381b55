import base64
import json
import re
import sys
import zlib
from importlib.util import find_spec

from gradescope.build import QUESTIONS, ROOT, main
from gradescope.report import describe, load_runs, make_pdf, prepare

import pytest

needs_extra = pytest.mark.skipif(
    not (find_spec("typst") and find_spec("pypandoc")),
    reason='the extra is not installed: python -m pip install -e ".[report]"',
)
needs_results = pytest.mark.skipif(
    not (ROOT / "hw7" / "results").exists(), reason="a copy of the project without its results"
)

README = r"""# HW7: a sample

| | share | rise |
| --- | --- | --- |
| [the script](kmeans.py) | 12.3 %<!-- kmeans/b/share --> | −0.50<!-- kmeans/b/rise --> |
| its (c) | 45.6 %<!-- kmeans/c/share --> | 1<!-- kmeans/b/rise/0 --> |
| **another** | **7**<!-- other/n --> | 8<!-- other/n --> |

See [`kmeans.py`](kmeans.py), [the
table](results/kmeans/table.csv#L1), [the end](#the-end) and [PyTorch](https://pytorch.org).

![Loss of the "network"](results/kmeans/loss.png)
![Its centers](results/kmeans/centers.png)

| | |
| --- | --- |
| ![Left](results/kmeans/left.png) | ![Right](results/other/left.png) |

$$a = b$$

$$\frac{a}{b}\;\bigl(c\bigr)
= \Bigl[d\Bigr] \tag{2}$$

## The end
"""

ALONE = r"""
| | share | rise |
| --- | --- | --- |
| the script | 12.3 % | −0.50 |
| its (c) | 45.6 % | 1 |
| **another** | **7** | 8 |

See `kmeans.py`, the
table, [the end](#the-end) and [PyTorch](https://pytorch.org).

```{=typst}
#figures(("results/kmeans/loss.png", "Loss of the \"network\"", false))
```

```{=typst}
#figures(("results/kmeans/centers.png", "Its centers", false))
```

```{=typst}
#figures(("results/kmeans/left.png", "Left", false), ("results/other/left.png", "Right", false))
```

$$a = b$$

```{=typst}
#numbered("(2)")[
```

$$\frac{a}{b}\,\,\left(c\right)
= \left[d\right]$$

```{=typst}
]
```

## The end
"""

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)


@pytest.fixture
def root(tmp_path):
    """A project whose hw7 has that README and its figures."""
    for name in ("kmeans/loss", "kmeans/centers", "kmeans/left", "other/left"):
        path = tmp_path / "hw7" / "results" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(DOT)
    (tmp_path / "hw7" / "README.md").write_text(README, encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(tmp_path):
    """A student's run of kmeans.py: (b) alone, and two of the figures."""
    folder = tmp_path / "somebody" / "kmeans"
    folder.mkdir(parents=True)
    settings = {"epochs": 2, "batch_size": 64, "seed": 3, "data": str(tmp_path)}
    summary = {"settings": settings, "results": {"b": {"share": 0.4567, "rise": -1.25}}}
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (folder / "loss.png").write_bytes(DOT + b"the run's")
    (folder / "left.png").write_bytes(DOT + b"the run's")
    return folder


def unpack(pdf: bytes) -> bytes:
    """The PDF with what its compressed streams hold."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, flags=re.S)
    unpacked = []
    for stream in streams:
        try:
            unpacked.append(zlib.decompress(stream))
        except zlib.error:  # an image's, as it was
            unpacked.append(stream)
    return pdf + b"".join(unpacked)


def test_what_is_set_of_a_readme(root):
    title, text, figures = prepare(root / "hw7" / "README.md", {})
    assert title == "HW7: a sample"
    assert text == ALONE
    assert set(figures.values()) == {DOT}
    assert len(figures) == 4


def test_what_a_run_has_replaces_that_of_its_script(root, run):
    runs = load_runs([run], ["kmeans"])
    assert describe(runs) == "kmeans.py (epochs 2, batch size 64, seed 3)"  # and no folder
    _, text, figures = prepare(root / "hw7" / "README.md", runs)
    assert '| the script | `#mine("45.7 %")`{=typst} | `#mine("−1.25")`{=typst} |' in text
    assert "| its (c) | 45.6 % | 1 |" in text  # it has no (c), and no list of rises
    assert "| **another** | **7** | 8 |" in text
    is_mine = dict(re.findall(r'\("results/([^"]+)", ".*?", (true|false)\)', text))
    assert is_mine == {
        "kmeans/loss.png": "true",
        "kmeans/centers.png": "false",
        "kmeans/left.png": "true",
        "other/left.png": "false",
    }
    for name, mine in is_mine.items():
        assert figures[f"results/{name}"] == DOT + b"the run's" * (mine == "true")


@needs_results
@pytest.mark.parametrize("homework", QUESTIONS)
def test_the_write_ups_are_set_whole(homework):
    readme = ROOT / homework / "README.md"
    source = readme.read_text(encoding="utf-8")
    _, text, figures = prepare(readme, {})
    assert set(figures) == set(re.findall(r"!\[.*\]\((.+?)\)", source.replace(" | ", "\n")))
    calls = re.findall(r'\("(results/[^"]+)", "([^"]+)", false\)', text)  # none without a caption
    assert [file for file, _ in calls] == list(figures)
    for foreign in ("<!--", "![", r"\tag", "](results", "](../"):
        assert foreign not in text
    assert not re.findall(r"^# ", text, flags=re.M)  # one title
    prose = re.sub(r"^(```.*?^```|    .*?)$|`[^`]*`", "", text, flags=re.M | re.S)
    prose = re.sub(r"\$\$[^$]+\$\$|\$(?! )[^$]+(?<! )\$(?!\d)", "", prose)
    assert not re.findall(r"\$|\\[A-Za-z]+", prose)  # no formula that pandoc takes for words


@pytest.mark.parametrize("package", ["typst", "pypandoc"])
def test_without_the_extra_one_line_says_how_to_get_it(root, capsys, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["hw7", "--report", "--out", str(root / "out")], root) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert 'python -m pip install -e ".[report]"' in error
    assert not (root / "out").exists()


@pytest.mark.parametrize("summary", [None, "{", "[1]"])
def test_a_folder_that_is_no_run_is_refused(root, run, capsys, summary):
    (run / "summary.json").unlink()
    if summary:
        (run / "summary.json").write_text(summary, encoding="utf-8")
    assert main(["hw7", "--run", str(run)], root) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"argument --run: {run} has no summary.json" in error


def test_a_folder_of_another_name_is_refused(root, run, capsys):
    assert main(["hw7", "--run", str(run.parent)], root) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "argument --run: came" in error
    assert "kmeans, other" in error


@needs_extra
def test_the_report_of_a_run(root, run):
    """One page of A4 with its title, without a path or the time."""
    options = ["hw7", "--report", "--run", str(run), "--out", str(root / "out")]
    pdfs = []
    for _ in range(2):
        assert main(options, root) == 0
        pdfs.append((root / "out" / "hw7.pdf").read_bytes())
    assert pdfs[0] == pdfs[1]
    content = unpack(pdfs[0])
    assert re.search(rb"/MediaBox ?\[0 0 595\.2\d+ 841\.8\d+\]", content)
    assert b"HW7: a sample" in content
    assert str(root).encode() not in content
    assert b"/CreationDate" not in content


@needs_extra
@needs_results
def test_the_report_of_a_homework(tmp_path):
    assert main(["hw6", "--report", "--out", str(tmp_path)]) == 0
    pdf = (tmp_path / "hw6.pdf").read_bytes()
    assert len(pdf) <= 2e6
    content = unpack(pdf)
    assert len(re.findall(rb"/Type ?/Page\b", content)) > 4
    assert str(ROOT).encode() not in content


@needs_extra
@pytest.mark.parametrize("text", [r"$\undefined{a}$", "[the end](#nowhere)"])
def test_what_cannot_be_set_is_refused(text):
    from common.runtime.errors import UserError

    with pytest.raises(UserError):
        make_pdf("a title", "", text, {})
