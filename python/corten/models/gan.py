"""The generative adversarial network: one network makes, another judges, and each learns from the other."""

from __future__ import annotations

from typing import Any

from corten import losses, metrics, ops, optimizers, random
from corten.errors import ArgumentTypeError, ShapeError
from corten.graph import Array
from corten.layers.arguments import count
from corten.losses import LossLike
from corten.models.model import Model
from corten.optimizers import OptimizerLike

__all__ = ["GAN"]


class GAN(Model):
    """Learns to make things like those it was shown (Goodfellow et al., "Generative adversarial nets", NIPS 2014).

    In each step the generator makes as many things from noise as there are real ones in the batch. The discriminator
    learns to score real ones 1 and made ones 0, the generator that its own be scored 1; both by ``loss``.

    Args:
        generator: noise (n, latent_size) -> things like those in the data.
        discriminator: things -> one score each, (n, 1): logits, for the default loss.
        latent_size: how many numbers of noise, normally distributed, make one thing.
        seed: of the noise in training: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    Raises:
        ShapeError: what the generator makes is not of the shape of the data.
        ValueError: ``fit`` was given more than the real things, such as labels.

    >>> import numpy as np, corten
    >>> from corten.layers import Dense
    >>> maker = corten.Sequential([Dense(16, activation="relu", input_shape=(4,)), Dense(2)])
    >>> judge = corten.Sequential([Dense(16, activation="relu", input_shape=(2,)), Dense(1)])
    >>> gan = corten.models.GAN(maker, judge, latent_size=4)
    >>> gan.compile("adam", "adam")
    >>> sorted(gan.fit(np.ones((64, 2)), epochs=2, verbose=0).history)
    ['d_loss', 'g_loss']
    >>> gan.generate(3, seed=1).shape
    (3, 2)
    """

    def __init__(
        self, generator: Model, discriminator: Model, latent_size: int, seed: int | None = None, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        for role, network in (("generator", generator), ("discriminator", discriminator)):
            if not isinstance(network, Model):
                raise ArgumentTypeError(f"GAN: {role}: expected a model, got {type(network).__name__}")
        self.generator, self.discriminator = generator, discriminator
        self.latent_size = count(latent_size, "GAN: latent_size")
        self.seed_generator = random.SeedGenerator(seed)
        self.d_loss, self.g_loss = metrics.Mean(name="d_loss"), metrics.Mean(name="g_loss")
        # What it has are its two networks; the first step builds them if they are not.
        self.built = generator.built and discriminator.built

    def compile(  # type: ignore[override]
        self,
        d_optimizer: OptimizerLike = "adam",
        g_optimizer: OptimizerLike = "adam",
        loss: LossLike | None = None,
        run_eagerly: bool = False,
    ) -> None:
        """Says how both are trained.

        Args:
            d_optimizer, g_optimizer: names or optimizers, of the discriminator and of the generator.
            loss: of (1 or 0, score); binary cross-entropy from logits unless given.
            run_eagerly: run op by op; the same bits, more slowly.
        """
        super().compile(g_optimizer, run_eagerly=run_eagerly)
        self.g_optimizer: Any = self.optimizer
        self.d_optimizer: Any = optimizers.get(d_optimizer)
        if self.g_optimizer is self.d_optimizer:
            raise ValueError(f"{self.name!r}: generator and discriminator need an optimizer each, got one for both")
        self.loss: Any = losses.BinaryCrossentropy(from_logits=True) if loss is None else losses.get(loss)

    @property
    def metrics(self) -> list[metrics.Metric]:
        return [self.d_loss, self.g_loss]

    def call(self, inputs: Any, training: bool = False) -> Any:
        """What the generator makes of noise."""
        return self.generator(inputs, training=training)

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step of both networks on a batch of real things."""
        if isinstance(data, (tuple, list, dict)):
            raise ValueError(
                f"{self.name!r}: a GAN is trained on real samples only: expected fit(x) with one array, without "
                f"targets or weights, got {len(data)} arrays"
            )
        noise = random.normal((data.shape[0], self.latent_size), seed=self.seed_generator)
        fakes = self.generator(noise, training=True)
        if fakes.shape != data.shape:
            raise ShapeError(f"{self.name!r}: the data have shape {data.shape}, the generator produces {fakes.shape}")
        real, fake = self.discriminator(data, training=True), self.discriminator(fakes, training=True)
        ones, zeros = ops.ones(fake.shape), ops.zeros(fake.shape)
        d_loss = (self.loss(ones, real) + self.loss(zeros, fake)) * 0.5
        g_loss = self.loss(ones, fake)
        self.d_optimizer.minimize(d_loss, self.discriminator.trainable_variables)
        self.g_optimizer.minimize(g_loss, self.generator.trainable_variables)
        self.built = True
        self.d_loss.update_state(d_loss, sample_weight=data.shape[0])
        self.g_loss.update_state(g_loss, sample_weight=data.shape[0])
        return {metric.name: metric.result() for metric in self.metrics}

    def test_step(self, data: Any) -> dict[str, Any]:
        raise ValueError(f"{self.name!r}: a GAN cannot be evaluated by a loss; look at what it generates")

    def generate(self, n: int, seed: int | None = None) -> Array:
        """``n`` new things; the same ones for the same seed."""
        noise = random.normal((n, self.latent_size), seed=random.draw_seed() if seed is None else seed)
        samples: Array = self.generator.predict(noise, verbose=0)
        return samples
