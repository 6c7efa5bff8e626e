"""Words for facts: mentions point at their entities, and every fact has words for yes and no."""

from __future__ import annotations

import re
from random import Random

import pytest

from blurbstudy.tasks.mini_blurb.language import FORMS, clauses, question_about, state_fact, state_two_facts
from blurbstudy.tasks.mini_blurb.world import make_world

WORLD = make_world(Random(0))


@pytest.mark.parametrize("kind", FORMS)
def test_every_form_names_subject_and_object_once(kind):
    forms = FORMS[kind]
    assert len(set(forms.asserts)) >= 3 and len(set(forms.denies)) >= 3 and len(set(forms.asks)) >= 2
    assert not set(forms.asserts) & set(forms.denies)
    for pattern in (*forms.asserts, *forms.denies, *forms.asks):
        assert sorted(re.findall(r"\{(\w+)\}", pattern)) == ["o", "s"]
    assert all(question.endswith("?") for question in forms.asks)


def test_mentions_are_where_the_text_says_the_entity():
    rng = Random(0)
    for fact, other in zip(WORLD.facts, WORLD.facts[1:], strict=False):
        for sentence in (
            state_fact(rng, fact, before="we found that ", after=" as reported before"),
            state_two_facts(rng, fact, other),
            question_about(rng, fact),
        ):
            for mention in sentence.mentions:
                said = sentence.text[mention.start : mention.end]
                assert said.lower() in {form.lower() for form in mention.entity.forms}
            assert {fact.subject, fact.object} <= {mention.entity for mention in sentence.mentions}
            assert sentence.text[0] == sentence.text[0].upper() and sentence.text[-1] in ".?"
            assert not re.search(r"[{}]|\ba [aeiou]", sentence.text)


def test_true_facts_are_asserted_and_false_ones_denied():
    for fact in WORLD.facts:
        assert clauses(fact) == (FORMS[fact.kind].asserts if fact.holds else FORMS[fact.kind].denies)
