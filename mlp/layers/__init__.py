"""The layers: one file each, forward, backward and jvp side by side."""

from mlp.layers.affine import Affine
from mlp.layers.base import Layer
from mlp.layers.concat import Concat
from mlp.layers.elementwise import Elementwise
from mlp.layers.flatten import Flatten
from mlp.layers.maxpool import MaxPool
from mlp.layers.multiply import Multiply
from mlp.layers.relu import ReLU
from mlp.layers.scale import Scale
from mlp.layers.sigmoid import Sigmoid
from mlp.layers.softmax import Softmax

__all__ = [
    "Affine",
    "Concat",
    "Elementwise",
    "Flatten",
    "Layer",
    "MaxPool",
    "Multiply",
    "ReLU",
    "Scale",
    "Sigmoid",
    "Softmax",
]
