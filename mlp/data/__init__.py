"""Data sets from the files that people have: folders of NPY or IDX files, CSV and NPZ.

Every failure to read a file is a DataError of one line that begins with the path of the file, and
no reader takes memory on a header's word: what a file claims is compared with what it holds.
"""

from mlp.data.balancing import balanced_weights
from mlp.data.converting import convert
from mlp.data.dataset import Dataset, column_names, feature_blocks, load, load_features
from mlp.data.splitting import one_hot, stratified_split

__all__ = [
    "Dataset",
    "balanced_weights",
    "column_names",
    "convert",
    "feature_blocks",
    "load",
    "load_features",
    "one_hot",
    "stratified_split",
]
