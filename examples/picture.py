"""One picture of how a classifier of images learned and what it confuses."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure


def draw_classifier(history: dict[str, list[float]], images: Any, labels: Any, guesses: Any, path: Path) -> None:
    """Draw the curves, the confusion matrix, and sixteen predictions: up to eight mistaken ones, the rest right."""
    figure = Figure(figsize=(14, 8), layout="constrained")
    curves, results = figure.subfigures(1, 2, width_ratios=(2, 3))
    epochs = range(1, len(history["loss"]) + 1)
    for axes, name in zip(curves.subplots(2, 1), ("loss", "accuracy"), strict=True):
        axes.plot(epochs, history[name], "o-", label="training")
        axes.plot(epochs, history[f"val_{name}"], "o-", label="validation")
        axes.set(xlabel="epoch", ylabel=name, xticks=epochs)
        axes.legend()

    above, below = results.subfigures(2, 1, height_ratios=(3, 2))
    classes = int(max(labels.max(), guesses.max())) + 1
    confusion = np.zeros((classes, classes), int)
    np.add.at(confusion, (labels, guesses), 1)
    axes = above.subplots()
    axes.imshow(np.log1p(confusion), cmap="Blues")
    for (row, column), count in np.ndenumerate(confusion):
        axes.text(column, row, count or "", ha="center", va="center", color="white" if row == column else "black")
    axes.set(xlabel="predicted", ylabel="true", xticks=range(classes), yticks=range(classes))

    mistaken, right = np.flatnonzero(labels != guesses)[:8], np.flatnonzero(labels == guesses)
    shown = [*mistaken, *right[: 16 - len(mistaken)]]
    for axes, index in zip(below.subplots(2, 8).flat, shown, strict=False):
        axes.imshow(images[index].squeeze(), cmap="gray_r")
        colour = "green" if guesses[index] == labels[index] else "red"
        axes.set_title(f"{guesses[index]} (is {labels[index]})", color=colour)
        axes.axis("off")
    figure.savefig(path, dpi=100)
