"""Predictions against a model with known answers, against transformers' pipelines, and on very long texts."""

from __future__ import annotations

import json
import random
import unicodedata
from itertools import islice

import pytest
import torch
import transformers

from blurbstudy.config import Recipe
from blurbstudy.inference.inputs.documents import Document
from blurbstudy.inference.inputs.records import document_of_words
from blurbstudy.inference.model_directory.directory import read_model_directory, write_model_files
from blurbstudy.inference.model_directory.settings import settings_of
from blurbstudy.inference.predictor import Predictor
from blurbstudy.models import Architecture, Classifier, FinetunedWeights, random_checkpoint
from blurbstudy.pretraining.corpus.wordpiece import train_vocabulary
from blurbstudy.tasks.text.sentences import sentence_spans
from blurbstudy.tasks.text.words import word_spans
from blurbstudy.tasks.windows import overlapping_windows

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
    """A spelling that BERT's uncased tokenizer maps to the same word."""
    letters = [draw.choice((letter, letter, letter.upper())) for letter in word]
    index = draw.randrange(1, len(letters))
    if draw.random() < 0.3:
        letters.insert(index, draw.choice(DROPPED))
    if draw.random() < 0.3:  # an accent, in one character where there is one
        letters[0] = unicodedata.normalize(draw.choice(("NFC", "NFD")), letters[0] + "\u0301")
    return "".join(letters)


def random_filler(draw: random.Random) -> str:
    if draw.random() < 0.5:
        return draw.choice(FILLERS)
    codes = (draw.randrange(1, 0x11000 if draw.random() < 0.7 else 0x110000) for _ in range(draw.randint(1, 6)))
    return "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000)


def random_document(draw: random.Random) -> tuple[str, list[tuple[int, int, str]]]:
    """A text and its entities, which are separated by at least one other word."""
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


def spans(prediction) -> list[tuple[int, int, str]]:
    return [(entity.start, entity.end, entity.type) for entity in prediction.entities]


def test_entities_of_random_unicode_documents_have_exact_offsets(lexicon):
    draw = random.Random(17)
    documents = [random_document(draw) for _ in range(1000)]
    predictions = lexicon.predict([Document(str(i), (text,)) for i, (text, _) in enumerate(documents)])
    count = 0
    for (text, expected), prediction in zip(documents, predictions, strict=True):
        assert spans(prediction) == expected, repr(text)
        for entity in prediction.entities:
            assert text[entity.start : entity.end] == entity.text
        count += len(expected)
    assert count > 3000
    assert sum("\r\n" in text for text, _ in documents) > 100
    assert sum(max(map(ord, text), default=0) > 0xFFFF for text, _ in documents) > 300


def test_words_of_the_input_are_not_split_again(lexicon):
    document = document_of_words("a", [["Aspirin", "aspirin", "or"], ["ataxia", "-", "telangiectasia", "x(aspirin)"]])
    (prediction,) = lexicon.predict([document])
    mentions = [(prediction.text[start:end], kind) for start, end, kind in spans(prediction)]
    # A punctuation mark between two words ends a mention; within a word, the first sub-word decides.
    assert mentions == [("Aspirin", "Drug"), ("aspirin", "Drug"), ("ataxia", "Disease"), ("telangiectasia", "Disease")]
    assert [len(sentence.tags) for sentence in prediction.sentences] == [3, 4]
    assert prediction.sentences[1].tags == ("B-Disease", "O", "I-Disease", "O")


@pytest.mark.parametrize(
    ("rule", "expected"), [("basic", ["aspirin", "cancer"]), ("joined", ["aspirin-like", "cancer"])]
)
def test_words_are_split_as_in_the_training_data(tmp_path, rule, expected):
    predictor = Predictor(read_model_directory(write_lexicon_model(tmp_path / "model", words=rule)))
    (prediction,) = predictor.predict([Document("a", ("An aspirin-like drug (cancer).",))])
    assert [entity.text for entity in prediction.entities] == expected


def test_texts_without_words_have_no_entities(lexicon):
    texts = ["", " ", "\r\n\t", "\u200b\ufeff", "aspirin"]
    predictions = lexicon.predict([Document(str(i), (text,)) for i, text in enumerate(texts)])
    assert [len(prediction.entities) for prediction in predictions] == [0, 0, 0, 0, 1]
    assert lexicon.predict([Document("a", ("",))])[0].entities == ()
    assert lexicon.predict([]) == []


def test_long_texts_are_not_truncated(lexicon):
    """A sentence of 4,000 words, a word of 100,000 letters, and a mention behind each."""
    sentence = "of the " * 2000 + "Naltrexone hydrochloride"
    word = "a" * 100_000 + " warfarin"
    documents = [Document("a", (sentence,)), Document("b", (word,)), Document("c", (f"{word}. {sentence}",))]
    mentions = [[entity.text for entity in prediction.entities] for prediction in lexicon.predict(documents)]
    assert mentions == [["Naltrexone hydrochloride"], ["warfarin"], ["warfarin", "Naltrexone hydrochloride"]]


