"""The estimators in scikit-learn's hands: its checks, its numbers, its tools around them."""

# ruff: noqa: E402 - what needs scikit-learn can be imported only once it is known to be there

import pickle
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
pd = pytest.importorskip("pandas", reason="pandas is not installed")

import sklearn.neural_network as theirs
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import mlp.estimators as ours
from mlp import NonFiniteError, Sequential, SoftmaxCrossEntropy, evaluate
from mlp.estimators import MLPClassifier, MLPRegressor

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@parametrize_with_checks([MLPClassifier(), MLPRegressor()])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


# scikit-learn's numbers

X, Y = make_classification(130, 8, n_informative=6, n_classes=3, random_state=0)
SLOPE = make_regression(120, 6, n_targets=1, random_state=0)
SLOPES = make_regression(120, 6, n_targets=2, random_state=0)
IN_ORDER = {"shuffle": False, "batch_size": 50, "alpha": 1}
QUICK_END = {"learning_rate_init": 0.5, "tol": 0.01, "n_iter_no_change": 3, "max_iter": 60}
SAME = {
    "relu": ((X, Y), {"alpha": 0.1}),
    "logistic": ((X, Y), {"activation": "logistic"}),
    "tanh": ((X, Y), {"activation": "tanh", "hidden_layer_sizes": (9, 5)}),
    "identity": ((X, Y), {"activation": "identity", "hidden_layer_sizes": 7}),
    "linear": ((X, Y), {"hidden_layer_sizes": ()}),
    "texts": ((X, np.array(["b", "a", "c"])[Y]), {}),
    "two classes": ((X, Y % 2), {}),
    "labels": ((X, np.eye(3, dtype=int)[Y]), {}),
    "weights": ((X, Y, np.linspace(0.1, 2, 130)), {"alpha": 1}),
    "no momentum": ((X, Y), {"momentum": 0}),
    "no look ahead": ((X, Y), {"nesterovs_momentum": False}),
    "constant": ((X, Y), IN_ORDER | QUICK_END),
    "invscaling": ((X, Y), IN_ORDER | QUICK_END | {"learning_rate": "invscaling"}),
    "adaptive": ((X, Y), IN_ORDER | QUICK_END | {"learning_rate": "adaptive"}),
    "early stopping": ((X, Y % 2), QUICK_END | {"early_stopping": True, "tol": 0}),
    "regression": (SLOPE, {"learning_rate_init": 1e-5}),
    "in order": (SLOPE, IN_ORDER | {"learning_rate_init": 1e-5}),
}


@pytest.mark.parametrize(("data", "options"), SAME.values(), ids=SAME)
def test_where_the_order_plays_no_part_the_numbers_are_scikit_learns(data, options):
    kind = "MLPRegressor" if data[1].dtype == float else "MLPClassifier"
    options = {"max_iter": 15, "random_state": 3} | options
    mine = getattr(ours, kind)(**options).fit(*data)
    other = getattr(theirs, kind)(solver="sgd", **options).fit(*data)
    # up to 180 steps, each some 100 roundings of numbers of size 1 (losses: to 1e4)
    size = {"rtol": 1e-11, "atol": 1e-11}
    np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_, **size)
    for name in ("coefs_", "intercepts_"):
        for ours_, theirs_ in zip(getattr(mine, name), getattr(other, name), strict=True):
            np.testing.assert_allclose(ours_, theirs_, **size)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(mine, name) == getattr(other, name), name
    for name in ("loss_", "best_loss_", "best_validation_score_", "validation_scores_"):
        expected = getattr(other, name)
        expected = expected if expected is None else pytest.approx(expected, rel=1e-11)
        assert getattr(mine, name) == expected, name
    np.testing.assert_array_equal(mine.predict(data[0][:9]).shape, other.predict(data[0][:9]).shape)
    if kind == "MLPClassifier":
        np.testing.assert_array_equal(mine.predict(data[0]), other.predict(data[0]))
        for name in ("predict_proba", "predict_log_proba"):
            np.testing.assert_allclose(*(getattr(e, name)(X) for e in (mine, other)), rtol=1e-9)


