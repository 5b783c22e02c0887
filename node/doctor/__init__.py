"""The doctor: what may be wrong with a node and what stands around it, each with a sentence of remedy."""
