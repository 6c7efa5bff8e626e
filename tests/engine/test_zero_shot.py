"""The plain cosine of an encoder: against AutoModel with mean pooling by hand, measured once and kept in the store."""

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
    found = []
    for example in examples:
        inputs = [tokenizer(text, truncation=True, max_length=32, return_tensors="pt") for text in example.texts]
        with torch.no_grad():
            means = [model.eval()(**own).last_hidden_state.mean(1) for own in inputs]
        found.append(torch.cosine_similarity(*means).item())
    return found


def test_scores_are_those_of_mean_pooling_by_hand_on_the_splits_taken_together(measure, mini_data, tiny_encoder):
    examples = read_task(BIOSSES, mini_data)
    dev, both = measure(("dev",), ("train", "dev"))
    for found, splits in ((dev, ["dev"]), (both, ["train", "dev"])):
        own = [example for split in splits for example in examples[split]]
        expected = np.corrcoef(by_hand(tiny_encoder, own), [example.label for example in own])[0, 1]
        assert (found.n, found.splits) == (len(own), tuple(splits))
        assert found.score == pytest.approx(expected, abs=1e-5)
        assert found.interval[0] < found.score < found.interval[1]


def test_what_was_measured_is_not_measured_again(measure, monkeypatch):
    first = measure(("dev",))
    monkeypatch.setattr(zero_shot, "load_checkpoint", lambda path: pytest.fail("read again"))
    assert measure(("dev",)) == first
