"""How good a student is, beside who guesses; and what differences between students may be said to be."""
