"""`mlp train`: options, data, network, training, and the folder that keeps the results."""
