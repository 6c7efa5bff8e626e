"""Batches of masked, packed sequences, each drawn from numbers of its own: step 700 is the same after any history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from ..errors import DataError
from ..models import pack, seed_for
from ..models.packing import CPU
from .config import PretrainingConfig
from .corpus.corpus import TokenizedCorpus
from .corpus.sequences import Sequences
from .objectives.base import Batch
from .objectives.masking import BERT_SHOWS, Shown, Vocabulary, mask_tokens
from .objectives.registry import Objective


class Batches:
    """The batches of a pretraining, by step.

    Args:
        special: ids of [CLS] and [SEP].
        device: where they will be computed.
    """

    def __init__(
        self,
        corpus: TokenizedCorpus,
        *,
        objective: Objective,
        config: PretrainingConfig,
        vocabulary: Vocabulary,
        special: tuple[int, int],
        seed: int,
        device: torch.device = CPU,
    ) -> None:
        self.corpus, self.objective, self.config, self.vocabulary = corpus, objective, config, vocabulary
        self.special, self.seed, self.device = special, seed, device
        self.epoch = self.epoch_began = 0  # the pass of the last training batch, and the steps before that pass
        self._cut: tuple[int, Sequences] | None = None  # the pass cut last

    def training(self, *, done: int = 0, epoch: int = 0, epoch_began: int = 0) -> Iterator[Batch]:
        """Without end: passes over the corpus, sequences cut anew and shuffled in each; short last batches dropped.

        Args:
            done: steps that were taken already; the batches begin with that of the step after.
            epoch: a pass known to have begun by then, so that none before it is cut once more.
            epoch_began: steps taken before that pass.
        """
        while True:
            sequences = self._pass(epoch)
            order = self._rng("order", epoch).permutation(len(sequences))
            ends = self._ends(sequences, order)
            self.epoch, self.epoch_began = epoch, epoch_began
            for number in range(max(0, done - epoch_began), len(ends)):
                chosen = order[ends[number - 1] if number else 0 : ends[number]]
                yield self._batch(sequences, chosen, epoch_began + number)
            epoch, epoch_began = epoch + 1, epoch_began + len(ends)

    def tokens_per_step(self) -> float:
        """Tokens of an optimizer step: those asked for, or the mean of the first pass over the corpus."""
        return self.config.batch_tokens or self.config.batch_size * float(_lengths(self._pass(0).ranges).mean())

    def once(self, limit: int) -> list[Batch]:
        """One pass, in batches, over at most `limit` sequences of all parts of the corpus; the same at every call.

        Words are masked as BERT's are whatever the objective, so that losses of masked words are of like questions.
        """
        sequences = self._pass(0)
        chosen = np.sort(self._rng("sample", 0).permutation(len(sequences))[:limit])
        parts = np.array_split(chosen, max(1, -(-len(chosen) // self.config.batch_size)))
        return [self._batch(sequences, part, i, shown=BERT_SHOWS) for i, part in enumerate(parts)]

    def _ends(self, sequences: Sequences, order: np.ndarray) -> np.ndarray:
        """Where each whole batch of a pass ends in `order`; at least one."""
        if not self.config.batch_tokens:
            return np.arange(1, max(1, len(order) // self.config.batch_size) + 1) * self.config.batch_size
        # Batch i ends with the last sequence that fits into i times the tokens: what one lacks, the next makes up for.
        summed = np.cumsum(_lengths(sequences.ranges)[order])
        wanted = np.arange(1, max(1, summed[-1] // self.config.batch_tokens) + 1) * self.config.batch_tokens
        return np.searchsorted(summed, wanted, side="right")

    def _pass(self, epoch: int) -> Sequences:
        if self._cut is None or self._cut[0] != epoch:
            sequences = self.objective.sequences(self.corpus, self._rng("sequences", epoch), config=self.config)
            if not len(sequences):
                raise DataError("the corpus has no document of two sentences; objectives of two segments need some")
            self._cut = (epoch, sequences)
        return self._cut[1]

    def _rng(self, purpose: str, number: int) -> np.random.Generator:
        return np.random.Generator(np.random.SFC64(seed_for(self.seed, "pretraining", purpose, number)))

    def _batch(self, sequences: Sequences, chosen: np.ndarray, step: int, *, shown: Shown | None = None) -> Batch:
        packing = pack(
            [[self._tokens(sequences.ranges[i]) for i in chosen]], n_heads=self.config.n_heads, device=self.device
        )
        ids = packing.ids[0].numpy()
        seen, positions = mask_tokens(
            ids,
            self.vocabulary,
            self._rng("masks", step),
            rate=self.config.mask_rate,
            whole_word=self.config.whole_word,
            shown=shown or self.objective.shown,
        )
        return Batch.of(
            replace(packing, ids=torch.from_numpy(seen).unsqueeze(0)),
            torch.from_numpy(positions),
            answers=torch.from_numpy(ids[positions]),
            is_next=torch.from_numpy(sequences.is_next[chosen[packing.order[0]]].astype(np.int64)),
            draws=torch.from_numpy(self._rng("samples", step).random(len(positions), dtype=np.float32)),
        )

    def _tokens(self, ranges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(ids, segment ids) of one sequence, special tokens set in."""
        begin, sep = self.special
        a, b, c, d = ranges
        tokens = self.corpus.tokens
        if c == d:
            ids = np.concatenate([[begin], tokens[a:b], [sep]])
            return ids, np.zeros(len(ids), np.int64)
        ids = np.concatenate([[begin], tokens[a:b], [sep], tokens[c:d], [sep]])
        return ids, (np.arange(len(ids)) >= b - a + 2).astype(np.int64)


def _lengths(ranges: np.ndarray) -> np.ndarray:
    """Tokens of each sequence, special tokens included."""
    a, b, c, d = ranges.T
    return b - a + d - c + 2 + (d > c)
