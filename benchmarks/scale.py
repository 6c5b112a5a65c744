"""Reading text: seconds and peak memory by size of the text, and by who reads: one process, two, datatrove's tasks.

Each measurement is a process of its own, which streams the text from disk: it counts the words, learns 5,000 pieces,
keeps the text as a WordStore, and mixes sequences. "limit_times": how many times as large as what was held the text is.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import options, write

from mixvocab.sources.corpus import resolve_corpus


def measure(folder: Path, how: str) -> dict[str, Any]:
    """Seconds of each part, and what the process held at most beyond what its imports held."""
    import numpy as np

    from mixvocab import trove
    from mixvocab.settings.profiles import MixingSettings
    from mixvocab.text.learner import learn_vocabulary
    from mixvocab.text.mixing import Mixer
    from mixvocab.text.reading import count_words
    from mixvocab.text.words import WordStore

    corpus = resolve_corpus(str(folder))
    before, began, seconds = _peak(), time.perf_counter(), {}

    def lap(name: str) -> None:
        nonlocal began
        seconds[name] = round(time.perf_counter() - began, 2)
        began = time.perf_counter()

    place = folder.parent
    if how.startswith("datatrove"):
        from datatrove.executor import LocalPipelineExecutor

        steps = [texts := trove.TextFiles(folder), trove.ReadWords(f"{place}/read")]
        LocalPipelineExecutor(
            steps, len(texts.files), int(how[-1]), logging_dir=f"{place}/log", start_method="fork"
        ).run()
        lap("read")
        vocabulary = trove.learn(f"{place}/read", 5000)
        lap("count and learn")
        store = trove.store(f"{place}/read", place / "store")
    else:
        processes = int(how[0])
        counts = count_words(corpus.documents(), processes=processes)
        lap("count")
        vocabulary = learn_vocabulary(counts, 5000)
        lap("learn")
        store = WordStore.build(corpus.documents(), place / "store", vocabulary.tokenizer(), processes=processes)
    lap("keep")
    mixer = Mixer(store, store.table(vocabulary.tokenizer()), None, MixingSettings(p_sv=1.0))
    rng = np.random.default_rng(0)
    tokens = sum(int(mixer.batch(64, rng).attention.sum()) for _ in range(50))
    lap("mix")
    return {
        "seconds": seconds,
        "mixed_tokens_a_second": round(tokens / seconds["mix"]),
        "held_mb": round(_peak() - before),
    }


def _peak() -> float:
    """The most that this process has held, in MB; each process that it started has its own."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    chosen = options(__doc__, largest=100.0)
    results: dict[str, Any] = {}
    sizes = [size for size in (1.0, 10.0, 100.0) if size <= chosen.largest]
    source = resolve_corpus(data_dir=chosen.data_dir, megabytes=sizes[-1])
    for size in sizes:
        corpus = resolve_corpus(data_dir=chosen.data_dir, megabytes=size)
        for how in ("1 process", "2 processes", "datatrove, 1", "datatrove, 2"):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name) / "text"
                folder.mkdir()
                documents = [*corpus.documents()]
                for part in range(4):  # datatrove shares out files
                    half = documents[part * len(documents) // 4 : (part + 1) * len(documents) // 4]
                    (folder / f"{part}.txt").write_text("\n\n".join(half), encoding="utf-8")
                command = [sys.executable, __file__, "--one", str(folder), how]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            found["limit_times"] = round(size / max(found["held_mb"], 1), 2)
            results.setdefault(f"{size:g} MB", {})[how] = found
            print(f"{size:6g} MB  {how:14}{found}", flush=True)
    write(__file__, corpus=source.source.as_record(), results=results)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(Path(sys.argv[2]), sys.argv[3])))
    else:
        main()
