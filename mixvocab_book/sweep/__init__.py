"""Many runs: the experiments of chapter 7, and the queue of recorded runs."""
