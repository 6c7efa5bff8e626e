"""Predictions against a model whose answers are known, against transformers' pipelines, and of very long texts."""

from __future__ import annotations

import json
import random
import unicodedata
from itertools import islice

import pytest
import torch
import transformers

from blurbstudy.config import Recipe
from blurbstudy.inference.inputs.items import Document
from blurbstudy.inference.inputs.records import document_of_words
from blurbstudy.inference.model_directory.directory import read_model_directory, write_model_files
from blurbstudy.inference.model_directory.settings import settings_of
from blurbstudy.inference.predictor import Predictor
from blurbstudy.inference.sliding_windows import windows
from blurbstudy.models import Architecture, Classifier, TrainedWeights, random_checkpoint
from blurbstudy.pretraining.corpus.wordpiece import train_vocabulary
from blurbstudy.tasks.text.sentences import sentence_spans
from blurbstudy.tasks.text.words import word_spans

from .conftest import PAIRS, TEXTS
from .lexicon import TAGS, typed_task, write_lexicon_model

BEGINS = [word for word, tag in TAGS.items() if tag[0] == "B"]
INSIDE = {kind: [word for word, tag in TAGS.items() if tag == f"I-{kind}"] for kind in ("Drug", "Disease")}
BETWEEN = [" ", "\t", "\u00a0", "  ", "\u2003", "\u202f", "\u3000"]  # within a mention: no sentence ends there
AROUND = [*BETWEEN, "\n", "\r\n", "\n\n", "\r\n\r\n", ", ", ". ", " (", ") ", "! ", "; ", "\u2028"]
DROPPED = [
    "\u200b",
    "\u00ad",
    "\ufeff",
    "\u2060",
    "\x01",
    "\x7f",
    "\x85",
    "\v",
    "\u200d",
]  # BERT's tokenizers take them out
FILLERS = [
    "of",
    "the",
    "𝔸𝕓",
    "👩‍🔬",
    "癌細胞",
    "naïve",
    "e\u0301tude",
    "e.g.",
    "12.5",
    "NF-κB",
    "\u0301",
    "ﬁbre",
    "ẞ",
    "İ",
    "𐐷",
]


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory):
    folder = write_lexicon_model(tmp_path_factory.mktemp("lexicon") / "model")
    return Predictor(read_model_directory(folder))


def disguised(word: str, draw: random.Random) -> str:
    """A word as BERT's uncased tokenizer does not tell it from the plain one."""
    letters = [draw.choice((letter, letter, letter.upper())) for letter in word]
    place = draw.randrange(1, len(letters))
    if draw.random() < 0.3:
        letters.insert(place, draw.choice(DROPPED))
    if draw.random() < 0.3:  # an accent, in one character where there is one
        letters[0] = unicodedata.normalize(draw.choice(("NFC", "NFD")), letters[0] + "\u0301")
    return "".join(letters)


def random_filler(draw: random.Random) -> str:
    if draw.random() < 0.5:
        return draw.choice(FILLERS)
    codes = (draw.randrange(1, 0x11000 if draw.random() < 0.7 else 0x110000) for _ in range(draw.randint(1, 6)))
    return "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000)


def random_document(draw: random.Random) -> tuple[str, list[tuple[int, int, str]]]:
    """A text and its entities; between two mentions stands a word that is outside."""
    text, entities = draw.choice(("", " ", "\n", "\ufeff")), []
    for _ in range(draw.randint(0, 25)):
        if draw.random() < 0.35:
            word = draw.choice(BEGINS)
            kind = TAGS[word][2:]
            surface = disguised(word, draw)
            for _ in range(draw.choice((0, 0, 1, 2))):
                surface += draw.choice(BETWEEN) + disguised(draw.choice(INSIDE[kind]), draw)
            entities.append((len(text), len(text) + len(surface), kind))
            text += surface + draw.choice(AROUND) + "x"
        else:
            text += random_filler(draw)
        text += draw.choice(AROUND)
    return text, entities


def found_in(prediction) -> list[tuple[int, int, str]]:
    return [(entity.start, entity.end, entity.type) for entity in prediction.entities]