def random_tagger(folder, texts):
    """A model of random weights that tags much and uses its context."""
    task, tokenizer = typed_task(), train_vocabulary(texts, 400)
    architecture = Architecture(
        family="bert", vocab_size=len(tokenizer), n_layers=2, width=32, n_heads=4, intermediate=48, max_positions=512
    )
    model = Classifier(architecture, members=1, outputs=len(task.labels), head="token")
    model.load_member(0, random_checkpoint(architecture, seed=3), seed=5)
    generator = torch.Generator().manual_seed(7)
    for name, parameter in model.named_parameters():
        if "weight" in name or "word_embeddings" in name:  # biases would make one tag of all
            parameter.data += 0.4 * torch.randn(parameter.shape, generator=generator)
    settings = settings_of(task, Recipe(max_length=128))
    folder.mkdir()
    trained = FinetunedWeights(architecture, model.member_weights(0), model.head_weights(0))
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
    for mine, other in zip(ours, theirs, strict=True):
        assert spans(mine) == [(one["start"], one["end"], one["entity_group"]) for one in other]
        scores = [entity.probability for entity in mine.entities]
        assert scores == pytest.approx([float(one["score"]) for one in other], abs=1e-4)
        count += len(other)
        types |= {one["entity_group"] for one in other}
    assert count > 200 and types == {"Drug", "Disease"}


def test_words_of_a_long_sentence_are_tagged_as_in_their_window(tagger, sentences):
    predictor = Predictor(read_model_directory(tagger))
    text = " ".join(" ".join(sentences).replace(".", "").split()[:150])
    words = tuple(word_spans(text))
    features = predictor._word_features.of([[text[a:b]] for a, b in words])
    sentence_windows = overlapping_windows([int(length) - 2 for length in features.lengths], 128 - 2)
    assert len(sentence_windows) > 3
    (long,) = predictor.predict([Document("a", (text,), (words,))])
    parts = predictor.predict([Document(str(w.first), (text,), (words[w.first : w.last],)) for w in sentence_windows])
    tags = [
        tag
        for w, part in zip(sentence_windows, parts, strict=True)
        for tag in part.sentences[0].tags[w.begin - w.first : w.end - w.first]
    ]
    assert long.sentences[0].tags == tuple(tags)
    assert len(set(long.sentences[0].tags)) > 2


def test_predictions_do_not_depend_on_the_batch(tagger, sentences):
    documents = [Document(str(i), (text,)) for i, text in enumerate(sentences[:60])]
    together = Predictor(read_model_directory(tagger)).predict(documents)
    small = Predictor(read_model_directory(tagger), batch_tokens=64)
    alone = [small.predict([document])[0] for document in documents]
    assert list(map(spans, together)) == list(map(spans, alone))
    for mine, other in zip(together, alone, strict=True):
        probabilities = [[entity.probability for entity in prediction.entities] for prediction in (mine, other)]
        assert probabilities[0] == pytest.approx(probabilities[1], abs=1e-5)


@pytest.mark.parametrize("head", ["pooler", "cosine"])
def test_truncated_documents_are_counted(write_random, head):
    predictor = Predictor(read_model_directory(write_random("bert", "similarity", head=head)[0]))
    short, long = "naltrexone", "naltrexone " * 40
    pairs = [(short, short), (short, long), (long, short), (long, long)]
    predictor.predict([Document(str(i), pair) for i, pair in enumerate(pairs)])
    assert predictor.truncated == 3
    predictor.predict([Document("a", (long, short))])
    assert predictor.truncated == 4


@pytest.mark.parametrize("kind", ["relation", "question", "document", "similarity"])
def test_labels_and_scores_are_those_of_the_pipeline(write_random, kind):
    folder, _, task, _ = write_random("bert", kind)
    pairs = kind in ("question", "similarity")
    texts = PAIRS if pairs else [(text,) for text in TEXTS]
    predictions = Predictor(read_model_directory(folder)).predict(
        [Document(str(i), parts) for i, parts in enumerate(texts)]
    )
    options = {"document": {"function_to_apply": "sigmoid"}, "similarity": {"function_to_apply": "none"}}.get(kind, {})
    pipe = transformers.pipeline("text-classification", model=str(folder), top_k=None, device=-1, **options)
    inputs = [{"text": parts[0], "text_pair": parts[1]} if pairs else parts[0] for parts in texts]
    for text, prediction in zip(inputs, predictions, strict=True):
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
