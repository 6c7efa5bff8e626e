"""Zero-shot scores against AutoModel with mean pooling by hand; they are computed once per store."""

import numpy as np
import pytest
import torch
import transformers

from blurbstudy.engine import zero_shot
from blurbstudy.engine.sources.resolve import resolve_sources
from blurbstudy.engine.zero_shot import zero_shot_scores
from blurbstudy.store.run_store import RunStore
from blurbstudy.tasks import get_task, read_task

BIOSSES = get_task("BIOSSES")


@pytest.fixture
def measure(tmp_path, mini_data, tiny_encoder):
    store = RunStore(tmp_path / "store")
    sources = resolve_sources(store, tasks=[BIOSSES], encoders={"tiny": str(tiny_encoder)}, data=str(mini_data))
    given = {"sources": sources, "store": store, "max_length": 32, "device": "cpu"}
    return lambda *splits: zero_shot_scores(BIOSSES, sources.encoders["tiny"], splits=splits, **given)


def by_hand(folder, examples):
    """Cosines of means over sub-words, of sentences one by one."""
    tokenizer, model = (cls.from_pretrained(folder) for cls in (transformers.AutoTokenizer, transformers.AutoModel))
    cosines = []
    for example in examples:
        inputs = [tokenizer(text, truncation=True, max_length=32, return_tensors="pt") for text in example.texts]
        with torch.no_grad():
            means = [model.eval()(**tokens).last_hidden_state.mean(1) for tokens in inputs]
        cosines.append(torch.cosine_similarity(*means).item())
    return cosines


def test_scores_are_those_of_mean_pooling_by_hand_on_pooled_splits(measure, mini_data, tiny_encoder):
    examples = read_task(BIOSSES, mini_data)
    dev, both = measure(("dev",), ("train", "dev"))
    for score, splits in ((dev, ["dev"]), (both, ["train", "dev"])):
        pooled = [example for split in splits for example in examples[split]]
        expected = np.corrcoef(by_hand(tiny_encoder, pooled), [example.label for example in pooled])[0, 1]
        assert (score.n, score.splits) == (len(pooled), tuple(splits))
        assert score.score == pytest.approx(expected, abs=1e-5)
        assert score.interval[0] < score.score < score.interval[1]


def test_a_stored_score_is_not_computed_again(measure, monkeypatch):
    first = measure(("dev",))
    monkeypatch.setattr(zero_shot, "load_checkpoint", lambda path: pytest.fail("read again"))
    assert measure(("dev",)) == first
