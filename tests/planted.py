"""Layers and losses with one planted mistake each, for the tests of the checker."""

import numpy as np

from mlp import (
    Affine,
    Concat,
    MaxPool,
    Multiply,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    SoftmaxCrossEntropy,
    SquaredError,
)


class OffByAThousandth(Affine):
    def backward(self, upstream):
        dx = super().backward(upstream)
        self.dW *= 1.001
        return dx


class OneEntry(Affine):
    def backward(self, upstream):
        dx = super().backward(upstream)
        self.dW[37, 41] *= 1 + 1e-6
        return dx


class OneEntryBothWays(OneEntry):
    """Its jvp has the same mistake, so that the two agree."""

    def jvp(self, dx, dparameters=None):
        changes = {name: np.array(change) for name, change in (dparameters or {}).items()}
        if "W" in changes:
            changes["W"][37, 41] *= 1 + 1e-6
        return super().jvp(dx, changes)


class OneInputEntry(Affine):
    def backward(self, upstream):
        dx = super().backward(upstream)
        dx[1, 2] *= 1 + 1e-9
        return dx


class ForgetsBiasSum(Affine):
    def backward(self, upstream):
        dx = super().backward(upstream)
        self.db = upstream
        return dx


class AveragesBias(Affine):
    def backward(self, upstream):
        dx = super().backward(upstream)
        self.db = upstream.mean(axis=0)
        return dx


class SumsBiasOverTheWrongAxis(Affine):
    def backward(self, upstream):
        dx = super().backward(upstream)
        self.db = upstream.sum(axis=1)
        return dx


class TransposesWeights(Affine):
    def backward(self, upstream):
        dx = super().backward(upstream)
        self.dW = self.dW.T
        return dx


class ForgetsBiasInJvp(Affine):
    def jvp(self, dx, dparameters=None):
        return super().jvp(dx, {k: v for k, v in (dparameters or {}).items() if k != "b"})


class DiagonalSoftmax(Softmax):
    def backward(self, upstream):
        y = self.cached()
        return upstream * y * (1 - y)


class SoftmaxJvpWithoutSum(Softmax):
    def jvp(self, dz, dparameters=None):
        return self.cached() * dz


class ZeroSoftmax(Softmax):
    def backward(self, upstream):
        return np.zeros_like(super().backward(upstream))


class IgnoresUpstream(Sigmoid):
    def backward(self, upstream):
        return super().backward(np.ones_like(upstream))


class MaskFromUpstream(ReLU):
    def backward(self, upstream):
        return upstream * (upstream > 0)


class InvertedMask(ReLU):
    def forward(self, z):
        self.positive = z.real > 0
        return super().forward(z)

    def backward(self, upstream):
        return upstream * ~self.positive


class SlopeTwoAtZero(ReLU):
    def forward(self, z):
        self.zero = z == 0
        return super().forward(z)

    def backward(self, upstream):
        return np.where(self.zero, 2 * upstream, super().backward(upstream))

    def jvp(self, dz, dparameters=None):
        return np.where(self.zero, 2 * dz, super().jvp(dz))


class TieToAll(MaxPool):
    """For windows of two."""

    def forward(self, x):
        pairs = x.reshape(len(x), -1, 2)
        self.share = (pairs == pairs.max(axis=-1, keepdims=True)).astype(float)
        return super().forward(x)

    def backward(self, upstream):
        return (self.share * upstream[..., None]).reshape(len(upstream), -1)

    def jvp(self, dx, dparameters=None):
        return (self.share * dx.reshape(self.share.shape)).sum(axis=-1)


class TieEvenly(TieToAll):
    """Right: half to each of two equal inputs."""

    def forward(self, x):
        y = super().forward(x)
        self.share /= self.share.sum(axis=-1, keepdims=True)
        return y


class TieToLast(MaxPool):
    """Right too: the first from behind is the last."""

    def forward(self, x):
        return super().forward(x[:, ::-1])[:, ::-1]

    def backward(self, upstream):
        return super().backward(upstream[:, ::-1])[:, ::-1]

    def jvp(self, dx, dparameters=None):
        return super().jvp(dx[:, ::-1])[:, ::-1]


class OverwritesSharedInputs(Multiply):
    def backward(self, upstream):
        z = self.cached()
        j, k = self._wiring(z.shape[1])
        dz = np.zeros_like(z)
        dz[:, j] += upstream * z[:, k]
        dz[:, k] += upstream * z[:, j]
        return dz


class SwapsFactors(Multiply):
    def backward(self, upstream):
        dz = super().backward(upstream)
        return dz.reshape(len(dz), -1, 2)[..., ::-1].reshape(dz.shape)


class SkipsALayer(Sequential):
    def backward(self, upstream):
        for i in (2, 0):
            upstream = self.layers[i].backward(upstream)
        return upstream


class FirstBranchOnly(Concat):
    def backward(self, upstream):
        shape, dtype, cuts = self.cached()
        parts = np.split(self.checked("upstream", upstream, shape, dtype), cuts, axis=-1)
        return self.layers[0].backward(parts[0])


class LossWithoutMean(SoftmaxCrossEntropy):
    def backward(self):
        y, d = self._cache
        return self.gradient(y, d)


class LossWithoutTwo(SquaredError):
    def gradient(self, y, d):
        return y - d


class Float32Slip(Sigmoid):
    """Right in float64, but loses digits in float32."""

    def backward(self, upstream):
        dx = super().backward(upstream)
        return dx if dx.dtype == np.float64 else dx * np.float32(1 + 1e-4)


class Float64Leak(Sigmoid):
    def backward(self, upstream):
        return super().backward(upstream) * np.float64(1)


MISTAKES = [
    (OffByAThousandth(5, 3, rng=0), (4, 5), {"W"}),
    (OneEntry(100, 100, rng=0), (3, 100), {"W"}),
    (OneInputEntry(5, 3, rng=0), (4, 5), {"x"}),
    (ForgetsBiasSum(5, 3, rng=0), (4, 5), {"b"}),
    (AveragesBias(5, 3, rng=0), (4, 5), {"b"}),
    (SumsBiasOverTheWrongAxis(5, 4, rng=0), (4, 5), {"b"}),
    (TransposesWeights(4, 4, rng=0), (3, 4), {"W"}),
    (ForgetsBiasInJvp(5, 3, rng=0), (4, 5), {"b"}),
    (DiagonalSoftmax(), (4, 5), {"x"}),
    (SoftmaxJvpWithoutSum(), (4, 5), {"x"}),
    (ZeroSoftmax(), (4, 5), {"x"}),
    (IgnoresUpstream(), (4, 5), {"x"}),
    (MaskFromUpstream(), (4, 5), {"x"}),
    (InvertedMask(), (4, 5), {"x"}),
    (OverwritesSharedInputs([[0, 1], [0, 2]]), (4, 3), {"x"}),
    (SwapsFactors(), (4, 6), {"x"}),
    (FirstBranchOnly(ReLU(), Sigmoid()), (4, 3), {"x"}),
    (
        SkipsALayer(Affine(4, 4, rng=0), Sigmoid(), Affine(4, 4, rng=1)),
        (3, 4),
        {"x", "0.W", "0.b"},
    ),
]
"""A wrong layer, the shape of an input, and the rows that must fail."""
