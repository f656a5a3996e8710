"""PyTorch's process. Variants: default, channels_last, compiled (torch.compile). Its interpreter must have PyTorch.

Batches lie ready as tensors, so that only steps are timed: neither shuffling nor gathering is counted against it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from peers.rounds import Make, serve
from peers.workloads import (
    FEATURES,
    HEADS,
    INFERENCE,
    LENGTH,
    RECURRENT,
    STEPS,
    TOKENS,
    UNITS,
    inference,
    on_batch,
    training,
)


class Recurrent(nn.Module):
    """A recurrent network: the last state to ten classes, or every state to 64 characters."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.characters = name == "char_lm"
        self.embedding = nn.Embedding(64, 64)
        kind = {"simple_rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM, "char_lm": nn.LSTM}[name]
        units = 256 if self.characters else 128
        self.recurrent = kind(64, units, batch_first=True)
        self.dense = nn.Linear(units, 64 if self.characters else 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states, _ = self.recurrent(self.embedding(x) if self.characters else x)
        return self.dense(states).flatten(0, 1) if self.characters else self.dense(states[:, -1])


class Encoder(nn.Module):
    """Tokens with their positions, one layer of a transformer's encoder, the mean over the sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(TOKENS, FEATURES), nn.Embedding(LENGTH, FEATURES)
        self.layer = nn.TransformerEncoderLayer(FEATURES, HEADS, UNITS, dropout=0.0, batch_first=True)
        self.head = nn.Linear(FEATURES, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(self.tokens(x) + self.positions.weight).mean(1))


class Peer:
    """One variant of PyTorch."""

    def __init__(self, variant: str) -> None:
        self.variant = variant

    def network(self, name: str) -> nn.Module:
        model: Any
        if name == "mlp":
            model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        elif name == "autoencoder":
            model = nn.Sequential(
                nn.Conv2d(1, 16, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(16, 32, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.ConvTranspose2d(32, 16, 3, stride=2, padding=1, output_padding=1),
                nn.ReLU(),
                nn.ConvTranspose2d(16, 1, 3, stride=2, padding=1, output_padding=1),
                nn.Sigmoid(),
            )
        elif name in RECURRENT:
            model = Recurrent(name)
        elif name == "transformer":
            model = Encoder()
        else:
            model = nn.Sequential(
                nn.Conv2d(1, 32, 3),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Conv2d(32, 64, 3),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Flatten(),
                nn.Linear(1600, 128),
                nn.ReLU(),
                nn.Linear(128, 10),
            )
        if name not in ("mlp", *RECURRENT) and self.variant == "channels_last":
            model = model.to(memory_format=torch.channels_last)
        return torch.compile(model) if self.variant == "compiled" else model

    def inputs(self, name: str, batch: int) -> torch.Tensor:
        if name == "char_lm":
            return torch.randint(0, 64, (batch, 64))
        if name in RECURRENT:
            return torch.rand(batch, 100, 64)
        if name == "transformer":
            return torch.randint(0, TOKENS, (batch, LENGTH))
        x = torch.rand((batch, 64) if name == "mlp" else (batch, 1, 28, 28))
        if name not in ("mlp", *RECURRENT) and self.variant == "channels_last":
            x = x.to(memory_format=torch.channels_last)
        return x

    def train(self, name: str, batch: int, steps: int) -> Make:
        def make() -> tuple[int, Callable[[], Any]]:
            model = self.network(name)
            loss_of = nn.MSELoss() if name == "autoencoder" else nn.CrossEntropyLoss()
            adam = torch.optim.Adam(model.parameters(), fused=True)
            images = [self.inputs(name, batch) for _ in range(min(steps, 16))]
            classes, labels = (64, batch * 64) if name == "char_lm" else (10, batch)
            batches = [(x, x if name == "autoencoder" else torch.randint(0, classes, (labels,))) for x in images]

            def loop() -> None:
                for step in range(steps):
                    x, y = batches[step % len(batches)]
                    adam.zero_grad(set_to_none=True)
                    loss_of(model(x), y).backward()
                    adam.step()

            return steps, loop

        return make

    def infer(self, name: str, batch: int) -> Make:
        def make() -> tuple[int, Callable[[], Any]]:
            model = self.network(name).eval()
            softmax = nn.Softmax(dim=-1)
            x = self.inputs(name, batch)

            def run() -> None:
                with torch.inference_mode():
                    softmax(model(x)).numpy()

            return 1, run

        return make


def main() -> None:
    torch.set_num_threads(int(sys.argv[1]))
    peer = Peer(sys.argv[2])
    workloads: dict[str, Make] = {}
    for (name, batch), steps in STEPS.items():
        workloads[training(name, batch)] = peer.train(name, batch, steps)
        workloads[on_batch(name, batch)] = peer.train(name, batch, 1)
    for batch in INFERENCE:
        workloads[inference("cnn", batch)] = peer.infer("cnn", batch)
        workloads[inference("mlp", batch)] = peer.infer("mlp", batch)
        workloads[inference("transformer", batch)] = peer.infer("transformer", batch)
    if peer.variant == "channels_last":
        never = ("mlp", "transformer", *RECURRENT)
        workloads = {name: make for name, make in workloads.items() if not name.startswith(never)}
    facts = {
        "version": torch.__version__,
        "threads": torch.get_num_threads(),
        "isa": torch.backends.cpu.get_cpu_capability(),
    }
    serve(facts, workloads)


if __name__ == "__main__":
    main()
