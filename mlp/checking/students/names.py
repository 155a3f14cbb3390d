"""What names mean: which layer a name stands for, and what a constructor's argument wants."""

import re

LAYERS = {
    "Affine": "affine linear dense fc fullyconnected",
    "ReLU": "relu rectifier rectifiedlinear rectifiedlinearunit",
    "Sigmoid": "sigmoid logistic",
    "Softmax": "softmax",
    "Multiply": "multiply mul mult multiplication multiplicative",
    "MaxPool": "maxpool maxpooling maxpool1d maxpool2d maxpooling1d maxpooling2d",
}
LOSSES = {
    "SoftmaxCrossEntropy": "softmaxloss softmaxcrossentropy crossentropy softmaxwithloss "
    "softmaxcrossentropywithlogits crossentropywithlogits softmaxwithcrossentropy "
    "softmaxce categoricalcrossentropy sparsecategoricalcrossentropy celoss ce crossentropycost "
    "softmaxcost nll negativeloglikelihood categoricalce",
    "SquaredError": "squarederror mse meansquarederror meansquarederrors sumsquarederror sse "
    "squared l2 mseloss sumofsquares leastsquares quadratic halfmse euclidean",
    "SigmoidCrossEntropy": "sigmoidcrossentropy sigmoidcrossentropywithlogits "
    "bcewithlogits binarycrossentropywithlogits sigmoidbce bce binarycrossentropy logloss "
    "sigmoidwithloss binarycrossentropycost sigmoidloss",
    "KLDivergence": "kldivergence",
}
"""Our names and the spellings, without case and underscores, that mean them."""

_SPELLINGS = {
    spelling: kind
    for table in (LAYERS, LOSSES)
    for kind, spellings in table.items()
    for spelling in spellings.split()
}
_NOISE = re.compile(
    r"^(my|student|students|naive|custom|simple|numpy)(?=.)"
    r"|(?<=.)(layer|loss|cost|function|activation|op|module|node|naive|vectorized|\d)$"
)

FORWARDS = (
    "forward", "forward_pass", "forward_propagation", "forwardprop", "forward_prop", "forwardpass",
    "fprop", "feedforward", "feed_forward", "call", "compute", "activate", "activation",
    "function", "func", "fn", "loss", "cost", "calculate", "calc", "apply", "output", "evaluate",
    "value", "f", "__call__",
)  # fmt: skip
BACKWARDS = (
    "backward", "backward_pass", "backward_propagation", "backwardprop", "backward_prop",
    "backwardpass", "backprop", "back_prop", "backpropagate", "back_propagation",
    "backpropagation", "bprop", "backwards", "back", "derivative", "derive", "deriv", "gradient",
    "grad", "prime", "delta", "differentiate", "diff", "d", "df", "dfn", "loss_derivative",
    "loss_prime", "dloss", "grad_loss", "gradient_loss", "activation_prime",
    "activation_derivative", "function_derivative", "f_prime", "forward_derivative",
    "backward_gradient", "compute_gradient", "calculate_gradient", "dactivation",
)  # fmt: skip
"""Names of the two methods of a class, likeliest first."""
FORWARD_LIKE = re.compile(r"(forward|fprop|fwd)\w+|for(loss|drop|pass|prop)")
BACKWARD_LIKE = re.compile(r"(backward|backprop|bprop|bwd)\w+|back(loss|drop|pass|prop)")
"""Plain names of a method that may be one of the two, where no usual name is found."""
UPSTREAM = re.compile(
    r"^(d(?!ata)|g$|u$|grad|delta|upstream|err|out_?grad|output_(err|grad|delta)|accum|global|"
    r"next_?(d|g|err)|back|loss_?grad|top_?(d|g)|eta$|v$)|_?(grad|gradient|delta|error|upstream)$"
)
"""Arguments of backward that want the gradient of what comes after."""
CACHES = ("cache", "caches", "ctx", "memory")
"""Arguments of backward that want what forward kept for it."""
TARGETS = (
    "t target targets ytrue label labels actual truth groundtruth gt expected desired ytarget "
    "correct ylabel real true teacher teach"
)
PREDICTIONS = (
    "x a yhat ypred pred preds prediction predictions predicted p prob probs probabilities "
    "output outputs out logits scores z yh al a2 a3 h"
)

