"""Records of runs, and what produced them."""
