"""draw.py and mlp.commands.draw, as a user runs them."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlp import Affine, load_checkpoint
from mlp.commands import endings, signals
from mlp.commands.draw import main
from passes import mazur, mazur_network

SCRIPTS = Path(__file__).parent.parent / "scripts"
MAZUR = ("--net", "2,2,2", "--activation", "sigmoid", "--x", ".05,.10", "--target", ".01,.99")


@pytest.fixture
def weights(tmp_path):
    layers = [layer for layer in mazur_network() if isinstance(layer, Affine)]
    path = tmp_path / "weights.json"
    path.write_text(json.dumps([{"W": a.W.tolist(), "b": a.b.tolist()} for a in layers]))
    return path


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    command = [sys.executable, SCRIPTS / "train.py", "--epochs", "2", "--hidden", "8"]
    subprocess.run([*command, "--out", out, "--quiet"], check=True, capture_output=True)
    return out


def draw(capsys, *arguments):
    """Exit status, standard output, standard error."""
    handlers = {number: signal.getsignal(number) for number in signals.ENDING}
    try:
        status = endings.status_of(lambda: main([*map(str, arguments)], "draw"), "draw")
    except SystemExit as stop:
        status = stop.code
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return status, *capsys.readouterr()


def test_the_script_draws_mazur(weights, tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPTS / "draw.py", *MAZUR, "--weights", weights, "--to", "graph.svg"],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "draw.py: wrote graph.svg\n")
    assert "0  Affine(2, 2)" in done.stdout
    svg = (tmp_path / "graph.svg").read_text()
    assert "w5 0.400" in svg and "o1 0.751" in svg and "<title>" in svg


def test_explained_it_is_the_text_of_the_trace(capsys, weights):
    common = (*MAZUR, "--weights", weights, "--learning-rate", "0.5", "--explain")
    assert draw(capsys, *common, "text") == (0, mazur().explain(), "")
    assert draw(capsys, *common, "markdown")[1] == mazur().explain("markdown")
    assert draw(capsys, *common, "text", "--blanks")[1] == mazur().explain(blanks=True)


def test_after_steps_of_gradient_descent(capsys, weights):
    rate = ("--learning-rate", "0.5")
    status, text, _ = draw(
        capsys, *MAZUR, "--weights", weights, *rate, "--steps", 1, "--explain", "text"
    )
    assert status == 0
    assert "w5 = 0.3589" in text and "w1 = 0.1498" in text
    after = draw(capsys, *MAZUR, "--weights", weights, *rate, "--steps", 200)[1]
    assert float(after.splitlines()[-1].split()[1]) < 0.1


@pytest.mark.parametrize(
    ("options", "loss"),
    [
        ((), "SquaredError(factor=0.5)"),
        (("--factor", "1"), "SquaredError()"),
        (("--loss", "cross-entropy"), "SoftmaxCrossEntropy()"),
        (("--loss", "kl"), "KLDivergence()"),
        (("--loss", "cross-entropy", "--activation", "relu"), "SoftmaxCrossEntropy()"),
        (("--activation", "tanh", "--output-activation", "none"), "SquaredError(factor=0.5)"),
    ],
)
def test_losses_and_activations(capsys, options, loss):
    for target in ("1", "0,1"):
        asked = ("--net", "3,4,2", "--x", "-1,2,.5", "--target", target, *options)
        status, text, errors = draw(capsys, *asked)
        assert (status, errors) == (0, "")
        assert text.splitlines()[-1].endswith(loss)
    if loss == "SoftmaxCrossEntropy()":
        assert text.splitlines()[-2].startswith("2  Affine")


def test_one_output_takes_the_binary_losses(capsys):
    for loss, end in (("cross-entropy", "SigmoidCrossEntropy()"), ("kl", "KLDivergence()")):
        text = draw(capsys, "--net", "2,1", "--x", "1,2", "--target", "1", "--loss", loss)[1]
        assert text.rstrip().endswith(end)


def test_without_a_target_forward_only(capsys):
    status, text, _ = draw(capsys, "--net", "2,2", "--x", "1,2")
    assert status == 0
    assert "|dL/dy|" not in text and "loss" not in text


def test_a_row_of_a_trained_run(capsys, run_folder, tmp_path):
    picture = tmp_path / "row.png"
    status, text, errors = draw(capsys, "--model", run_folder, "--row", 17, "--to", picture)
    assert (status, errors) == (0, f"draw: wrote {picture}\n")
    net, _ = load_checkpoint(run_folder / "model.npz")
    assert f"{len(net) - 1}  Softmax()" in text
    assert text.splitlines()[-1].endswith("KLDivergence()")
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected --net with --x, or --model"),
        (("--net", "2,2"), "expected --net with --x, or --model"),
        (("--net", "2", "--x", "1,2"), "expected widths like 2,2,2, got '2'"),
        (("--net", "2,0", "--x", "1,2"), "expected widths like 2,2,2, got '2,0'"),
        (("--net", "2,2", "--x", "1"), "--x: expected 2 numbers for --net, got 1"),
        (("--net", "2,2", "--x", "1,b"), "expected numbers like .05,.10, got '1,b'"),
        (("--net", "2,2", "--x", "1,nan"), "expected numbers like .05,.10, got '1,nan'"),
        (("--net", "2,2", "--x"), "expected one argument"),
        (("--net", "2,2", "--x", "1,2", "--target", "1,2,3"), "--target: expected 2 numbers"),
        (("--net", "2,2", "--x", "1,2", "--target", "5", "--loss", "kl"), "class (0, 1), got 5"),
        (("--net", "2,2", "--x", "1,2", "--target", "1,0", "--loss", "cross-entropy",
          "--output-activation", "softmax"), "takes logits"),
        (("--net", "2,2", "--x", "1,2", "--loss", "kl"), "need a --target"),
        (("--net", "2,2", "--x", "1,2", "--learning-rate", "1"), "needs a --target"),
        ((*MAZUR, "--learning-rate", "-1"), "--learning-rate above 0"),
        ((*MAZUR, "--steps", "3"), "--steps needs a --learning-rate"),
        ((*MAZUR, "--blanks"), "--blanks needs --explain"),
        ((*MAZUR, "--loss", "kl", "--factor", "2"), "--factor goes with --loss squared-error"),
        ((*MAZUR, "--to", "graph.gif"), "a name that ends in .svg, .png, .pdf"),
        ((*MAZUR, "--row", "1"), "--row needs --model"),
        (("--model", "run", "--net", "2,2"), "--net does not go with --model"),
        ((*MAZUR, "--seed", "1", "--weights", "w.json"), "take one"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line_and_status_2(capsys, arguments, message):
    status, text, errors = draw(capsys, *arguments)
    assert (status, text, errors.count("\n")) == (2, "", 1)
    assert errors.startswith("draw: ")
    assert message in errors


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        ("{", "no JSON"),
        ("3", "expected a list of 2"),
        ('[{"W": [[1, 2], [3, 4]]}]', "expected a list of 2"),
        ('[{"W": [[1, 2], [3, 4]]}, {"V": 1}]', "layer 1: expected"),
        (
            '[{"W": [[1, 2]]}, {"W": [[1, 2], [3, 4]]}]',
            "layer 0: Affine(2, 2): expected W",
        ),
        ('[{"W": [[1, 2], [3]]}, {"W": [[1, 2], [3, 4]]}]', "layer 0"),
        ('[{"W": [[1, 2], [3, NaN]]}, {"W": [[1, 2], [3, 4]]}]', "W holds NaN"),
        ('[{"W": [["a", 2], [3, 4]]}, {"W": [[1, 2], [3, 4]]}]', "layer 0"),
    ],
)
def test_wrong_weights_are_one_line_and_status_3(capsys, tmp_path, content, message):
    path = tmp_path / "weights.json"
    if content is not None:
        path.write_text(content)
    status, text, errors = draw(capsys, *MAZUR, "--weights", path)
    assert (status, text, errors.count("\n")) == (3, "", 1)
    assert str(path) in errors and message in errors


def test_runs_that_are_not_there_or_damaged(capsys, run_folder, tmp_path):
    status, _, errors = draw(capsys, "--model", tmp_path / "none")
    assert (status, errors.count("\n")) == (3, 1)
    assert "expected the folder of a run" in errors
    status, _, errors = draw(capsys, "--model", run_folder, "--row", 100_000)
    assert status == 3 and "expected a test sample from 0 to " in errors
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "config.json").write_text((run_folder / "config.json").read_text())
    (damaged / "model.npz").write_bytes((run_folder / "model.npz").read_bytes()[:-3])
    status, _, errors = draw(capsys, "--model", damaged)
    assert (status, errors.count("\n")) == (4, 1)
    (damaged / "model.npz").write_bytes((run_folder / "model.npz").read_bytes())
    (damaged / "config.json").write_text("{}")
    assert draw(capsys, "--model", damaged)[0] == 3


def test_what_cannot_be_written_and_what_explodes(capsys, tmp_path):
    status, text, errors = draw(capsys, *MAZUR, "--to", tmp_path / "none" / "graph.svg")
    assert (status, text) == (6, "")
    assert "No such file or directory" in errors
    status, _, errors = draw(
        capsys, *MAZUR, "--output-activation", "none", "--learning-rate", "1e200", "--steps", 9
    )
    assert (status, errors.count("\n")) == (5, 1)
    assert "try a smaller learning rate" in errors


def test_the_same_seed_gives_the_same_weights(capsys):
    common = ("--net", "2,3", "--x", "1,2")
    assert draw(capsys, *common)[1] == draw(capsys, *common, "--seed", 0)[1]
    assert draw(capsys, *common)[1] != draw(capsys, *common, "--seed", 1)[1]


def test_weights_without_b_keep_a_bias_of_zero(capsys, tmp_path):
    path = tmp_path / "weights.json"
    path.write_text('[{"W": [[1, 2], [3, 4]]}]')
    text = draw(capsys, "--net", "2,2", "--x", "1,1", "--activation", "none", "--weights", path,
                "--explain", "text")[1]  # fmt: skip
    assert "o2 = w3 * x1 + w4 * x2 + b2 = 2 * 1 + 4 * 1 + 0 = 6" in text
