"""Final Q4: its figures. M is lower triangular, (d, d) with d = 784 pixels; Σ⁻¹ = MᵀM."""

from collections.abc import Mapping

from common import plots
from final.covariance_autoencoder import invert

import torch
from torch import Tensor


def draw_descents(tables: Mapping[str, Tensor]) -> plots.Figure:
    """Loss, M and negative ELBO, step by step.

    Args:
        tables: "without" and "with" the determinant → (steps, 3).
    """
    figure, panels = plots.subplots(1, 3, (12, 3.6))
    labels = ("mean square of [z, M(x − f)]", "geometric mean of M_ii (1/pixel)",
              "negative ELBO (nats per image)")  # fmt: skip
    for column, (axes, label) in enumerate(zip(panels, labels)):
        for name, table in tables.items():
            axes.plot(table[:, column].numpy(), label=f"{name} −ln det M")
        axes.set(xlabel="step", ylabel=label, yscale="linear" if column == 2 else "log")
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def draw_deviations(matrices: Mapping[str, Tensor]) -> plots.Figure:
    """The deviation of each pixel, √Σ_ii, for each M; of the fitted one also 1/M_ii."""
    images = {name: invert(M.double()).square().sum(1).sqrt() for name, M in matrices.items()}
    images["fitted: 1/M_ii,\ngiven the pixels before"] = 1 / matrices["fitted"].diagonal()
    figure, panels = plots.subplots(1, len(images), (3.1 * len(images), 3.4))
    top = max(image.max() for image in images.values())
    for axes, (title, image) in zip(panels, images.items()):
        drawn = axes.imshow(image.reshape(28, 28).numpy(), cmap="magma", vmin=0, vmax=top)
        axes.set(title=title, xticks=[], yticks=[])
    figure.colorbar(drawn, ax=list(panels), label="deviation (pixel, 0 to 1)")
    return figure


def draw_digits(rows: Mapping[str, Tensor], matrices: Mapping[str, Tensor]) -> plots.Figure:
    """Decoded digits f(z), then the same with errors drawn from N(0, Σ).

    Args:
        rows: model → (digits in a row, d).
        matrices: M of some of the models, and of "fitted", whose decoder is that of "diagonal".
    """
    noise = torch.randn(rows["diagonal"].shape)
    shown = {name.replace("hw7_", "HW7 "): digits for name, digits in rows.items()}
    for name, M in matrices.items():
        digits = rows["diagonal" if name == "fitted" else name]
        shown[f"{name}, with errors"] = (digits + noise @ invert(M).T).clamp(0, 1)
    title = "New digits: codes from the mixture"
    return plots.image_grid(torch.cat(list(shown.values())), len(noise), (), list(shown), title)
