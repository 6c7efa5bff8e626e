"""The answer of the page in a paragraph, before everything else."""

from __future__ import annotations

from ...tables.table import Remark
from .claims import load_inconsistencies
from .paper_claims import fits, printed_claims
from .verdict_tables import Verdicts
from .verdicts import CONFIRMED, CONTRADICTED, NOT_TESTED, UNCONFIRMABLE, UNDECIDED_VERDICT, VERDICTS


def lead(verdicts: Verdicts) -> Remark:
    """How many claims our runs confirm and contradict, and how many the paper's own numbers contradict."""
    n = {verdict: len(verdicts.of(verdict)) for verdict in VERDICTS}
    printed = printed_claims()
    against = sum(not fits(claim, margin=verdicts.margin) for claim in printed)
    others = [
        f"{n[verdict]} {text if n[verdict] > 1 else text.replace('are ', 'is ')}"
        for verdict, text in (
            (UNDECIDED_VERDICT, "are undecided"),
            (UNCONFIRMABLE, "cannot be confirmed on these test sets with any number of seeds"),
            (NOT_TESTED, "are not tested"),
        )
        if n[verdict]
    ]
    rest = "; " + " and ".join(filter(None, [", ".join(others[:-1]), others[-1]])) if others else ""
    sentences = [
        f"Of {len(verdicts.verdicts)} claims, our runs confirm {n[CONFIRMED] or 'none'} and contradict "
        f"{n[CONTRADICTED] or 'none'}{rest}.",
        f"The paper's own printed numbers contradict {against or 'none'} of the {len(printed)} claims that they bear "
        f"on, and disagree with one another or with the text in {len(load_inconsistencies())} places.",
    ]
    if verdicts.is_demo:
        sentences.append(
            "The banner concerns our runs alone; what the paper's printed numbers show does not depend on them."
        )
    return Remark(" ".join(sentences), kind="in-short")
