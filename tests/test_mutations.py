from tests.mutations import MUTATIONS, ROOT, find_test

import pytest


@pytest.mark.parametrize("file", sorted({file for file, _, _ in MUTATIONS}))
def test_each_mutation_changes_one_place_of_a_tested_file(file):
    source = (ROOT / file).read_text(encoding="utf-8")
    for each, old, new in MUTATIONS:
        if each == file:
            assert source.count(old) == 1, old
            assert old != new
    assert (ROOT / find_test(file)).exists()
