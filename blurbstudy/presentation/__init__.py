"""Presentation: the paper's numbers, tables, figures, notebooks (papermill) and the HTML report.

What a notebook uses is named here.
"""

from .comparisons import against_paper, findings, paired_table
from .expected_figure import expected_figure
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
from .optimal import optimal_grid, optimal_table, search_answer, search_table
from .overview import depth_plans, encoder_table, overview_answer, task_table, technique_table
from .peers import peer_table
from .pretraining_curves import curves_figure, pretraining_table
from .score_tables import recipe_table, score_table
from .searching import restricted, search, searches_of
from .study import Study
from .tables import Answer

__all__ = [
    "Answer", "Study", "against_paper", "curves_figure", "depth_figure", "depth_plans", "encoder_table",
    "expected_figure", "findings", "interaction_table", "kind_recipes", "learned_answer", "means_table",
    "objective_grid", "objective_table", "objectives_against_paper", "optimal_grid", "optimal_table",
    "overview_answer", "pair_parts", "paired_table", "peer_table", "pretraining_table", "recipe_table", "restricted",
    "score_table", "search", "search_answer", "search_table", "searches_of", "seeds_figure", "segment_settings",
    "task_table", "technique_table", "variance_table",
]  # fmt: skip
