"""What a model finds, in our tokens; and released models, which are looked up and never downloaded."""

import pytest

from blurbstudy.baselines import entity_types, evaluated_tags, load_model, predicted_tags, released_version
from blurbstudy.metrics import decode_tags, entity_f1
from blurbstudy.tasks import get_task, read_task

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def nlp(chemical_model):
    return load_model(chemical_model)


def test_a_model_has_both_types_of_its_corpus(nlp):
    assert entity_types(nlp) == ["CHEMICAL", "DISEASE"]


def test_tags_are_spacys_entities(nlp, mini_data):
    from spacy.tokens import Doc

    sentences = [example.texts for example in read_task(get_task("BC5-chem"), mini_data)["test"]][:60]
    predicted = [decode_tags(tags.split()) for tags in predicted_tags(nlp, sentences)]
    docs = [nlp.get_pipe("ner")(Doc(nlp.vocab, words=list(words))) for words in sentences]
    assert predicted == [[(one.start, one.end, one.label_) for one in doc.ents] for doc in docs]
    assert sum(map(len, predicted)) > 60


def test_a_model_has_learned_its_corpus(nlp, mini_data):
    """Far above chance: it would be at 0 with tokens or types shifted."""
    for task, kind in (("BC5-chem", "CHEMICAL"), ("BC5-disease", "DISEASE")):
        test = read_task(get_task(task), mini_data)["test"]
        predicted = [evaluated_tags(tags, kind) for tags in predicted_tags(nlp, [one.texts for one in test])]
        assert entity_f1([one.label for one in test], predicted) > 0.5


def test_released_models_are_detected_by_package_metadata(tmp_path, monkeypatch):
    assert released_version("en_ner_no_such_model") is None
    folder = tmp_path / "en_ner_no_such_model-0.5.4.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: en_ner_no_such_model\nVersion: 0.5.4\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert released_version("en_ner_no_such_model") == "0.5.4"
