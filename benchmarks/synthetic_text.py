"""Text of synthetic words for machines that have no data: BIOSSES and BC5-chem in BLURB's formats, sizes and lengths,
and documents to pretrain on. How fast such text is learned is as with real text; what is learned says nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from blurbstudy.tasks import get_task

PAIRS = {"train": 64, "dev": 16, "test": 20}  # of BIOSSES
SENTENCES = {"train": 4560, "dev": 4581, "test": 4797}  # of BC5-chem
# Words, each of which becomes one sub-word or a few: fitted to the sub-words of the real sets, with BERT's vocabulary
# (BIOSSES: mean 78, at most 152 a pair; BC5-chem: mean 36, at most 275 a sentence).
TEXT_WORDS = (37, 9)  # of one of the two texts: mean and standard deviation
SENTENCE_WORDS = (3.35, 0.55)  # mean and standard deviation of the logarithm
SYLLABLES = np.array([a + b + c for a in "bdfgklmnprst" for b in "aeiou" for c in ("", "n", "r", "s")])


def synthetic_words(count: int, rng: np.random.Generator) -> np.ndarray:
    """About as many different words of two to four syllables."""
    lengths = rng.integers(2, 5, count)
    sampled = SYLLABLES[rng.integers(0, len(SYLLABLES), lengths.sum())].tolist()
    ends = np.cumsum(lengths)
    words = {"".join(sampled[end - length : end]) for end, length in zip(ends, lengths, strict=True)}
    return rng.permutation(np.array(sorted(words)))


def sample_words(words: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Words whose frequencies follow Zipf's law."""
    frequency = 1 / (np.arange(len(words)) + 2.7)
    return words[rng.choice(len(words), count, p=frequency / frequency.sum())]


def synthetic_corpus(path: Path, *, words: int = 60_000, documents: int = 6_000) -> Path:
    """A corpus, with enough different words for a vocabulary of BERT's size."""
    rng = np.random.default_rng(0)
    lines = sample_words(synthetic_words(words, rng), documents * 240, rng).reshape(documents, 12, 20).tolist()
    with path.open("w", encoding="utf-8") as stream:
        for number, document in enumerate(lines):
            sentences = [" ".join(sentence) + "." for sentence in document]
            stream.write(json.dumps({"id": str(number), "title": sentences[0], "sentences": sentences}) + "\n")
    return path


def synthetic_data(folder: Path) -> Path:
    """A folder as BLURB's, with the two tasks."""
    rng = np.random.default_rng(1)
    words = synthetic_words(6_000, rng)
    for split, count in PAIRS.items():
        rows = [get_task("BIOSSES").columns]
        for number in range(count):
            lengths = np.clip(rng.normal(*TEXT_WORDS, 2), 8, 75).astype(int)
            texts = (" ".join(sample_words(words, length, rng)) + "." for length in lengths)
            rows.append((f"{split}{number}", *texts, f"{rng.integers(0, 21) / 5:g}"))
        _write(folder, "BIOSSES", split, ("\t".join(row) for row in rows))
    for split, count in SENTENCES.items():
        lengths = np.clip(np.exp(rng.normal(*SENTENCE_WORDS, count)), 3, 240).astype(int)
        sampled = sample_words(words, lengths.sum(), rng)
        tagged = np.char.add(sampled, np.where(rng.random(len(sampled)) < 0.1, "\tB", "\tO"))
        lines = [line for part in np.split(tagged, np.cumsum(lengths)[:-1]) for line in (*part.tolist(), "")]
        _write(folder, "BC5-chem", split, lines)
    return folder


def _write(folder: Path, task: str, split: str, lines) -> None:  # noqa: ANN001
    path = folder / get_task(task).folder / get_task(task).files[split]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
