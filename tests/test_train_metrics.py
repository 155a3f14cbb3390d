"""metrics.json and predicted.png of whole runs: what they hold is what the saved model does."""

import json

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mlp import load_checkpoint, metrics
from mlp.commands.train.program import main
from mlp.data import load, stratified_split
from mlp.seeing import regression
from programs import ROOT, write_csv

SHORT = ("--hidden", "8", "--epochs", "2")


def trained(folder, *words):
    """What is in metrics.json of such a run; JSON without NaN or infinity."""
    assert main([*map(str, words), "--out", str(folder)], "train") == 0

    def refuse(name):
        raise ValueError(f"{name} is no JSON")

    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"), parse_constant=refuse)


def real_table(path, n=200, targets=1):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, 2))
    y = np.column_stack([1000 + 300 * x[:, 0], 5 + x[:, 1], x.sum(axis=1) / 1e3])[:, :targets]
    if targets == 1:
        rows = np.column_stack([x, y + 0.25]).tolist()
        write_csv(path, [["width", "height", "price, in €"], *rows])
    else:
        np.savez(path, x=x, y=y)
    return x, y


def test_metrics_of_classes_are_those_of_the_saved_model(tmp_path, capsys):
    told = trained(tmp_path / "run", *SHORT)
    net, _ = load_checkpoint(tmp_path / "run" / "model.npz")
    data = load(ROOT / "data" / "digits.csv.gz")
    rest, test = stratified_split(data.y, 0.2, np.random.default_rng(0))
    said = net.predict(data.x[test]).argmax(axis=1)
    counts = metrics.confusion_counts(data.y[test], said, 10)
    assert told["confusion counts"] == counts.tolist()
    assert [record["class"] for record in told["classes"]] == list("0123456789")
    for name, values in (
        ("precision", metrics.precision(counts)),
        ("recall", metrics.recall(counts)),
        ("F1", metrics.f1(counts)),
        ("support", metrics.support(counts)),
    ):
        assert [record[name] for record in told["classes"]] == values.tolist()
    assert told["mean F1"] == metrics.f1(counts).mean()
    commonest = int(np.bincount(data.y[rest]).argmax())
    assert told["commonest class of the training part"] == str(commonest)
    constant = np.mean(data.y[test] == commonest)
    assert told["accuracy of always saying the commonest class"] == constant
    printed = capsys.readouterr().out
    assert f"{told['accuracy']:.4f} (always saying {commonest}, the commonest class" in printed
    for record in told["classes"]:
        row = f"{record['class']} {record['precision']:.4f} {record['recall']:.4f}"
        assert f"{row} {record['F1']:.4f} {record['support']}" in " ".join(printed.split())


@pytest.mark.parametrize(
    ("task", "names", "score"),
    [("is-two", ["not 2", "2"], "recall of twos"),
     pytest.param("reject", [*"0123456789", "none"], "non-digits accepted",
                  marks=pytest.mark.long)],
)  # fmt: skip
def test_the_other_tasks_have_metrics_of_their_classes(tmp_path, capsys, task, names, score):
    told = trained(tmp_path / "run", *SHORT, "--task", task, "--quiet")
    assert [record["class"] for record in told["classes"]] == names
    assert told[score] == json.loads((tmp_path / "run" / "config.json").read_text())["test"][score]
    if task == "is-two":
        assert told["commonest class of the training part"] == "not 2"
        assert told["classes"][1]["recall"] == told[score]


