from fractions import Fraction
from itertools import product

from final.voronoi import BOX, clip, exact, voronoi_cell

import numpy as np
from scipy.spatial import Voronoi


def test_cells_as_scipy():
    """With the centers mirrored at the box's sides, SciPy's cells of the centers end there."""
    centers = np.random.default_rng(0).uniform(-1.4, 1.4, (6, 2))
    mirrored = [centers]
    for axis, side in product((0, 1), (-1.5, 1.5)):
        copy = centers.copy()
        copy[:, axis] = 2 * side - copy[:, axis]
        mirrored.append(copy)
    voronoi = Voronoi(np.concatenate(mirrored))
    for i in range(6):
        ours = voronoi_cell(i, exact(centers)).astype(float)
        theirs = voronoi.vertices[voronoi.regions[voronoi.point_region[i]]]
        assert len(ours) == len(theirs)
        distances = np.linalg.norm(ours[:, None] - theirs, axis=2)
        assert distances.min(1).max() < 1e-9 and distances.min(0).max() < 1e-9


def test_clip_keeps_the_corners_in_order():
    triangle = clip(BOX, exact([1, 1]), Fraction(-2))
    assert sorted(map(tuple, triangle)) == [(-1.5, -1.5), (-1.5, -0.5), (-0.5, -1.5)]
    x, y = clip(BOX, exact([1, 1]), Fraction(1)).T
    assert ((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2) == 9 - 2  # shoelace; exact
    assert clip(BOX, exact([1, 0]), Fraction(-2)).size == 0