def test_entities_of_random_unicode_documents_are_found_where_they_stand(lexicon):
    draw = random.Random(17)
    made = [random_document(draw) for _ in range(1000)]
    predictions = lexicon.predict([Document(str(i), (text,)) for i, (text, _) in enumerate(made)])
    count = 0
    for (text, expected), prediction in zip(made, predictions, strict=True):
        assert found_in(prediction) == expected, repr(text)
        for entity in prediction.entities:
            assert text[entity.start : entity.end] == entity.text
        count += len(expected)
    assert count > 3000
    assert sum("\r\n" in text for text, _ in made) > 100
    assert sum(max(map(ord, text), default=0) > 0xFFFF for text, _ in made) > 300


def test_words_that_are_given_are_taken_as_they_stand(lexicon):
    document = document_of_words("a", [["Aspirin", "aspirin", "or"], ["ataxia", "-", "telangiectasia", "x(aspirin)"]])
    (prediction,) = lexicon.predict([document])
    found = [(prediction.text[start:end], kind) for start, end, kind in found_in(prediction)]
    # A mark of its own between two words ends the mention; inside a word the first sub-word decides.
    assert found == [("Aspirin", "Drug"), ("aspirin", "Drug"), ("ataxia", "Disease"), ("telangiectasia", "Disease")]
    assert [len(own.tags) for own in prediction.sentences] == [3, 4]
    assert prediction.sentences[1].tags == ("B-Disease", "O", "I-Disease", "O")


@pytest.mark.parametrize(
    ("rule", "expected"), [("basic", ["aspirin", "cancer"]), ("joined", ["aspirin-like", "cancer"])]
)
def test_words_are_split_as_the_words_of_train_were(tmp_path, rule, expected):
    predictor = Predictor(read_model_directory(write_lexicon_model(tmp_path / "model", words=rule)))
    (prediction,) = predictor.predict([Document("a", ("An aspirin-like drug (cancer).",))])
    assert [entity.text for entity in prediction.entities] == expected


def test_texts_without_words_have_no_entities(lexicon):
    texts = ["", " ", "\r\n\t", "\u200b\ufeff", "aspirin"]
    predictions = lexicon.predict([Document(str(i), (text,)) for i, text in enumerate(texts)])
    assert [len(own.entities) for own in predictions] == [0, 0, 0, 0, 1]
    assert lexicon.predict([Document("a", ("",))])[0].entities == ()
    assert lexicon.predict([]) == []


def test_long_texts_are_never_cut(lexicon):
    """A sentence of 4,000 words, a word of 100,000 letters, and a mention behind each."""
    sentence = "of the " * 2000 + "Naltrexone hydrochloride"
    word = "a" * 100_000 + " warfarin"
    documents = [Document("a", (sentence,)), Document("b", (word,)), Document("c", (f"{word}. {sentence}",))]
    found = [[entity.text for entity in own.entities] for own in lexicon.predict(documents)]
    assert found == [["Naltrexone hydrochloride"], ["warfarin"], ["warfarin", "Naltrexone hydrochloride"]]


def random_tagger(folder, texts):
    """A model of random weights that tags much and uses its context."""
    task, tokenizer = typed_task(), train_vocabulary(texts, 400)
    architecture = Architecture(
        family="bert", vocab_size=len(tokenizer), n_layers=2, width=32, n_heads=4, intermediate=48, max_positions=512
    )
    model = Classifier(architecture, members=1, outputs=len(task.labels), head="words")
    model.load_member(0, random_checkpoint(architecture, seed=3), seed=5)
    generator = torch.Generator().manual_seed(7)
    for name, parameter in model.named_parameters():
        if "weight" in name or "words" in name:  # biases would make one tag of all
            parameter.data += 0.4 * torch.randn(parameter.shape, generator=generator)
    settings = settings_of(task, Recipe(max_length=128))
    folder.mkdir()
    trained = TrainedWeights(architecture, model.member_weights(0), model.head_weights(0))
    write_model_files(folder, trained, task=task, settings=settings, tokenizer=tokenizer, run={})
    return folder


@pytest.fixture(scope="module")
def sentences(mini_data):
    with (mini_data / "corpus.jsonl").open(encoding="utf-8") as lines:
        return [sentence for line in islice(lines, 60) for sentence in json.loads(line)["sentences"]][:200]


@pytest.fixture(scope="module")
def tagger(tmp_path_factory, sentences):
    return random_tagger(tmp_path_factory.mktemp("tagger") / "model", sentences)


