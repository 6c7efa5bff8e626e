"""Questions: records as in the real files, evidence in the context, the conclusion in LONG_ANSWER alone."""

from __future__ import annotations

from random import Random

from blurbstudy.tasks.mini_blurb.language import clauses
from blurbstudy.tasks.mini_blurb.questions import make_fact_questions, make_trial_questions
from blurbstudy.tasks.mini_blurb.world import make_world

WORLD = make_world(Random(0))


def test_trial_questions_have_the_keys_of_the_real_files():
    for records in make_trial_questions(Random(0), WORLD).values():
        for record in records.values():
            assert {"QUESTION", "CONTEXTS", "LABELS", "LONG_ANSWER", "final_decision"} <= set(record)
            assert len(record["CONTEXTS"]) == len(record["LABELS"])
            assert record["LONG_ANSWER"] not in " ".join(record["CONTEXTS"])


def test_every_trial_is_asked_about_once():
    splits = make_trial_questions(Random(0), WORLD).values()
    asked = [tuple(record["MESHES"]) for records in splits for record in records.values()]
    assert len(set(asked)) == len(asked)


def test_snippets_state_the_fact_that_is_asked():
    for rows in make_fact_questions(Random(0), WORLD).values():
        for _, question, snippets, answer in rows:
            facts = [f for f in WORLD.facts if _names(f, question) and f.holds == (answer == "yes")]
            assert any(_said(fact, clause, snippets) for fact in facts for clause in clauses(fact))


def _names(fact, question):
    text = question.lower()
    return fact.subject.name.lower() in text and any(form.lower() in text for form in fact.object.forms)


def _said(fact, clause, snippets):
    return any(clause.format(s=fact.subject.name, o=form).lower() in snippets.lower() for form in fact.object.forms)
