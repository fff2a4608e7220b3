"""From trained weights to a version: the graph, its proof, its folder."""
