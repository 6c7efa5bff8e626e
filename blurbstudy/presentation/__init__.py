"""Presentation: the paper's numbers, tables, figures, notebooks (papermill) and the HTML report.

What a notebook uses is named here.
"""

from .comparisons import against_paper, findings, paired_table
from .figures import depth_figure, seeds_figure
from .objectives import (
    interaction_table,
    kind_recipes,
    learned_answer,
    means_table,
    objective_grid,
    objective_table,
    objectives_against_paper,
    pair_parts,
    segment_settings,
    variance_table,
)
from .overview import depth_plans, encoder_table, overview_answer, task_table, technique_table
from .pretraining_curves import curves_figure, pretraining_table
from .scispacy import ner_grid, scispacy_baselines
from .scispacy_answers import overlap_figure, scispacy_against_paper, scispacy_answer
from .scispacy_tables import baseline_table, gap_table, model_table, slips_table
from .score_tables import recipe_table, score_table
from .study import Study
from .tables import Answer

__all__ = [
    "Answer", "Study", "against_paper", "baseline_table", "curves_figure", "depth_figure", "depth_plans",
    "encoder_table", "findings", "gap_table", "interaction_table", "kind_recipes", "learned_answer", "means_table",
    "model_table", "ner_grid", "objective_grid", "objective_table", "objectives_against_paper", "overlap_figure",
    "overview_answer", "pair_parts", "paired_table", "pretraining_table", "recipe_table", "scispacy_against_paper",
    "scispacy_answer", "scispacy_baselines", "score_table", "seeds_figure", "segment_settings", "slips_table",
    "task_table", "technique_table", "variance_table",
]  # fmt: skip
