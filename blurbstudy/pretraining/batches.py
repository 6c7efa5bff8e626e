"""Batches of masked, packed sequences.

All random numbers of a batch are derived from the seed and the step, so a batch does not depend on which steps this
process has taken before.
"""

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
from .objectives.masking import BERT_MASKING, MaskingRatios, Vocabulary, mask_tokens
from .objectives.registry import Objective


class Batches:
    """The batches of one pretraining run, by step.

    Args:
        special: ids of [CLS] and [SEP].
        device: where the batches will be used.
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
        self.epoch = self.epoch_began = 0  # epoch of the last training batch, and the steps before that epoch
        self._cached: tuple[int, Sequences] | None = None  # (epoch, its sequences)

    def training_batches(self, *, done: int = 0, epoch: int = 0, epoch_began: int = 0) -> Iterator[Batch]:
        """Yield batches forever. Each epoch makes and shuffles new sequences; short last batches are dropped.

        Args:
            done: number of steps already taken; the first batch is the next step's.
            epoch: an epoch known to have started by then, so that earlier ones need not be recomputed.
            epoch_began: number of steps before that epoch.
        """
        while True:
            sequences = self._sequences(epoch)
            order = self._rng("order", epoch).permutation(len(sequences))
            ends = self._batch_ends(sequences, order)
            self.epoch, self.epoch_began = epoch, epoch_began
            for index in range(max(0, done - epoch_began), len(ends)):
                chosen = order[ends[index - 1] if index else 0 : ends[index]]
                yield self._batch(sequences, chosen, epoch_began + index, masking=self.objective.masking)
            epoch, epoch_began = epoch + 1, epoch_began + len(ends)

    def tokens_per_step(self) -> float:
        """Return the tokens per optimizer step: as configured, or the mean over the first epoch."""
        return self.config.batch_tokens or self.config.batch_size * float(_lengths(self._sequences(0).ranges).mean())

    def evaluation_batches(self, max_sequences: int) -> list[Batch]:
        """Sample at most `max_sequences` sequences of one epoch; every call returns the same batches.

        Tokens are masked with BERT's ratios for every objective, so that their MLM losses are comparable.
        """
        sequences = self._sequences(0)
        chosen = np.sort(self._rng("sample", 0).permutation(len(sequences))[:max_sequences])
        parts = np.array_split(chosen, max(1, -(-len(chosen) // self.config.batch_size)))
        return [self._batch(sequences, part, index, masking=BERT_MASKING) for index, part in enumerate(parts)]

    def _batch_ends(self, sequences: Sequences, order: np.ndarray) -> np.ndarray:
        """Positions in `order` where the full batches of an epoch end; at least one."""
        if not self.config.batch_tokens:
            return np.arange(1, max(1, len(order) // self.config.batch_size) + 1) * self.config.batch_size
        # Batch i ends with the last sequence that fits into i times the budget, so deviations do not accumulate.
        cumulative = np.cumsum(_lengths(sequences.ranges)[order])
        budgets = np.arange(1, max(1, cumulative[-1] // self.config.batch_tokens) + 1) * self.config.batch_tokens
        return np.searchsorted(cumulative, budgets, side="right")

    def _sequences(self, epoch: int) -> Sequences:
        if self._cached is None or self._cached[0] != epoch:
            sequences = self.objective.make_sequences(self.corpus, self._rng("sequences", epoch), self.config)
            if not len(sequences):
                raise DataError("the corpus has no document of two sentences; objectives of two segments need some")
            self._cached = (epoch, sequences)
        return self._cached[1]

    def _rng(self, purpose: str, number: int) -> np.random.Generator:
        return np.random.Generator(np.random.SFC64(seed_for(self.seed, "pretraining", purpose, number)))

    def _batch(self, sequences: Sequences, chosen: np.ndarray, step: int, *, masking: MaskingRatios) -> Batch:
        packing = pack(
            [[self._tokens(sequences.ranges[i]) for i in chosen]], n_heads=self.config.n_heads, device=self.device
        )
        ids = packing.ids[0].numpy()
        input_ids, positions = mask_tokens(
            ids,
            self.vocabulary,
            self._rng("masks", step),
            rate=self.config.mask_rate,
            whole_word=self.config.whole_word,
            masking=masking,
        )
        noise = self._rng("samples", step).random(len(positions), dtype=np.float32)
        return Batch.from_packing(
            replace(packing, ids=torch.from_numpy(input_ids).unsqueeze(0)),
            torch.from_numpy(positions),
            labels=torch.from_numpy(ids[positions]),
            is_next=torch.from_numpy(sequences.is_next[chosen[packing.order[0]]].astype(np.int64)),
            sampling_noise=torch.from_numpy(noise),
        )

    def _tokens(self, ranges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Token ids with special tokens, and segment ids, of one sequence."""
        cls_id, sep_id = self.special
        a, b, c, d = ranges
        tokens = self.corpus.tokens
        if c == d:
            ids = np.concatenate([[cls_id], tokens[a:b], [sep_id]])
            return ids, np.zeros(len(ids), np.int64)
        ids = np.concatenate([[cls_id], tokens[a:b], [sep_id], tokens[c:d], [sep_id]])
        return ids, (np.arange(len(ids)) >= b - a + 2).astype(np.int64)


def _lengths(ranges: np.ndarray) -> np.ndarray:
    """Tokens of each sequence, special tokens included."""
    a, b, c, d = ranges.T
    return b - a + d - c + 2 + (d > c)
