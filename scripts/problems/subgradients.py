"""The by-hand part of problem 17: leaky ReLU, the max, and the definition of a subgradient."""

import numpy as np


def leaky(z, a):
    return np.where(z > 0, z, a * z)


def steep(x):
    return abs(x[..., 0]) + 2 * abs(x[..., 1])


def violation(f, v, at, points):
    """By how much f(x) - f(at) falls below v (x - at), at worst; 0 for a subgradient."""
    return max(0.0, ((points - at) @ v - (f(points) - f(at))).max())


def max_gradient(z, subsets, upstream):
    dz = np.zeros_like(z)
    for subset, u in zip(subsets, upstream, strict=True):
        dz[max(subset, key=z.__getitem__)] += u
    return dz
