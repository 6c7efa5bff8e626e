"""Files of one's own, written where the tests run."""

import pytest


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes files into the working directory."""
    monkeypatch.chdir(tmp_path)

    def put(**files):
        for name, content in files.items():
            path = tmp_path / name.replace("__", ".")
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return put


def table(*, n=40, label="yes no"):
    """A TSV file of n texts whose labels take turns."""
    labels = label.split()
    return "text\tlabel\n" + "".join(f"text {i}\t{labels[i % len(labels)]}\n" for i in range(n))
