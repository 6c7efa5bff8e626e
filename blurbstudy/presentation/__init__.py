"""Presentation: the paper's numbers, tables, figures, notebooks (papermill) and the HTML report.

What a notebook uses is named here.
"""

from .claims import claim_verdicts, contrast_table, verdict_table, verdicts_answer
from .collapse import collapse_table, safety_answer
from .comparisons import against_paper, findings, paired_table
from .expected_figure import expected_figure
from .figures import depth_figure, seeds_figure
from .gains import certainty_answer, gain_table, gains_answer, technique_gains
from .joined_dev import joined_dev_table
from .large_models import (
    choice_table,
    large_against_paper,
    large_answer,
    large_grid,
    large_table,
    layer_techniques,
    stabilized,
    stand_in_table,
    techniques_view,
    twin_table,
)
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
from .paper_claims import claims_against_paper, disagreement_table
from .peers import peer_table
from .pretraining_curves import curves_figure, pretraining_table
from .pruning import (
    group_table,
    overall,
    paper_drops,
    pruning_against_paper,
    pruning_answer,
    pruning_grid,
    pruning_table,
    removal_settings,
)
from .pruning_savings import drops_figure, savings_table
from .scispacy import ner_grid, scispacy_baselines
from .scispacy_answers import overlap_figure, scispacy_against_paper, scispacy_answer
from .scispacy_tables import baseline_table, gap_table, model_table, slips_table
from .score_tables import recipe_table, score_table
from .searching import restricted, search, searches_of
from .study import Study
from .tables import Answer

__all__ = [
    "Answer", "Study", "against_paper", "baseline_table", "certainty_answer", "choice_table", "claim_verdicts",
    "claims_against_paper", "collapse_table", "contrast_table", "curves_figure", "depth_figure", "depth_plans",
    "disagreement_table", "drops_figure", "encoder_table", "expected_figure", "findings", "gain_table",
    "gains_answer", "gap_table", "group_table", "interaction_table", "joined_dev_table", "kind_recipes",
    "large_against_paper", "large_answer", "large_grid", "large_table", "layer_techniques", "learned_answer",
    "means_table", "model_table", "ner_grid", "objective_grid", "objective_table", "objectives_against_paper",
    "optimal_grid", "optimal_table", "overall", "overlap_figure", "overview_answer", "pair_parts", "paired_table",
    "paper_drops", "peer_table", "pretraining_table", "pruning_against_paper", "pruning_answer", "pruning_grid",
    "pruning_table", "recipe_table", "removal_settings", "restricted", "safety_answer", "savings_table",
    "scispacy_against_paper", "scispacy_answer", "scispacy_baselines", "score_table", "search", "search_answer",
    "search_table", "searches_of", "seeds_figure", "segment_settings", "slips_table", "stabilized",
    "stand_in_table", "task_table", "technique_gains", "technique_table", "techniques_view", "twin_table",
    "variance_table", "verdict_table", "verdicts_answer",
]  # fmt: skip