def test_partial_fit_goes_on_as_scikit_learns_does():
    options = {"random_state": 3, "learning_rate": "invscaling", "learning_rate_init": 0.1}
    mine, other = MLPClassifier(**options), theirs.MLPClassifier(solver="sgd", **options)
    for start in (0, 50, 100):
        part = slice(start, start + 50)
        for estimator in (mine, other):
            estimator.partial_fit(X[part], Y[part], classes=[0, 1, 2, 3])
        mine = pickle.loads(pickle.dumps(mine))
    np.testing.assert_allclose(mine.coefs_[0], other.coefs_[0], rtol=1e-11, atol=1e-13)
    assert mine.loss_curve_ == pytest.approx(other.loss_curve_, rel=1e-12)
    assert (mine.n_iter_, mine.t_) == (other.n_iter_, other.t_) == (1, 130)


def test_several_targets_have_the_gradient_of_scikit_learn_and_a_loss_that_fits_it():
    options = {"random_state": 3, "max_iter": 15, "alpha": 0, "learning_rate_init": 1e-5}
    mine = MLPRegressor(**options).fit(*SLOPES)
    other = theirs.MLPRegressor(solver="sgd", **options).fit(*SLOPES)
    np.testing.assert_allclose(mine.predict(SLOPES[0]), other.predict(SLOPES[0]), rtol=1e-11)
    assert mine.loss_curve_ == pytest.approx(2 * np.array(other.loss_curve_), rel=1e-12)


# On the engine


def test_the_network_is_a_sequential_that_evaluate_takes():
    estimator = MLPClassifier((7,), "tanh", max_iter=3, random_state=0).fit(X, Y)
    assert type(estimator.network_) is Sequential
    scores = evaluate(estimator.network_, SoftmaxCrossEntropy(), X, Y)
    assert scores["accuracy"] == estimator.score(X, Y)
    # the estimator's loss is that before the last step, with the penalty
    assert scores["loss"] == pytest.approx(estimator.loss_, rel=0.05)


def test_float32_stays_float32():
    estimator = MLPClassifier(max_iter=2).fit(X.astype(np.float32), Y)
    assert estimator.coefs_[0].dtype == estimator.predict_proba(X).dtype == np.float32


def test_balanced_classes_count_the_same_in_total():
    rare = np.flatnonzero((Y > 0) | (np.arange(130) % 4 == 0))
    x, y = X[rare], Y[rare]
    weights = len(y) / (3 * np.bincount(y))
    options = {"max_iter": 10, "random_state": 0}
    balanced = MLPClassifier(class_weight="balanced", **options).fit(x, y)
    by_name = MLPClassifier(class_weight=dict(enumerate(weights)), **options).fit(x, y)
    by_sample = MLPClassifier(**options).fit(x, y, weights[y])
    for other in (by_name, by_sample):
        np.testing.assert_allclose(balanced.coefs_[0], other.coefs_[0], rtol=1e-10)
    whole = np.arange(len(y)) % 3
    weighted = clone(balanced).fit(x, y, whole)
    repeated = clone(balanced).fit(x.repeat(whole, axis=0), y.repeat(whole))
    np.testing.assert_allclose(weighted.coefs_[0], repeated.coefs_[0], rtol=1e-9)


def test_a_class_whose_samples_weigh_nothing_has_no_part_in_the_balance():
    given = np.where(Y == 2, 0.0, 1.0)
    options = {"max_iter": 5, "random_state": 0}
    balanced = MLPClassifier(class_weight="balanced", **options).fit(X, Y, given)
    weights = given.sum() / (2 * np.bincount(Y))
    other = MLPClassifier(**options).fit(X, Y, weights[Y] * given)
    np.testing.assert_allclose(balanced.coefs_[0], other.coefs_[0], rtol=1e-10)


def test_only_a_training_that_the_number_of_epochs_has_ended_is_called_unfinished():
    with pytest.warns(ConvergenceWarning, match=r"2 epochs \(max_iter\) were not enough"):
        MLPClassifier(max_iter=2).fit(X, Y)
    with warnings.catch_warnings(action="error"):
        ended = MLPClassifier(max_iter=50, tol=1e9, n_iter_no_change=2).fit(X, Y)
        MLPClassifier().partial_fit(X, Y, classes=[0, 1, 2])
    assert ended.n_iter_ < 50


