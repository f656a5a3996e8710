"""Pictures: how a classifier of images learned and what it confuses; what attention looks at."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager


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


def draw_attention(weights: Any, rows: list[str], columns: list[str], title: str, path: str) -> None:
    """Draw which words (columns) each word or character (row) attended to."""
    axes = Figure(figsize=(8, 8), layout="constrained").subplots()
    axes.imshow(weights, cmap="Blues")
    axes.set(xlabel="attended to", title=title)
    axes.set_xticks(range(len(columns)), columns, rotation=70)
    # Few systems' default font has Chinese characters; where none has, they are counted.
    fonts = [font.name for font in fontManager.ttflist if re.search("CJK|Hei|Song|Ming|PingFang", font.name)]
    foreign = not "".join(rows).isascii()
    labels = [f"character {i + 1}" for i in range(len(rows))] if foreign and not fonts else rows
    axes.set_yticks(range(len(rows)), labels, fontfamily=fonts[0] if foreign and fonts else None)
    axes.figure.savefig(path, dpi=100)
