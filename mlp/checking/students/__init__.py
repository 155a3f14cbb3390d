"""Check layers that somebody else wrote, in a file of their own.

Reading order: names (what a name stands for), sources, standins, importing and loading (find layers
in a file, as its author's folders have it), slots, results, adapters and columns (one interface for
all forms), values, pairs and building (construct them), references, probabilities, situations,
readings, loss_forms and forms (what to compare with, and on which numbers), trials (one forward and
backward), judging with outputs, gradients, conventions, probes and extremes (the checks in their
order), examination (what they found, which becomes a report), child, wire and sandbox (in a process
of its own).
"""
