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
    "softmaxce categoricalcrossentropy sparsecategoricalcrossentropy",
    "SquaredError": "squarederror mse meansquarederror meansquarederrors sumsquarederror sse "
    "squared l2 mseloss sumofsquares leastsquares quadratic halfmse euclidean",
    "SigmoidCrossEntropy": "sigmoidcrossentropy sigmoidcrossentropywithlogits "
    "bcewithlogits binarycrossentropywithlogits sigmoidbce",
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
    r"|(?<=.)(layer|loss|function|activation|op|module|node|naive|vectorized|\d)$"
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
    "flag": "train training mode istraining trainflg trainflag eval",
    "text": "name activation init initializer",
}
_TOKENS = {token: meaning for meaning, tokens in _MEANINGS.items() for token in tokens.split()}


def plain(name: str) -> str:
    """The name without case, underscores and other punctuation."""
    return re.sub(r"[\W_]", "", name).lower()


def kind_of(name: str) -> str | None:
    """Our name for the layer or loss that a whole name stands for; None for any other."""
    spelling = plain(name)
    if spelling == "relu6":  # a function of its own, unlike Affine2
        return None
    while spelling not in _SPELLINGS:
        shorter = _NOISE.sub("", spelling, count=1)
        if shorter == spelling:
            return None
        spelling = shorter
    return _SPELLINGS[spelling]


def is_loss(kind: str | None) -> bool:
    """Whether a kind is one of our losses."""
    return kind in LOSSES


def meaning(argument: str) -> str | None:
    """What an argument of that name wants ("W", "b", "in", "out", "window", ...), or None."""
    whole = plain(argument)
    if whole in WEIGHTS and argument != "kernel":
        return "W"
    if whole in BIASES:
        return "b"
    if whole in _TOKENS:
        return _TOKENS[whole]
    tokens = [t.lower() for t in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", argument)]
    known = {_TOKENS[t] for t in tokens if t in _TOKENS}
    for first in ("out", "pairs", "window", "stride", "in", "rng", "seed", "slope", "rate"):
        if first in known and not (first == "in" and "window" in known):
            return first
    return next(iter(known), None)


def gradient_names(parameter: str) -> set[str]:
    """The plain names under which the gradient of a parameter of that name is kept."""
    own = plain(parameter)
    roots = next((names for names in (WEIGHTS, BIASES) if own in names), {own}) | {own}
    before = "d g dl dld dlossd djd dcd ded dcostd dloss grad gradient grads gradof delta nabla"
    after = "grad gradient grads gradients delta"
    return {p + r for p in before.split() for r in roots} | {
        r + s for r in roots for s in after.split()
    }
