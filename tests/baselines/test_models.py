"""Which of a model's mentions count: as the paper's numbers imply."""

import pytest

from blurbstudy.baselines import MODELS, evaluated_tags, evaluated_type, get_model
from blurbstudy.errors import ParameterError
from blurbstudy.tasks import TASKS, get_task

GENES = ("CELL_LINE", "CELL_TYPE", "DNA", "PROTEIN", "RNA")  # of the released model
BOTH = ("CHEMICAL", "DISEASE")


@pytest.mark.parametrize(
    ("task", "labels", "kind"),
    [
        ("BC5-chem", BOTH, "CHEMICAL"),
        ("BC5-disease", BOTH, "DISEASE"),
        ("NCBI-disease", BOTH, "DISEASE"),
        ("BC2GM", BOTH, None),
        ("JNLPBA", BOTH, None),
        ("BC5-chem", GENES, None),
        ("JNLPBA", GENES, None),
        ("BC2GM", ("ENTITY",), None),
    ],
)
def test_the_task_type_is_evaluated_if_the_model_has_it_otherwise_every_mention(task, labels, kind):
    assert evaluated_type(get_task(task), labels) == kind


def test_mentions_of_other_types_are_dropped_and_adjacent_mentions_stay_separate():
    tags = "B-CHEMICAL I-CHEMICAL B-CHEMICAL O B-DISEASE"
    assert evaluated_tags(tags, "CHEMICAL") == "B I B O O"
    assert evaluated_tags(tags, "DISEASE") == "O O O O B"
    assert evaluated_tags(tags, None) == "B I B O B"


def test_models_are_trained_on_entity_tasks_of_blurb():
    assert {task for model in MODELS for task in model.types} <= {
        task.name for task in TASKS if task.task_type == "ner"
    }


def test_an_unknown_model_is_an_error():
    with pytest.raises(ParameterError, match="model='craft' is unknown; use jnlpba or bc5cdr"):
        get_model("craft")
