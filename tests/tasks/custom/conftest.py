"""Files of one's own, written where the tests run."""

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes files into the working directory."""
    monkeypatch.chdir(tmp_path)

    def put(**files):
        for name, content in files.items():
            path = tmp_path / name.replace("__", ".")
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return put


@pytest.fixture(scope="session")
def tokenizer():
    """Every word is one sub-word, between two special tokens."""
    made = Tokenizer(models.WordLevel({"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "w": 3}, unk_token="[UNK]"))
    made.normalizer = normalizers.Replace(Regex(r"[^\s?]+"), "w")  # a question mark is unknown
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return made


def table(*, n=40, label="yes no"):
    """A TSV file of n texts whose labels take turns."""
    labels = label.split()
    return "text\tlabel\n" + "".join(f"text {i}\t{labels[i % len(labels)]}\n" for i in range(n))
