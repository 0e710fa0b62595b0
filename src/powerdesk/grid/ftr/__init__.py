"""Financial transmission rights: what they pay, whether the network can bear them together, and their auction."""
