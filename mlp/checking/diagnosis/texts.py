"""What each diagnosis says: what the code computes, what it should compute and why, where to look.

U is the upstream dL/dy, N the number of samples; rows are samples.
"""

TEXTS = {
    "upstream-ignored": """The gradient does not depend on the upstream U: it is that for U = 1.
By the chain rule dL/dx = (dy/dx)^T U, so every local derivative is multiplied by what comes from \
above.
Look for a backward pass that returns the local derivative alone.""",
    "upstream-squared": """The gradient grows with the square of the upstream U.
The chain rule multiplies by U once: dL/dx = (dy/dx)^T U is linear in U.
Look for a second multiplication by the upstream.""",
    "sign": """The value is right except for its sign.
Descent subtracts the gradient itself; dL/dx = (dy/dx)^T U carries no extra minus.
Look for a minus sign, or a difference taken the other way round (target - y for y - target).""",
    "scale": """The value is right except for a constant factor{k}.
Differentiate the formula that forward uses: constants in it (such as 1/2) appear once, no others \
do.
Look for a factor that forward has and backward has not, or the reverse.""",
    "batch-mean-missing": """The value of the loss is an average over the N samples, its gradient \
is not: it is N times too large.
L = 1/N sum_n l_n, so dL/dx_n = 1/N dl_n/dx_n.
Divide the gradient by the number of rows.""",
    "batch-mean-extra": """The result is divided by the number of samples N once too often.
The 1/N of an average belongs to the loss alone: given U = dL/dy, dL/dx = U W^T, dL/dW = x^T U \
and dL/db = sum_n U_n have no 1/N.
Look for `/ N`, `/ len(x)` or `np.mean` in this backward pass.""",
    "class-mean-extra": """The result is divided by the number of columns (classes) C once too \
often.
L = 1/N sum_n l_n averages over the samples; the sum over the classes inside l_n is no average.
Look for np.mean over all entries, or a division by .size or shape[1].""",
    "transposed": """A transpose is missing, or there is one too many.
z_nj = sum_i x_ni W_ij gives dL/dx = U W^T, with the shape of x, and dL/dW = x^T U, with the \
shape of W (for z = x W^T: U W and U^T x).
Check the shapes with N, D and M all different: square matrices hide this mistake.""",
    "bias-not-summed": """The gradient of the bias is the upstream itself, one row for each sample.
The same b_j is added to every row, so dL/db_j = sum_n U_nj: its shape is that of b.
Use upstream.sum(axis=0).""",
    "bias-wrong-axis": """The gradient of the bias is summed over the wrong axis, or over both.
b_j is added to every sample n, so dL/db_j = sum_n U_nj: the sum runs over the rows (axis 0).
With N = M the wrong shape does not show; use upstream.sum(axis=0).""",
    "bias-mean": """The gradient of the bias is averaged over the batch, that of the weights is \
summed.
dL/db_j = sum_n U_nj: given U = dL/dy, the 1/N is already in the loss.
Use upstream.sum(axis=0), not mean.""",
    "mask-missing": """The upstream goes through unchanged: the derivative of the activation is \
missing.
dL/dx = f'(x) U; for ReLU f'(x) is 1 where x > 0 and 0 elsewhere.
Multiply the upstream by the mask of the input kept from the forward pass.""",
    "mask-inverted": """The mask is inverted: the layer acts where x <= 0 and is silent where x > 0.
y = max(x, 0) has the slope 1 where x > 0 and 0 where x < 0.
Look at the comparison, or at a mask that marks the entries to be set to 0.""",
    "mask-from-upstream": """The mask is taken from the sign of the upstream, not from that of \
the input.
y = max(x, 0) gives dL/dx = U where x > 0 and 0 elsewhere: the condition is on x, and backward is \
linear in U.
Keep x > 0 in the forward pass and use that.""",
    "sigmoid-of-input": """The derivative is x (1 - x) with the input x.
With y = 1 / (1 + exp(-x)), dy/dx = y (1 - y): the formula is in terms of the output.
Keep y in the forward pass and use it in backward.""",
    "sigmoid-twice": """The sigmoid is applied twice: it is evaluated at its own output.
With y = s(x), dy/dx = y (1 - y); y is a sigmoid already.
Look for sigmoid(self.y), or a derivative function that applies the sigmoid once more.""",
    "softmax-diagonal-only": """Only the diagonal of the softmax Jacobian is used: U y (1 - y).
Every x_i moves every y_j: dy_j/dx_i = y_j (delta_ij - y_i), so dL/dx_i = y_i (U_i - sum_j U_j y_j).
Subtract the row sums of U * y; what you have is the derivative of the sigmoid.""",
    "softmax-cross-sign": """The terms off the diagonal have the wrong sign.
dy_j/dx_i = y_j (delta_ij - y_i), so dL/dx_i = y_i (U_i - sum_j U_j y_j), with a minus.
Check: the rows of dL/dx must sum to 0.""",
    "softmax-wrong-axis": """The sum runs over the wrong axis: samples of the batch are mixed.
Each row is a distribution of its own: sum over the classes, axis=-1, with keepdims=True.
Check: changing one sample must not change another's result.""",
    "double-softmax": """Softmax is applied twice.
Cross-entropy on logits z is -log softmax(z)_label, with the gradient softmax(z) - onehot; it \
needs the z themselves.
Look for a softmax on what is one already.""",
    "label-column-index": """p[:, labels] takes whole columns: every row is changed in the column \
of every label.
dL/dz_nj = p_nj - [j = label_n]: one entry in each row.
Index with p[np.arange(N), labels].""",
    "label-term-missing": """The target is not subtracted.
With p = softmax(z), dL/dz_nj = p_nj - d_nj; for squared errors it is 2 (y - d).
Check: the rows of the cross-entropy gradient must sum to 0.""",
    "loss-gradient-mismatch": """The gradient is that of another loss than the one forward computes.
Forward decides: differentiate exactly its formula, with its averaging and its constants.
Compare the two formulas side by side.""",
    "factors-swapped": """Each factor gets itself instead of the other.
y = a b gives dL/da = U b and dL/db = U a.
Exchange the two, or the order in which they are returned.""",
    "shared-input-not-summed": """An input that is used more than once gets the gradient of only \
some of its uses.
By the chain rule the gradients of all uses add up; a pair (j, j) gives 2 z_j U.
With index arrays, dx[:, index] += ... keeps only one addition per index: use np.add.at, or a \
loop.""",
    "overlap-overwritten": """Where windows overlap, an input that wins in several gets the \
gradient of only one.
dL/dx_l = sum over the windows that l wins of U: contributions add up.
Use += for =; with index arrays np.add.at.""",
    "pool-global-max": """The largest value of a whole row (or image) is used instead of that of \
each window.
y_j = max over window j, so each window sends its own upstream U_j to its own winner.
Take the maximum and the mask window by window.""",
    "tie-all": """With ties, every largest entry of a window gets the whole upstream.
The gradient of a window then adds up to a multiple of U; one winner takes it all, or it is split \
evenly.
`x == max` marks all of them: use argmax, or divide by the number of winners.""",
    "accumulates": """A second backward pass adds to the gradients of the first.
backward sets the gradients of its parameters: calling it twice gives the same numbers twice.
Look for += on a gradient that is never set back to 0.""",
    "upstream-mutated": """backward writes into the array it was given.
The gradient may be right, but the caller still needs the upstream: another branch of the network \
may share it.
Work on a copy: dx = upstream * mask, or upstream.copy() before assigning into it.""",
    "input-mutated": """The layer writes into its input.
The layer before it has kept the same array for its own backward pass.
Work on a copy: np.maximum(x, 0), x - x.max(...) instead of x -= ..., x[...] = ...""",
    "stale-cache": """backward uses what an older forward pass, older parameters or another \
instance left behind.
It belongs to the last forward pass of this very layer: keep its values in self, anew each time.
Look for values kept only once, at construction, in the class or in a global variable.""",
    "updated-weights": """backward changes the parameters.
It computes gradients at the parameters that forward used; the step W <- W - learning_rate dW \
belongs to the optimizer, after all layers have gone back.
Move the update out of backward; where the layer has to do it, compute dL/dx before.""",
    "integer-dtype": """The result has been cut to whole numbers.
An array made with dtype=int, or like an integer array, drops the fractions of what is written \
into it.
Look for dtype=int, astype(int), // or np.zeros_like of an integer array.""",
    "dtype-changed": """The dtype changes on the way: float32 became float64, or float64 was cut \
to fewer digits.
Results have the dtype of the parameters, or of the input where there are none. Lost digits do not \
come back, and one float64 array makes all that is computed from it float64, at half the speed.
Look for astype, dtype=..., and np.zeros or np.ones without the dtype of x.""",
    "not-deterministic": """The same call gives different numbers.
forward and backward are functions of the input, the parameters and the upstream.
Look for random numbers, or for np.empty that is not filled.""",
    "forward-wrong": """The output is wrong, so its gradient cannot be judged.
Correct the forward pass first.""",
    "wrong-shape": """The shape is wrong.
The gradient of an array has the shape of that array, for every batch size.""",
    "overflow": """For inputs of +-1000 the result is NaN, infinite or wrong, though the right \
one is an ordinary number.
exp(1000) exceeds the range of floats. Softmax: subtract the row's largest first. Sigmoid: use \
exp(-|x|). Log of softmax: x - m - log(sum(exp(x - m))).
Look for exp of a number that may be large and positive, or log of one that may be 0.""",
    "extra-axis": """The gradient of a parameter has an axis of length 1 that the parameter has not.
The numbers are right. But b - rate * db then has another shape than b, and b -= rate * db raises.
Sum without keepdims: upstream.sum(axis=0), or reshape the result to b.shape.""",
    "log-epsilon": """A constant is added to the probability in the logarithm, so the value of the \
loss is too small.
The gradient that is kept is right for -log p; -log(p + e) is off by e/p and never exceeds -log e, \
so a network that is sure and wrong looks better than it is.
Compute log p from the logits, z - m - log(sum(exp(z - m))) with the row's largest m: it needs no \
constant.""",
    "zero-gradient": """The gradient is 0 everywhere: it stays as it was made.
The output does depend on this array: dL/dW_ij = sum_n x_ni U_nj for an affine map.
Look for an array of zeros that is never filled, for a result kept under another name or in a \
local variable, or for a mask that is 0 everywhere.""",
    "bias-one-sample": """The gradient of the bias is that of a single sample.
The same b_j is added to every row, so dL/db_j = sum_n U_nj.
Use upstream.sum(axis=0); upstream[0] is one row of it.""",
    "reshaped": """An array is reshaped where it has to be transposed.
The shapes agree, but reshape keeps the order of the numbers in memory: x.reshape(D, N)[i, n] is \
not x[n, i].
Use x.T in dL/dW = x^T U, and W.T in dL/dx = U W^T.""",
    "times-output": """The gradient is multiplied by the output of the layer.
dL/dx = f'(x) U holds the derivative of f, not f itself; for ReLU f'(x) is 1 where x > 0.
Look for y (or max(x, 0)) where its derivative or its mask belongs.""",
    "tanh-derivative": """The derivative of tanh is wrong: 1 - y, 1 - x^2 or y (1 - y) is used.
With y = tanh(x), dy/dx = 1 - y^2, in terms of the output.
Square the output that forward has kept.""",
    "norm-paths-missing": """The mean or the variance is taken for a constant, but depends on x.
With v = (x - mean) / s and g = U gamma, dL/dx = (g - mean(g) - v mean(g v)) / s: the two means \
come from the paths through the mean and the variance.
Check: the sum of dL/dx over each normalised group is 0, and so is that of v dL/dx but for the \
epsilon in s.""",
    "dropout-mask-missing": """Backward does not apply the mask of the forward pass.
y = m x, with a mask m of 0 and 1 / (keep probability), so dL/dx = m U: what was dropped gets no \
gradient, and the rest gets the same factor as in forward.
Keep the mask of forward, its factor included, and multiply the upstream by it.""",
    "unknown": """The gradient is wrong in a way that no known mistake explains.
Work the smallest case through by hand: derive the gradient from the formula of forward, number by \
number.""",
}

