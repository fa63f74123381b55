"""What a figure shows, as data."""

from common.plots import Figure

import numpy as np


def images_of(figure: Figure) -> np.ndarray:
    """The images of an image grid, (n, 784), row by row."""
    shown = [axes.images[0] for axes in figure.axes if axes.images]
    assert all(image.get_clim() == (0, 1) for image in shown)
    return np.stack([np.asarray(image.get_array()).ravel() for image in shown])


def row_titles_of(figure: Figure) -> list[str]:
    """What stands left of the rows of an image grid."""
    return [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]


def rows_of(figure: Figure) -> int:
    """How many rows an image grid has."""
    return len({axes.get_subplotspec().rowspan.start for axes in figure.axes})
