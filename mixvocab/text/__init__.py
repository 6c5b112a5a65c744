"""From raw text to batches: vocabularies, words, mixing, masking."""