def test_metrics_of_a_real_target_are_in_its_units(tmp_path, capsys):
    x, y = real_table(tmp_path / "table.csv")
    told = trained(tmp_path / "run", *SHORT, "--data", tmp_path / "table.csv", "--report")
    net, _ = load_checkpoint(tmp_path / "run" / "model.npz")
    _, test = stratified_split(y[:, 0], 0.2, np.random.default_rng(0))
    said = net.predict(x[test])
    (record,) = told["targets"]
    assert record["target"] == "price, in €"
    for name, function in (("RMSE", metrics.rmse), ("MAE", metrics.mae),
                           ("R squared", metrics.r_squared)):  # fmt: skip
        found = function(y[test] + 0.25, said)[0]
        assert record[name] == pytest.approx(found, rel=1e-6)
        assert told[name] == record[name]
    assert told["loss"] == pytest.approx(record["RMSE"] ** 2, rel=1e-6)
    assert (tmp_path / "run" / "predicted.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert 'alt="Predicted against true"' in page
    assert f"<th>price, in €</th><td>{record['RMSE']:.6g}</td>" in page


@pytest.mark.long
def test_several_real_targets_and_seeds(tmp_path, capsys):
    real_table(tmp_path / "table.npz", targets=3)
    words = [*SHORT, "--data", tmp_path / "table.npz", "--seeds", 2, "--quiet"]
    main([*map(str, words), "--out", str(tmp_path / "runs")], "train")
    printed = capsys.readouterr().out
    assert printed.count("test mean R squared ") == 2
    assert "test mean R squared: median " in printed
    told = json.loads((tmp_path / "runs" / "seed-1" / "metrics.json").read_text())
    assert [record["target"] for record in told["targets"]] == ["target_0", "target_1", "target_2"]


def test_both_curves_are_there_with_patience_alone(tmp_path, capsys):
    real_table(tmp_path / "table.csv")
    words = [*SHORT, "--data", tmp_path / "table.csv"]
    trained(tmp_path / "none", *words)
    assert "no curve of unseen samples is drawn: --validation 0.1" in capsys.readouterr().out
    trained(tmp_path / "patient", *words, "--patience", 5)
    printed = capsys.readouterr().out
    assert "144 samples to train on, 16 to validate, 40 to test" in printed
    assert "no curve" not in printed
    assert "val" in next(line for line in printed.splitlines() if line.startswith("epoch"))


def test_the_loss_that_patience_watched_is_named(tmp_path, capsys):
    real_table(tmp_path / "table.csv", n=20)
    words = ["--hidden", "none", "--init", "zeros", "--epochs", 50, "--learning-rate", 1e-30]
    words += ["--data", tmp_path / "table.csv", "--patience", 2, "--dtype", "float32"]
    for part, name in (("0", "training"), ("0.3", "validation")):
        trained(tmp_path / name, *words, "--validation", part)
        printed = capsys.readouterr().out
        assert (
            f"stopped after epoch 3: no lower {name} loss in 2 epochs; the weights are those of "
            "epoch 1"
        ) in printed
        watched = "--patience watches the training loss: no samples are kept apart for it"
        assert (watched in printed) == (name == "training")


def test_predictions_stand_against_the_truth_on_one_scale():
    target = np.array([[0.0, 1.0], [10.0, 2.0], [20.0, 4.0]])
    figure = regression.predicted(target, target[::-1], ["price", "size"])
    FigureCanvasAgg(figure).draw()
    for axes, j, name in zip(figure.axes, range(2), ("price", "size"), strict=True):
        (points,) = axes.collections
        np.testing.assert_array_equal(points.get_offsets(), np.c_[target[:, j], target[::-1, j]])
        (line,) = axes.lines
        np.testing.assert_array_equal(line.get_xdata(), line.get_ydata())
        assert axes.get_xlim() == axes.get_ylim() == tuple(line.get_xdata())
        assert (axes.get_xlabel(), axes.get_ylabel()) == (f"true {name}", f"predicted {name}")
    assert figure.axes[0].get_title("left") == "R squared -3.0000, RMSE 16.33"


def test_predictions_are_drawn_into_given_axes_and_need_no_names():
    target, said = np.array([0.0, 20.0, 40.0]), np.array([40.0, 20.0, 0.0])
    figure = Figure()
    ax = figure.subplots(1, 2)[1]
    assert regression.predicted(target, said, ax=ax) is figure
    assert ax.get_xlabel() == "true target"
    assert ax.get_title() == "R squared -3.0000, RMSE 32.66"  # sqrt((1600 + 0 + 1600) / 3)
    two = np.column_stack([target, said])
    assert regression.predicted(two, two).axes[1].get_xlabel() == "true target_1"
    for names, axes, message in (
        (["a"], None, "names of 2 columns, got 1"),
        (None, ax, "one column for ax, got 2"),
    ):
        with pytest.raises(ValueError, match=f"predicted: expected {message}"):
            regression.predicted(two, two, names, ax=axes)


def test_many_targets_samples_and_what_is_not_finite():
    target = np.random.default_rng(0).normal(size=(6000, 11))
    said = target + np.arange(11)
    said[0, 10] = np.inf
    names = [f"t{j}" for j in range(11)]
    figure = regression.predicted(target, said, names)
    FigureCanvasAgg(figure).draw()
    worst = [axes.get_xlabel() for axes in figure.axes]
    assert worst == [f"true t{j}" for j in range(10, 1, -1)]
    points = [len(axes.collections[0].get_offsets()) for axes in figure.axes]
    assert points == [regression.POINTS - 1] + [regression.POINTS] * 8
    assert figure.get_supxlabel() == "5000 of 6000 samples"
