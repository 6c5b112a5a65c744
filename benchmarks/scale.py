"""Reading text: seconds and peak memory by size of the text, and by who reads: one process, two, datatrove's tasks.

Each measurement is a process of its own, which streams the text from disk: it counts the words, learns 5,000 pieces,
keeps the text as a WordStore, and mixes sequences. "limit_times": how many times as large as what was held the text is.
"limited" does all but mixing in so few megabytes of memory, given by the system (RLIMIT_DATA, with what Python and the
libraries take), from a text ten times as large: copies of the text with other long words.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from itertools import count
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


def limited(folder: Path, limit: int) -> dict[str, Any]:
    """Seconds of each part, and what was held at most, with no more than `limit` bytes to be had."""
    from mixvocab.text.learner import learn_vocabulary
    from mixvocab.text.reading import count_words, read_chunks
    from mixvocab.text.words import WordStore

    began = time.perf_counter()
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    documents = resolve_corpus(str(folder)).documents
    counts = count_words(documents(), most=50_000)
    counted = time.perf_counter()
    learn_vocabulary(counts, 5000)
    del counts
    learned = time.perf_counter()
    store = WordStore.write(read_chunks(documents()), folder.parent / "store")
    seconds = {"count": counted - began, "learn": learned - counted, "keep": time.perf_counter() - learned}
    return {
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "peak_mb": round(_peak()),  # with libraries' code, which the limit does not count
        "words": int(store.counts.sum()),
        "distinct_words": len(store.counts),
        "documents": sum(len(store.documents(split)) for split in ("train", "heldout")),
    }


def grow(documents: list[str], path: Path, megabytes: float) -> float:
    """Write copies of documents until there is so much text; returns its megabytes."""
    written = 0
    with open(path, "w", encoding="utf-8") as file:
        for copy in count():
            mark = "".join(chr(ord("a") + int(digit)) for digit in str(copy))
            for document in documents:
                file.write(re.sub(r"\b[a-z]{7,}\b", lambda word: word[0] + mark, document) + "\n\n")  # noqa: B023
                if (written := file.tell()) >= 1e6 * megabytes:
                    return written / 1e6
    raise AssertionError("unreachable")


def _peak() -> float:
    """The most that this process has held, in MB; each process that it started has its own."""
    status = Path("/proc/self/status")
    if status.exists():  # of this program alone: Linux's ru_maxrss begins with what its parent held
        return int(re.findall(r"VmHWM:\s*(\d+) kB", status.read_text())[0]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    chosen = options(__doc__, largest=100.0, limit=160, times=10.0)
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
    with tempfile.TemporaryDirectory() as name:
        text = Path(name) / "text.txt"
        size = grow([*source.documents()], text, chosen.times * chosen.limit)
        command = [sys.executable, __file__, "--limited", str(text), str(chosen.limit * 1_000_000)]
        alone = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # each of its threads would take memory beforehand
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=alone)
    found = {"limit_mb": chosen.limit, "text_mb": round(size)} | json.loads(done.stdout.splitlines()[-1])
    print(found, flush=True)
    write(__file__, corpus=source.source.as_record(), results=results, limited=found)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(Path(sys.argv[2]), sys.argv[3])))
    elif sys.argv[1:2] == ["--limited"]:
        print(json.dumps(limited(Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        main()
