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
from .score_tables import recipe_table, score_table
from .study import Study
from .tables import Answer

__all__ = [
    "Answer", "Study", "against_paper", "curves_figure", "depth_figure", "depth_plans", "encoder_table", "findings",
    "interaction_table", "kind_recipes", "learned_answer", "means_table", "objective_grid", "objective_table",
    "objectives_against_paper", "overview_answer", "pair_parts", "paired_table", "pretraining_table", "recipe_table",
    "score_table", "seeds_figure", "segment_settings", "task_table", "technique_table", "variance_table",
]  # fmt: skip
