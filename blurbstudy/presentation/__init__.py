"""Presentation: the paper's numbers, tables, figures, notebooks (papermill) and the HTML report.

What a notebook uses is named here.
"""

from .claims import claim_verdicts, contrast_table, verdict_table, verdicts_answer
from .collapse import collapse_table, safety_answer
from .comparisons import against_paper, findings, paired_table
from .figures import depth_figure, seeds_figure
from .gains import certainty_answer, gain_table, gains_answer
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
from .paper_claims import claims_against_paper, disagreement_table
from .pretraining_curves import curves_figure, pretraining_table
from .score_tables import recipe_table, score_table
from .study import Study
from .tables import Answer

__all__ = [
    "Answer", "Study", "against_paper", "certainty_answer", "claim_verdicts", "claims_against_paper", "collapse_table",
    "contrast_table", "curves_figure", "depth_figure", "depth_plans", "disagreement_table", "encoder_table",
    "findings", "gain_table", "gains_answer", "interaction_table", "kind_recipes", "learned_answer", "means_table",
    "objective_grid", "objective_table", "objectives_against_paper", "overview_answer", "pair_parts", "paired_table",
    "pretraining_table", "recipe_table", "safety_answer", "score_table", "seeds_figure", "segment_settings",
    "task_table", "technique_table", "variance_table", "verdict_table", "verdicts_answer",
]  # fmt: skip
