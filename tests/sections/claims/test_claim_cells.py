"""Every cell that a claim names is one of the grids that the notebooks ask for."""

import itertools

import pytest

from blurbstudy.baselines import MODELS
from blurbstudy.report.plan import planned_study
from blurbstudy.sections.claims.claims import load_claims
from blurbstudy.sections.claims.evidence import CHOSEN, LARGE_MODELS, SCISPACY, cell_refs, entity_ref
from blurbstudy.sections.large_models.selection import best_technique_results
from blurbstudy.sections.scispacy.scores import METRIC_OF, ORACLE, paper_column
from blurbstudy.sections.state_of_the_art.searches import planned_searches
from blurbstudy.study.grid import Results
from blurbstudy.study.parameters import scale_parameters
from blurbstudy.tasks import TASKS

LARGE = "pretrain:bert?config=mini-large"
SMALL = "pretrain:bert"
NOTEBOOKS = sorted({ref.notebook for claim in load_claims() for c in claim.contrasts for ref in c.first})
# The mini parameters with every encoder given, and with all that larger scales ask for.
FOUR = scale_parameters("mini", "01_pretraining_ablation")["encoders"]
ALL = {"encoders": FOUR, "tasks": [task.name for task in TASKS], "similarity_head": "pooler"}
GIVEN = {
    "01_pretraining_ablation": ALL,
    "02_optimization_ablation": ALL | {"qa_encoders": None},
    "03_layer_adaptation": ALL | {"qa_encoders": None, "combinations": True},
    "05_pruning": ALL | {"removed": [0, 2, 4, 6]},
    "04_large_models": {
        "large_encoders": dict.fromkeys(
            ("BioBERT-LARGE", "BlueBERT-LARGE", "PubMedBERT-LARGE", "PubMedELECTRA-LARGE"), LARGE
        ),
        "base_encoders": {"BioBERT-BASE": SMALL, "BlueBERT-BASE": SMALL},
        "base_counterparts": {
            "BioBERT-LARGE": "BioBERT-BASE",
            "BlueBERT-LARGE": "BlueBERT-BASE",
            "PubMedBERT-LARGE": "BERT",
            "PubMedELECTRA-LARGE": "ELECTRA",
        },
        "on_all_tasks": None,
        "tasks": [task.name for task in TASKS],
    },
    "06_state_of_the_art": {
        "encoders": {"BERT": SMALL, "ELECTRA": "pretrain:electra", "BERT LARGE": LARGE, "ELECTRA LARGE": LARGE},
        "large_columns": {"PubMedBERT": "BERT LARGE", "PubMedELECTRA": "ELECTRA LARGE"},
        "large_tasks": [task.name for task in TASKS],
        "train_on_dev": [task.name for task in TASKS],
    },
    "07_scispacy": {"encoders": {"PubMedBERT BASE": SMALL, "PubMedBERT LARGE": LARGE}},
}


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    store = str(tmp_path_factory.mktemp("store"))
    return {
        name: planned_study(name, scale_parameters("mini", name) | GIVEN.get(name, {}) | {"store": store})[0]
        for name in NOTEBOOKS
    }


def refs_of(study):
    """What claims can call the cells of a notebook."""
    name, section = study.notebook, study.section
    grids = section.grids(study, planned_searches(study)) if name == "06_state_of_the_art" else section.grids(study)
    if name == LARGE_MODELS:
        without_runs = Results(grid=grids["large"], records={}, references={}, provenance="")
        grids[CHOSEN] = best_technique_results(study, without_runs).grid
    refs = {ref for key, grid in grids.items() for cell in grid.cells for ref in cell_refs(name, key, grid, cell)}
    if name == SCISPACY:
        columns = [column.label for column in grids["ner"].columns]
        systems = [paper_column(encoder) for encoder in study.encoders]
        systems += [f"scispaCy {model}" for model in (*(model.name for model in MODELS), ORACLE)]
        refs |= {entity_ref(*key) for key in itertools.product(systems, METRIC_OF, columns)}
    return refs


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_every_cell_that_a_claim_names_exists(notebook, studies):
    known = refs_of(studies[notebook])
    known |= {type(ref)(*(getattr(ref, name) for name in ("notebook", "group", "level", "column"))) for ref in known}
    named = {
        ref
        for claim in load_claims()
        for contrast in claim.contrasts
        for ref in (*contrast.first, *contrast.second, *contrast.versus)
        if ref.notebook == notebook
    }
    assert named and named - known == set()