def test_warm_start_goes_on_and_refuses_what_is_another_network():
    estimator = MLPClassifier(warm_start=True, max_iter=2, random_state=0).fit(X, Y)
    before = [*estimator.loss_curve_]
    assert estimator.fit(X, Y).loss_curve_[:2] == before
    assert len(estimator.loss_curve_) == 4
    kept = estimator.network_.parameter_vector()
    with pytest.raises(ValueError, match=r"the classes \[0 1 2\], got 3"):
        estimator.fit(X, Y + 1)
    with pytest.raises(ValueError, match="either classes"):
        estimator.fit(X, np.eye(3)[Y])
    with pytest.raises(ValueError, match="hidden layers of the fit before"):
        clone(estimator).fit(X, Y).set_params(hidden_layer_sizes=5).fit(X, Y)
    np.testing.assert_array_equal(estimator.network_.parameter_vector(), kept)
    estimator.set_params(early_stopping=True).fit(X, Y)
    assert len(estimator.validation_scores_) == 2


def test_a_fit_that_is_refused_changes_nothing():
    estimator = MLPClassifier(max_iter=2, random_state=0).fit(X, Y)
    before, kept = dict(vars(estimator)), estimator.predict_proba(X)
    texts, fewer = np.array(["c", "b", "a"])[Y], X[:, :3]
    for y, weights in ((texts, np.zeros(130)), (np.eye(3)[Y] * 2, None), (texts[:9], None)):
        with pytest.raises(ValueError):
            estimator.fit(fewer, y, weights)
    assert vars(estimator) == before
    np.testing.assert_array_equal(estimator.predict_proba(X), kept)


def test_one_class_and_one_sample():
    one = MLPClassifier(max_iter=2).fit(X[:1], ["yes"])
    assert one.predict(X[:3]).tolist() == ["yes"] * 3
    np.testing.assert_array_equal(one.predict_proba(X[:3]), np.ones((3, 1)))
    assert MLPRegressor(max_iter=2).fit(X[:1], [1.5]).predict(X).shape == (130,)


BAD = {
    "solver": ({"solver": "adam"}, 'expected solver="sgd", the only one there is, got .adam.'),
    "activation": ({"activation": "gelu"}, "one of relu, logistic, tanh, identity, got .gelu."),
    "schedule": ({"learning_rate": "cosine"}, "one of constant, invscaling, adaptive"),
    "alpha": ({"alpha": -1}, "alpha to be a finite number from 0 up"),
    "rate": ({"learning_rate_init": 0}, "learning_rate_init above 0"),
    "tol": ({"tol": -1}, "tol to be a finite number"),
    "batch size": ({"batch_size": 0}, "batch_size to be a whole number"),
    "sizes": ({"hidden_layer_sizes": (5, 0)}, "hidden_layer_sizes to be a whole number"),
    "epochs": ({"max_iter": 0}, "max_iter to be a whole number"),
    "no change": ({"n_iter_no_change": 0}, "n_iter_no_change to be a whole number"),
    "momentum": ({"momentum": 1}, "momentum in .0, 1."),
    "fraction": ({"early_stopping": True, "validation_fraction": 1.5}, "between 0 and 1"),
    "held out": ({"early_stopping": True, "validation_fraction": 0.001}, "set is too small"),
    "class weight": ({"class_weight": "even"}, "class_weight to be None, .balanced. or"),
}


@pytest.mark.parametrize(("options", "message"), BAD.values(), ids=BAD)
def test_parameters_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**options).fit(X, Y)


def test_targets_that_do_not_fit():
    classifier, regressor = MLPClassifier(max_iter=1), MLPRegressor(max_iter=1)
    mixed = np.array(["a", 1] * 65, dtype=object)
    for y, message in ((mixed, "all texts"), (np.c_[Y, Y], "0 and 1 for C labels")):
        with pytest.raises(ValueError, match=message):
            classifier.fit(X, y)
    with pytest.raises(ValueError, match="one class for each sample"):
        MLPClassifier(class_weight="balanced").fit(X, np.eye(3)[Y])
    with pytest.raises(ValueError, match="y of real numbers"):
        regressor.fit(X, Y.astype(str))
    with pytest.raises(ValueError, match="2 columns of targets"):
        regressor.partial_fit(*SLOPES).partial_fit(*SLOPE)


