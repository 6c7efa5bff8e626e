"""Which stabilizing techniques are recommended: those that helped in the paper's tables, and only for few examples."""

from __future__ import annotations

from .decision import (
    JUDGEMENT,
    OUR_RUNS,
    SMALL_TRAIN,
    TINN,
    Decision,
    change4,
    change5,
    decide,
    measured,
    printed,
    smallness,
)
from .task_profile import KINDS, TaskProfile


def stabilizers(profile: TaskProfile, head: str) -> Decision:
    """Techniques for small datasets, which fade out as they get larger."""
    small = smallness(profile.train)
    freeze = {"freeze": {"layers": max(1, round(small * profile.layers / 2))}}
    unmeasured = f"there is no measurement for {KINDS[profile.kind]} with so few examples"
    if head == "cosine":
        why = "the top layers already give the similarities to preserve; no technique was measured with this head"
        return decide("stabilizers", {}, why, JUDGEMENT)
    if small == 0 or (profile.kind == "similarity" and small < 0.5):  # a layer is re-initialized or not
        why = f"none is needed with {profile.train:,} training examples; the paper found its larger datasets stable"
        return decide("stabilizers", {}, why, f"{TINN}, section 3.3")
    if profile.size == "SMALL":
        why = f"the paper tested 12 and 24 layers, not {profile.layers}; plain training changes the encoder less"
        return decide("stabilizers", {}, why, JUDGEMENT)
    if profile.kind == "similarity" and profile.size == "BASE":
        why = (
            f"on BIOSSES (64 pairs), re-initializing the top layer takes BERT from "
            f"{change4('BERT', 'Layer reinit', 'SS')}, ELECTRA from {change4('ELECTRA', 'Layer reinit', 'SS')} (BERT "
            f"without NSP loses a little: {change4('BERT (no NSP)', 'Layer reinit', 'SS')}); one layer is our reading"
        )
        return decide("stabilizers", {"reinitialize": {"layers": 1}}, why, f"{TINN}, Table 4")
    if profile.kind == "similarity":
        decay = printed("table5", "PubMedELECTRA-LARGE", "Layerwise decay", "SS")
        why = (
            "on BIOSSES (64 pairs), re-initializing the top layer takes PubMedBERT-LARGE from "
            f"{change5('PubMedBERT-LARGE', 'Layer reinit', 'SS')}, PubMedELECTRA-LARGE from "
            f"{change5('PubMedELECTRA-LARGE', 'Layer reinit', 'SS')} (decay: {decay}); one layer is our reading"
        )
        return decide("stabilizers", {"reinitialize": {"layers": 1}}, why, f"{TINN}, Table 5")
    if profile.size == "BASE" and profile.family == "electra":
        freezing = printed("table4", "ELECTRA", "Layer freeze", "QA")
        why = (
            f"on question answering, decay takes ELECTRA from {change4('ELECTRA', 'Layerwise decay', 'QA')}, more "
            f"than freezing ({freezing}); the factor is that of ELECTRA's authors"
        )
        return decide("stabilizers", _decay(profile, 0.8), why, f"{TINN}, Table 4; Clark et al. 2020")
    if profile.size == "BASE" and profile.kind == "question":
        why = (
            "on BLURB's question answering (450 and 670 examples), freezing takes BERT from "
            f"{change4('BERT', 'Layer freeze', 'QA')}, BERT without NSP from "
            f"{change4('BERT (no NSP)', 'Layer freeze', 'QA')}. The paper does not print the number of layers; half "
            f"of them, and fewer from {SMALL_TRAIN} examples on, is our choice"
        )
        return decide("stabilizers", freeze, why, f"{TINN}, Table 4")
    if profile.size == "BASE" and profile.kind in ("ner", "pico"):
        frozen, plain = measured("minilm-ner-160-frozen", "test"), measured("minilm-ner-160", "test")
        why = (
            "freezing helps on question answering, but with 160 sentences of BC5-chem, freezing the lower half of "
            f"all-MiniLM-L6 gives {frozen} instead of {plain}. That is a SMALL encoder: on yours, compare with freeze: "
            f"{{layers: {freeze['freeze']['layers']}}}"
        )
        return decide("stabilizers", {}, why, f"{OUR_RUNS}, {measured('minilm-ner-160', 'seeds')} seeds each")
    if profile.size == "BASE":
        why = (
            "carried over from question answering, where freezing takes BERT from "
            f"{change4('BERT', 'Layer freeze', 'QA')}; {unmeasured}, so compare with a run without stabilizers"
        )
        source = f"{TINN}, Table 4, on another kind of task; the number of layers is judgement"
        return decide("stabilizers", freeze, why, source)
    decay = _decay(profile, 0.9)
    change = f"PubMedBERT-LARGE from {change5('PubMedBERT-LARGE', 'Layerwise decay', 'QA')}"
    if profile.kind == "question":
        why = (
            f"on question answering, decay takes {change}, PubMedELECTRA-LARGE from "
            f"{change5('PubMedELECTRA-LARGE', 'Layerwise decay', 'QA')}, the best technique for all four LARGE "
            "encoders; the factor is that of ELECTRA's authors"
        )
        return decide("stabilizers", decay, why, f"{TINN}, Table 5; Clark et al. 2020")
    why = f"carried over from question answering, where decay takes {change}; {unmeasured}"
    return decide("stabilizers", decay, why, f"{TINN}, Table 5, on another kind of task; Clark et al. 2020")


def _decay(profile: TaskProfile, factor: float) -> dict[str, dict[str, float]]:
    """Layer-wise decay that fades out with the number of examples."""
    return {"layerwise_decay": {"factor": round(1 - smallness(profile.train) * (1 - factor), 2)}}
