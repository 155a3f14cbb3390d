"""Looking at networks and their training: the only rooms that draw.

traces (one pass, recorded; table, statistics), graphs (nodes and edges; network_graph, loss_nodes
and layer_graph make one of a trace, operations one of an expression), layout and drawing (its
picture), explaining and notation (its text), comparing and rounding (where two passes part), plots
(the pictures of runs; differences has those of wrong gradients, notebook shows them).
"""