def test_partial_fit_refuses_what_it_cannot_do():
    classifier = MLPClassifier()
    with pytest.raises(ValueError, match="the first call of partial_fit needs classes="):
        classifier.partial_fit(X, Y)
    with pytest.raises(NotFittedError):
        classifier.predict(X)
    classifier.partial_fit(X, Y, classes=[0, 1, 2])
    for y, classes in ((Y, [0, 1]), (Y + 1, None)):
        with pytest.raises(ValueError, match=r"expected .*classes"):
            classifier.partial_fit(X, y, classes=classes)
    for options in ({"early_stopping": True}, {"class_weight": "balanced"}):
        with pytest.raises(ValueError, match="partial_fit"):
            MLPClassifier(**options).partial_fit(X, Y, classes=[0, 1, 2])


def test_divergence_is_an_error_that_says_why():
    with pytest.raises(NonFiniteError, match="smaller learning rate"):
        MLPRegressor(learning_rate_init=100).fit(*SLOPE)


def test_verbose_says_what_scikit_learn_says(capsys):
    for learning_rate in ("constant", "adaptive"):
        options = IN_ORDER | QUICK_END | {"random_state": 0, "learning_rate": learning_rate}
        for kind in (MLPClassifier(), theirs.MLPClassifier(solver="sgd")):
            kind.set_params(verbose=True, **options).fit(X, Y)
        said = capsys.readouterr().out
        assert said[: len(said) // 2] == said[len(said) // 2 :]


# scikit-learn's tools


def table() -> "tuple[pd.DataFrame, pd.Series]":
    """Text, numbers, missing values of both, and one class of ten."""
    rng = np.random.default_rng(0)
    age, city = rng.uniform(18, 80, 300), rng.choice(["Bern", "Graz", "Ulm"], 300)
    answer = (age > 70) & (city != "Ulm")
    frame = pd.DataFrame({"age": age, "city": city, "noise": rng.normal(size=300)})
    frame.loc[::17, "age"] = np.nan
    frame.loc[::23, "city"] = None
    return frame, pd.Series(np.where(answer, "yes", "no"))


def pipeline(**options):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    texts = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (texts, make_column_selector(dtype_exclude="number")),
    )
    options = {"learning_rate_init": 0.1, "random_state": 0, "max_iter": 60} | options
    return make_pipeline(columns, MLPClassifier((16,), **options))


def test_a_table_with_text_and_missing_values_from_frame_to_scores():
    frame, y = table()
    assert (y == "no").mean() > 0.85
    model = pipeline(class_weight="balanced")
    said = cross_val_predict(model, frame, y, cv=3)
    assert balanced_accuracy_score(y, said) > 0.85
    scores = cross_val_score(model, frame, y, cv=3, scoring="roc_auc", n_jobs=2)
    assert scores.min() > 0.85


def test_search_clone_and_pickle():
    frame, y = table()
    choices = {"mlpclassifier__alpha": [1e-4, 1000.0]}
    search = GridSearchCV(pipeline(activation="tanh"), choices, cv=2, scoring="balanced_accuracy")
    search.fit(frame, y)
    assert search.best_params_ == {"mlpclassifier__alpha": 1e-4}
    best = search.best_estimator_
    again = clone(best).fit(frame, y)
    revived = pickle.loads(pickle.dumps(best))  # tanh, too, is found again
    for other in (again, revived):
        np.testing.assert_array_equal(other.predict_proba(frame), best.predict_proba(frame))


def test_names_of_features_are_kept_and_sparse_samples_taken():
    frame, y = load_iris(as_frame=True, return_X_y=True)
    estimator = MLPClassifier(max_iter=2, random_state=0).fit(frame, y)
    assert estimator.feature_names_in_.tolist() == [*frame.columns]
    with pytest.raises(ValueError, match="feature names"):
        estimator.predict(frame[frame.columns[::-1]])
    sparse = csr_array(frame.to_numpy())
    other = clone(estimator).fit(sparse, y)
    np.testing.assert_array_equal(other.predict_proba(sparse), estimator.predict_proba(frame))