WEIGHTS = {"w", "weight", "weights", "kernel", "wmat", "wmatrix", "weightmatrix", "wts"}
BIASES = {"b", "bias", "biases", "bvec", "biasvector"}
_MEANINGS = {
    "out": "out output outputs nout dout units neurons hidden outfeatures fanout outdim m",
    "in": "in input inputs nin din infeatures fanin indim d features featuresin dim size",
    "stride": "stride strides step steps",
    "window": "window windows pool pooling kernel kernels k filter poolsize kernelsize width height"
    " poolh poolw ph pw kh kw win",
    "pairs": "pairs pair indices wiring connections index",
    "rng": "rng generator randomstate",
    "seed": "seed",
    "slope": "alpha slope leak negativeslope leakiness",
    "rate": "rate p prob lr learning ratio eps epsilon scale std sigma momentum temperature keep",
    "flag": "train training mode istraining trainflg trainflag eval iseval evalmode test istest "
    "testing inference testmode",
    "text": "name activation init initializer",
}
_TOKENS = {token: meaning for meaning, tokens in _MEANINGS.items() for token in tokens.split()}


def plain(name: str) -> str:
    """The name without case, underscores and other punctuation."""
    return re.sub(r"[\W_]", "", name).lower()


def kind_of(name: str) -> str | None:
    """Our name for the layer or loss that a whole name stands for; None for any other."""
    spelling = plain(name)
    if spelling == "relu6" or re.search("(linear|affine|dense|fc)activation", spelling):
        return None  # functions of their own, unlike Affine2 and ReLUActivation
    while spelling not in _SPELLINGS:
        shorter = _NOISE.sub("", spelling, count=1)
        if shorter == spelling:
            return None
        spelling = shorter
    return _SPELLINGS[spelling]


def target_comes_first(first: str, second: str) -> bool | None:
    """Whether the target of a loss is its first argument; None if the names do not tell."""
    one, two = plain(first), plain(second)
    if two in TARGETS.split() or (one in PREDICTIONS.split() and two not in PREDICTIONS.split()):
        return False
    if one in TARGETS.split() or (two in PREDICTIONS.split() and one not in PREDICTIONS.split()):
        return True
    return None


def is_loss(kind: str | None) -> bool:
    """Whether a kind is one of our losses."""
    return kind in LOSSES


def meaning(argument: str) -> str | None:
    """What an argument of that name wants ("W", "b", "in", "out", "window", ...), or None."""
    whole = plain(argument)
    if whole.startswith(("train", "istrain", "traning")) and whole != "trainingshape":
        return "flag"
    if whole in WEIGHTS and argument != "kernel":
        return "W"
    if whole in BIASES:
        return "b"
    if whole in _TOKENS:
        return _TOKENS[whole]
    tokens = [t.lower() for t in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", argument)]
    if counted := _counted(whole, tokens):
        return counted
    known = {_TOKENS[t] for t in tokens if t in _TOKENS}
    for first in ("out", "pairs", "window", "stride", "in", "rng", "seed", "slope", "rate"):
        if first in known and not (first == "in" and "window" in known):
            return first
    return next(iter(known), None)


def _counted(whole: str, tokens: list[str]) -> str | None:
    """Numbers of filters and of channels: `filters` are many, a `filter` is one window."""
    many = whole in ("filters", "outchannels", "cout", "outc", "nf", "numfilters", "nfilters")
    several = {"num", "n", "number", "count", "nb", "no"} & {*tokens}
    if many or (several and {"kernels", "kernel", "filters", "filter"} & {*tokens}):
        return "out"
    if {"out", "output"} & {*tokens}:
        return None
    return "in" if {"channels", "channel", "cin", "depth"} & {*tokens} else None


def gradient_names(parameter: str) -> set[str]:
    """The plain names under which the gradient of a parameter of that name is kept."""
    own = plain(parameter)
    roots = next((names for names in (WEIGHTS, BIASES) if own in names), {own}) | {own}
    before = "d g dl dld dlossd djd dcd ded dcostd dloss grad gradient grads gradof delta nabla"
    after = "grad gradient grads gradients delta"
    return {p + r for p in before.split() for r in roots} | {
        r + s for r in roots for s in after.split()
    }