def test_the_pipeline_gives_the_same_entities_for_200_sentences(tagger, sentences):
    predictor = Predictor(read_model_directory(tagger))
    ours = predictor.predict([Document(str(i), (text,)) for i, text in enumerate(sentences)])
    pipe = transformers.pipeline("token-classification", model=str(tagger), aggregation_strategy="first", device=-1)
    theirs = pipe(sentences, batch_size=16)
    assert len(sentences) == 200 and all(len(sentence_spans(text)) == 1 for text in sentences)
    count, types = 0, set()
    for mine, own in zip(ours, theirs, strict=True):
        assert found_in(mine) == [(one["start"], one["end"], one["entity_group"]) for one in own]
        scores = [entity.probability for entity in mine.entities]
        assert scores == pytest.approx([float(one["score"]) for one in own], abs=1e-4)
        count += len(own)
        types |= {one["entity_group"] for one in own}
    assert count > 200 and types == {"Drug", "Disease"}


def test_a_word_of_a_long_sentence_is_tagged_as_in_its_window_alone(tagger, sentences):
    predictor = Predictor(read_model_directory(tagger))
    text = " ".join(" ".join(sentences).replace(".", "").split()[:150])
    words = tuple(word_spans(text))
    features = predictor._word_features.of([[text[a:b]] for a, b in words])
    shown = windows([int(length) - 2 for length in features.lengths], 128 - 2)
    assert len(shown) > 3
    (long,) = predictor.predict([Document("a", (text,), (words,))])
    parts = predictor.predict([Document(str(w.first), (text,), (words[w.first : w.last],)) for w in shown])
    tags = [own.sentences[0].tags[w.begin - w.first : w.end - w.first] for w, own in zip(shown, parts, strict=True)]
    assert long.sentences[0].tags == tuple(tag for own in tags for tag in own)
    assert len(set(long.sentences[0].tags)) > 2


def test_batches_and_company_change_no_prediction(tagger, sentences):
    documents = [Document(str(i), (text,)) for i, text in enumerate(sentences[:60])]
    together = Predictor(read_model_directory(tagger)).predict(documents)
    small = Predictor(read_model_directory(tagger), batch_tokens=64)
    apart = [small.predict([document])[0] for document in documents]
    assert [found_in(own) for own in together] == [found_in(own) for own in apart]
    for mine, other in zip(together, apart, strict=True):
        probabilities = [[entity.probability for entity in own.entities] for own in (mine, other)]
        assert probabilities[0] == pytest.approx(probabilities[1], abs=1e-5)


@pytest.mark.parametrize("head", ["pooler", "cosine"])
def test_documents_whose_texts_reach_the_limit_are_counted(write_random, head):
    predictor = Predictor(read_model_directory(write_random("bert", "similarity", head=head)[0]))
    short, long = "naltrexone", "naltrexone " * 40
    pairs = [(short, short), (short, long), (long, short), (long, long)]
    predictor.predict([Document(str(i), pair) for i, pair in enumerate(pairs)])
    assert predictor.full == 3
    predictor.predict([Document("a", (long, short))])
    assert predictor.full == 4


@pytest.mark.parametrize("kind", ["relation", "question", "document", "similarity"])
def test_labels_and_scores_are_those_of_the_pipeline(write_random, kind):
    folder, _, task, _ = write_random("bert", kind)
    pairs = kind in ("question", "similarity")
    texts = PAIRS if pairs else [(text,) for text in TEXTS]
    predictions = Predictor(read_model_directory(folder)).predict(
        [Document(str(i), own) for i, own in enumerate(texts)]
    )
    options = {"document": {"function_to_apply": "sigmoid"}, "similarity": {"function_to_apply": "none"}}.get(kind, {})
    pipe = transformers.pipeline("text-classification", model=str(folder), top_k=None, device=-1, **options)
    given = [{"text": own[0], "text_pair": own[1]} if pairs else own[0] for own in texts]
    for text, prediction in zip(given, predictions, strict=True):
        answer = pipe([text], truncation=True)
        theirs = {one["label"]: one["score"] for one in (answer[0] if isinstance(answer[0], list) else answer)}
        if kind == "similarity":
            assert prediction.score == pytest.approx(theirs["score"], abs=1e-4)
            continue
        assert list(prediction.probabilities) == list(task.labels)
        assert prediction.probabilities == pytest.approx(theirs, abs=1e-4)
        if kind == "document":
            assert prediction.labels == tuple(label for label in task.labels if theirs[label] > 0.5)
        else:
            assert prediction.label == max(theirs, key=theirs.get)
