"""This engine as scikit-learn's estimators.

They work with all that scikit-learn has around its own: pipelines, encoders, imputers,
cross-validation, searches. Needs scikit-learn from 1.6 on:

    pip install "mlp[sklearn]"
"""

try:
    import sklearn.utils.validation as _validation
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'mlp.estimators: expected scikit-learn to be installed; pip install "mlp[sklearn]"',
        name=error.name,
    ) from error
if not hasattr(_validation, "validate_data"):
    raise ImportError(
        'mlp.estimators: expected scikit-learn 1.6 or later; pip install --upgrade "mlp[sklearn]"'
    )

from mlp.estimators.classifier import MLPClassifier
from mlp.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
