import re

from common import ROOT
from gradescope.readme_numbers import NUMBER, fill_in, list_readmes

import pytest

NAMES = [str(path.relative_to(ROOT)) for path in list_readmes()]


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_those_of_the_committed_runs(name):
    readme = ROOT / name
    text = readme.read_text(encoding="utf-8")
    assert fill_in(readme) == text, "run python -m gradescope.readme_numbers"
    assert len(NUMBER.findall(text)) == text.count("<!--")  # no reference is malformed


def test_a_wrong_number_is_noticed(tmp_path):
    readme = ROOT / "hw7" / "README.md"
    text = readme.read_text(encoding="utf-8")
    first = NUMBER.search(text)
    wrong = text[: first.start(2)] + "9" + text[first.start(2) :]
    assert NUMBER.search(wrong).group(2) != first.group(2)
    folder = tmp_path / "hw7"
    folder.mkdir()
    (folder / "results").symlink_to(readme.parent / "results")
    (folder / "README.md").write_text(wrong, encoding="utf-8")
    assert fill_in(folder / "README.md") == text


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name):
    readme = ROOT / name
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", readme.read_text(encoding="utf-8"))
    for link in links:
        assert link.startswith("http") or (readme.parent / link).exists(), link


def test_committed_figures_are_small():
    figures = list(ROOT.glob("*/results/*/*.png"))
    assert figures
    for path in figures:
        assert path.stat().st_size < 100_000, path
