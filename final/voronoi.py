"""Voronoi cells in the plane: a box, cut by half-planes. Exact where the numbers are fractions."""

from fractions import Fraction
from typing import Any

import numpy as np


def exact(rows: Any) -> np.ndarray:
    """An array of fractions, with which NumPy then calculates exactly."""
    return np.vectorize(Fraction, otypes=[object])(rows)


BOX = exact([[-1.5, -1.5], [1.5, -1.5], [1.5, 1.5], [-1.5, 1.5]])  # what question 1's figures show


def clip(polygon: np.ndarray, normal: np.ndarray, offset: Any) -> np.ndarray:
    """The corners (m, 2) of the part of a convex polygon where normal·x ≤ offset, in order."""
    corners, beyond = [], polygon @ normal - offset
    for i, (p, q) in enumerate(zip(polygon, np.roll(polygon, -1, axis=0))):
        before, after = beyond[i], beyond[(i + 1) % len(polygon)]
        if before <= 0:
            corners.append(p)
        if before * after < 0:  # the edge from p to q crosses the border
            corners.append(p + before / (before - after) * (q - p))
    return np.array(corners)


def voronoi_cell(i: int, centers: np.ndarray) -> np.ndarray:
    """The corners of the part of the box that is nearer to center i than to any other.

    ‖x − c_i‖² ≤ ‖x − c_j‖² is the half-plane 2(c_j − c_i)·x ≤ ‖c_j‖² − ‖c_i‖². [final 1a.5]
    """
    cell, own = BOX, centers[i]
    for other in np.delete(centers, i, axis=0):
        cell = clip(cell, 2 * (other - own), other @ other - own @ own)
    return cell
