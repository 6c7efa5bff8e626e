"""The general-domain text: deterministic, cached, enough for pretraining, and without the invented biomedical world."""

import hashlib
import json
import re
from random import Random

import pytest

from blurbstudy.errors import DiskError
from blurbstudy.tasks.mini_blurb.general_text import N_DOCUMENTS, general_corpus, make_general_documents
from blurbstudy.tasks.mini_blurb.language import FORMS
from blurbstudy.tasks.mini_blurb.world import FIELDS, HALLMARKS, SIDE_EFFECTS, SYLLABLES, make_world


@pytest.fixture(scope="module")
def documents():
    return make_general_documents(Random("mini-blurb 0 general"))


@pytest.fixture(scope="module")
def words(documents):
    text = " ".join(sentence for document in documents for sentence in (document["title"], *document["sentences"]))
    return set(re.findall(r"\w+", text.lower()))


def test_bytes_depend_only_on_the_seed(documents):
    content = "".join(json.dumps(document) + "\n" for document in documents)
    assert general_corpus().read_bytes() == content.encode()
    assert hashlib.sha256(content.encode()).hexdigest()[:12] == "385b2b5ebdf2"
    assert make_general_documents(Random("mini-blurb 1 general")) != documents


def test_every_document_has_a_title_and_sentences_about_its_subject(documents):
    assert len({document["id"] for document in documents}) == len(documents) == N_DOCUMENTS
    for document in documents:
        sentences = document["sentences"]
        subject = sentences[0].split()[0]
        assert 6 <= len(sentences) <= 8 and subject in document["title"]
        assert sum(subject in sentence for sentence in sentences) >= len(sentences) - 1


def test_no_word_names_anything_of_the_biomedical_world(words):
    world = make_world(Random("mini-blurb 0 world"))
    names = {form for entity in (*world.drugs, *world.genes, *world.diseases) for form in entity.forms}
    names |= {term for field in FIELDS for term in field} | set(SIDE_EFFECTS)
    names |= {term for hallmark in HALLMARKS for term in hallmark}
    biomedical = {word for name in names for word in name.lower().split()}
    common = {"and", "from", "of", "repair", "the", "to"}  # everyday words in terms of several words
    assert not (words & biomedical) - common


def test_invented_names_share_no_syllables_with_drugs_and_diseases(documents):
    subjects = {document["sentences"][0].split()[0].lower() for document in documents}
    assert not [name for name in subjects if name.startswith(SYLLABLES)]


def test_function_words_are_those_of_the_biomedical_text(words):
    clauses = " ".join(clause for forms in FORMS.values() for clause in (*forms.asserts, *forms.denies))
    function_words = {"is", "was", "by", "of", "in", "does", "not", "no", "and", "to", "with", "the", "for", "are"}
    assert function_words <= set(re.findall(r"[a-z]+", clauses)) | {"are"}
    assert function_words <= words


def test_a_cache_that_is_not_writable_is_a_clear_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "file"))
    with pytest.raises(DiskError, match="cannot be written: .*BLURBSTUDY_CACHE"):
        general_corpus()
