"""Digits: "2 or not 2", ten classes, and an eleventh for none of the above, until convergence.

A sigmoid output with the KL divergence from d = 0 or 1, and a softmax output with that from one-hot
rows, have the same gradient in the last z: y - d. Steps use all samples, with momentum and weight
decay, until they lead nowhere: at a kink of ReLU the gradient jumps and stays large, but its mean
over 100 steps goes to 0. The eleventh class is digits with shuffled pixels. Deck 004 has columns,
its W_k is our W^T. digits.py holds the part by hand.
"""

import numpy as np

from mlp import SGD, Affine, KLDivergence, ReLU, Sequential, Sigmoid, Softmax, evaluate, fit
from problems.digits import descend, flat, loss_and_gradients, tasks
from problems.engine import backpropagate, complex_step_gradient
from problems.report import Report

TITLE = "Digits: 2 or not 2, ten classes, eleven classes"
DECKS = "004"
RATE, MOMENTUM, DECAY, UNITS = 0.5, 0.9, 1e-3, 16


def network(outputs, rng):
    last = Sigmoid() if outputs == 1 else Softmax()
    return Sequential(Affine(64, UNITS, rng=rng), ReLU(), Affine(UNITS, outputs, rng=rng), last)


def penalty(net):
    return DECAY / 2 * sum((affine.W**2).sum() for affine in net[:3:2])


def train(report, name, net, x, d):
    """Losses with decay until convergence; gradients and 20 steps are checked against ours."""
    divergence, start = KLDivergence(), [p.copy() for p in net.parameters().values()]
    ours = flat(loss_and_gradients(start, x[:4], d[:4])[1])
    numeric = complex_step_gradient(net, divergence, x[:4], d[:4])
    report.equal(f"{name}: complex step, 4 samples", ours, numeric, 1e-14)
    engine = backpropagate(net, divergence, x, d)[2]
    report.equal(f"{name}: engine", engine, flat(loss_and_gradients(start, x, d)[1]), 1e-13)
    by_hand = descend(start, x, d, 20, rate=RATE, momentum=MOMENTUM, decay=DECAY)
    sgd, penalties = SGD(RATE, momentum=MOMENTUM, weight_decay=DECAY), [penalty(net)]

    def steps(count):
        options = {"batch_size": None, "on_epoch": lambda _: penalties.append(penalty(net))}
        return fit(net, divergence, sgd, x, d, epochs=count, **options)

    history, mean = steps(20), np.inf
    report.equal(f"{name}: 20 steps", net.parameter_vector(), flat(by_hand), 1e-12)
    while mean > 1e-3 and len(history) < 3000:
        before = net.parameter_vector()
        history += steps(100)
        mean = np.linalg.norm(net.parameter_vector() - before) * (1 - MOMENTUM) / (100 * RATE)
    report.check(f"{name}: mean of 100 gradients", mean, 1e-3)
    return [record["loss"] + p for record, p in zip(history, penalties, strict=False)]


def solve(report: Report) -> None:
    report.claim("y - d behind a sigmoid and behind a softmax trains all three networks.")
    report.derive("""
        sigmoid: Div = -d log y - (1 - d) log (1 - y)      (softmax: problem 15)
            dDiv/dy = (y - d) / (y (1 - y)), dy/dz = y (1 - y), dDiv/dz = y - d
        """)
    rng, nets, rows = np.random.default_rng(19), {}, []
    for name, (x, d) in tasks(rng).items():
        net, cut = network(d.shape[1], rng), 3 * len(x) // 4
        losses = train(report, name, net, x[:cut], d[:cut])
        scores = evaluate(net, KLDivergence(), x[cut:], d[cut:])
        report.check(f"{name}: test samples that are wrong", 1 - (scores["accuracy"] or 0), 0.05)
        rows.append((name, len(losses), losses[-1], *scores.values()))
        nets[name] = net, losses
    report.table(["", "steps", "loss + decay", "test loss", "test accuracy"], rows)
    for name in ("ten classes", "eleven"):
        y = nets[name][0].predict(rng.permuted(x[cut:], axis=1))[:, :10].max(axis=1)
        report.show(f"{name}: largest digit probability, shuffled pixels", y.mean())
    report.check("eleven: mean of the largest digit probability", y.mean(), 0.1)
    report.figure("weights", lambda figure: draw_weights(figure, nets))
    report.figure("loss", lambda figure: draw_loss(figure, nets))


def draw_weights(figure, nets) -> None:
    figure.set_size_inches(12, 4.2)
    title = "first-layer weights, one picture per hidden unit (blue: +, red: -; pale: dead units, "
    figure.suptitle(title + "see problem 7)")
    for row, (name, (net, _)) in zip(figure.subplots(3, UNITS), nets.items(), strict=True):
        for axis, w in zip(row, sorted(net[0].W.T, key=np.linalg.norm)[::-1], strict=True):
            axis.imshow(w.reshape(8, 8), cmap="RdBu", vmin=-1, vmax=1)
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(name)


def draw_loss(figure, nets) -> None:
    axis = figure.subplots()
    for name, (_, losses) in nets.items():
        axis.loglog(range(1, len(losses) + 1), losses, label=name)
    axis.set(xlabel="step", ylabel="mean KL divergence, with the decay")
    axis.set_title("Descent until 100 steps lead nowhere")
    axis.legend()