EXTRA = {
    ("transposed", "forward"): """forward multiplies with W in the wrong orientation.
For W of shape (in, out) it is x W; for W of shape (out, in) it is x W^T.
It only runs when W is square.""",
    (
        "batch-mean-extra",
        "loss",
    ): """The gradient is divided by the number of samples N once more than the value.
If the loss is a sum over the samples, its gradient has no 1/N; if it is their average, it has one.
Look for a division in backward that forward does not have.""",
    (
        "class-mean-extra",
        "loss",
    ): """The gradient is divided by the number of columns C, the value is not.
L = 1/N sum_n l_n: the sum over the classes inside l_n is no average.
Look for np.mean over all entries, or a division by .size, in the gradient only.""",
    ("dtype-changed", "whole"): """The gradient is an array of whole numbers or of True and False.
Nothing is lost here. But an update in place, dW *= 0.1 or dW /= N, then raises or cuts to whole \
numbers, and True - True raises.
Multiply by the upstream, or convert with astype(x.dtype).""",
    ("wrong-shape", "forward"): """The output has the wrong shape, so its gradient cannot be judged.
Correct the forward pass first.""",
    ("unknown", "missing"): """There is no gradient: backward neither returns nor keeps it.
It is looked for in what backward returns beside dx, in attributes such as dW and db, and in a \
dict grads.
Set it in backward.""",
}


def explain(identity: str, aspect: str = "", detail: str = "", factor: float | None = None) -> str:
    """The text of a diagnosis; `detail` is a sentence of its own figures, put first."""
    text = EXTRA.get((identity, aspect), TEXTS[identity])
    text = text.replace("{k}", f" of {factor:.6g}" if factor is not None else "")
    return f"{detail}\n{text}" if detail else text
