"""The invented world: drugs, genes, diseases named by morphology, the facts that hold between them, trials.

A drug's suffix tells its class, the class the gene family that it acts on, a disease's suffix the gene families that
drive it. A drug treats a disease where it acts on a gene that drives it. So a name alone is weak evidence, a stated
fact strong evidence, and the two agree. Nothing here is true of any real drug, gene or disease.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from random import Random

from .phrases import PHRASES

# suffix, what it is called, gene family it acts on, how
DRUG_CLASSES = (
    ("tinib", "kinase inhibitor", "K", "inhibits"),
    ("mab", "monoclonal antibody", "L", "inhibits"),
    ("olol", "receptor blocker", "R", "antagonist"),
    ("relin", "hormone analogue", "H", "agonist"),
    ("dopan", "enzyme activator", "E", "activates"),
)
GENE_FAMILIES = {"K": "kinase", "L": "cytokine", "R": "receptor", "H": "hormone receptor", "E": "enzyme"}
# suffix, what it is called, gene families that drive it
DISEASE_FAMILIES = (
    ("itis", "inflammatory disease", "LK"),
    ("oma", "tumor", "KR"),
    ("osis", "degenerative disease", "EH"),
    ("emia", "metabolic disorder", "HR"),
)
# Fields of medicine: organ, its adjective, its cells, the specialty. Every drug, gene and disease is studied in one,
# whose words run through an abstract: in real text too, it is the topic that shows which sentences belong together.
FIELDS = (
    ("liver", "hepatic", "hepatocytes", "hepatology"),
    ("kidney", "renal", "podocytes", "nephrology"),
    ("heart", "cardiac", "cardiomyocytes", "cardiology"),
    ("lung", "pulmonary", "alveolar cells", "pneumology"),
    ("skin", "cutaneous", "keratinocytes", "dermatology"),
    ("stomach", "gastric", "parietal cells", "gastroenterology"),
    ("retina", "retinal", "photoreceptors", "ophthalmology"),
    ("bone", "skeletal", "osteoblasts", "rheumatology"),
)
SIDE_EFFECTS = tuple(PHRASES["words"]["side_effects"])
# The ten hallmarks of cancer: how HoC labels them, then the words that abstracts use.
HALLMARKS = (
    ("sustaining proliferative signaling", "cell proliferation", "growth factor signaling", "mitogenic signaling"),
    ("evading growth suppressors", "loss of growth suppression", "bypass of the cell cycle checkpoint"),
    ("resisting cell death", "resistance to apoptosis", "survival of damaged cells", "escape from cell death"),
    ("enabling replicative immortality", "telomere maintenance", "unlimited cell division", "immortalization"),
    ("inducing angiogenesis", "angiogenesis", "new vessel formation", "vascular growth"),
    ("activating invasion and metastasis", "cell invasion", "spread to distant organs", "metastasis"),
    ("genomic instability and mutation", "accumulation of mutations", "defective DNA repair", "genomic instability"),
    ("tumor promoting inflammation", "chronic inflammation", "inflammatory cell infiltration"),
    ("cellular energetics", "glycolysis", "altered energy metabolism", "glucose uptake"),
    ("avoiding immune destruction", "immune escape", "evasion of T cells", "immune suppression"),
)
# name, a good change, a bad one
OUTCOMES = (
    ("pain score", "lower", "higher"),
    ("relapse rate", "lower", "higher"),
    ("fatigue score", "lower", "higher"),
    ("symptom score", "lower", "higher"),
    ("length of hospital stay", "shorter", "longer"),
    ("overall survival", "longer", "shorter"),
    ("walking distance", "longer", "shorter"),
    ("quality of life", "better", "worse"),
    ("sleep quality", "better", "worse"),
    ("grip strength", "higher", "lower"),
    ("remission rate", "higher", "lower"),
    ("organ function", "better", "worse"),
)
PARTICIPANTS = ("adults", "women", "men", "children", "adolescents", "older patients", "outpatients")
COMPARATORS = ("placebo", "usual care", "diet alone", "standard therapy")
INTERACTIONS = ("raises", "adds", "avoid", "interacts")  # mechanism, effect, advice, unspecified: the classes of DDI
VERDICTS = {"yes": 0.55, "no": 0.34, "maybe": 0.11}  # shares among trials, as in PubMedQA
N_TRIALS = 600  # at most; fewer where a world has fewer pairs of a verdict

SYLLABLES = tuple(PHRASES["words"]["syllables"])
CONSONANTS = "BCDFGMNPSTVWXZ"


@dataclass(frozen=True)
class Entity:
    """Something with a name, or several that mean the same."""

    kind: str  # drug | gene | disease | organ | effect | hallmark
    family: str  # suffix of a drug or disease, letter of a gene family, label of a hallmark, else ""
    forms: tuple[str, ...]  # the first is the canonical name
    field: str = ""  # organ of the field that studies a drug, gene or disease

    @property
    def name(self) -> str:
        """The canonical name."""
        return self.forms[0]


@dataclass(frozen=True)
class Fact:
    """A statement of the world, true (`holds`) or known to be false."""

    kind: str  # key of language.FORMS
    subject: Entity
    object: Entity
    holds: bool


@dataclass(frozen=True)
class Trial:
    """One trial: participants, intervention, comparator, outcome, and what came of it."""

    drug: Entity
    disease: Entity
    outcome: tuple[str, str, str]  # row of OUTCOMES
    participants: str
    comparator: str
    n: int  # participants
    weeks: int  # of treatment
    verdict: str  # yes: the outcome improved; no: it did not; maybe: the evidence is unclear


@dataclass(frozen=True)
class World:
    """Everything that is known; tuples in the order of generation."""

    drugs: tuple[Entity, ...]
    genes: tuple[Entity, ...]
    diseases: tuple[Entity, ...]
    facts: tuple[Fact, ...]
    trials: tuple[Trial, ...]

    @cached_property
    def about(self) -> dict[Entity, list[Fact]]:
        """Drug, gene or disease -> its facts."""
        facts: dict[Entity, list[Fact]] = {entity: [] for entity in (*self.drugs, *self.genes, *self.diseases)}
        for fact in self.facts:
            for entity in {fact.subject: 0, fact.object: 0}:
                facts.get(entity, []).append(fact)
        return facts


def make_world(rng: Random) -> World:
    """A random world."""
    stems = [a + b for a in SYLLABLES for b in SYLLABLES if a != b]
    rng.shuffle(stems)
    organs = [Entity("organ", "", (organ,)) for organ, *_ in FIELDS]
    effects = [Entity("effect", "", (name,)) for name in SIDE_EFFECTS]
    hallmarks = [Entity("hallmark", label, tuple(forms)) for label, *forms in HALLMARKS]
    drugs = [Entity("drug", c[0], (stems.pop() + c[0],), f[0]) for c in DRUG_CLASSES for f in FIELDS]
    diseases = [Entity("disease", d[0], (stems.pop() + d[0],), f[0]) for d in DISEASE_FAMILIES for f in FIELDS]
    genes = [
        Entity("gene", family, ("".join(rng.sample(CONSONANTS, 3)) + family + str(number),), field[0])
        for family in GENE_FAMILIES
        for number, field in enumerate(FIELDS, 1)
    ]
    facts = [
        *(fact for drug in drugs for fact in _drug_facts(rng, drug, genes, effects)),
        *_interactions(rng, drugs),
        *(fact for disease in diseases for fact in _disease_facts(rng, disease, genes)),
        *(fact for gene in genes for fact in _gene_facts(rng, gene, organs, hallmarks)),
    ]
    trials = _trials(rng, drugs, diseases, facts)
    facts += [Fact("treats", t.drug, t.disease, t.verdict == "yes") for t in trials if t.verdict != "maybe"]
    return World(tuple(drugs), tuple(genes), tuple(diseases), tuple(facts), tuple(trials))


def _drug_facts(rng: Random, drug: Entity, genes: list[Entity], effects: list[Entity]) -> list[Fact]:
    _, _, family, action = next(c for c in DRUG_CLASSES if c[0] == drug.family)
    near = rng.sample([gene for gene in genes if gene.family == family], 4)
    far = rng.sample([gene for gene in genes if gene.family != family], 1)
    enzymes = rng.sample([gene for gene in genes if gene.family == "E" and gene not in near], 2)
    felt = rng.sample(effects, 3)
    return [
        *(Fact(action, drug, gene, True) for gene in near[:3]),
        *(Fact(action, drug, gene, False) for gene in near[3:] + far),
        Fact("substrate", drug, enzymes[0], True),
        Fact("substrate", drug, enzymes[1], False),
        *(Fact("causes", drug, effect, True) for effect in felt[:2]),
        Fact("causes", drug, felt[2], False),
    ]


def _interactions(rng: Random, drugs: list[Entity]) -> list[Fact]:
    """Facts about pairs of drugs, each pair at most once to avoid contradictions."""
    pairs = rng.sample(list(combinations(drugs, 2)), 3 * len(drugs))
    kinds = [rng.choice(INTERACTIONS) if i % 3 else None for i in range(len(pairs))]  # None: known not to interact
    directed = [rng.sample(pair, 2) for pair in pairs]
    return [Fact(kind or "interacts", a, b, kind is not None) for kind, (a, b) in zip(kinds, directed, strict=True)]


def _disease_facts(rng: Random, disease: Entity, genes: list[Entity]) -> list[Fact]:
    families = next(f[2] for f in DISEASE_FAMILIES if f[0] == disease.family)
    drivers = [gene for f in families for gene in rng.sample([g for g in genes if g.family == f], 2)]
    others = rng.sample([gene for gene in genes if gene.family not in families], 3)
    return [
        *(Fact("associated", gene, disease, True) for gene in drivers),
        *(Fact("associated", gene, disease, False) for gene in others),
    ]


def _gene_facts(rng: Random, gene: Entity, organs: list[Entity], hallmarks: list[Entity]) -> list[Fact]:
    where = rng.sample(organs, 3)
    what = rng.sample(hallmarks, 3)
    return [
        *(Fact("expressed", gene, organ, i < 2) for i, organ in enumerate(where)),
        *(Fact("promotes", gene, hallmark, i < 2) for i, hallmark in enumerate(what)),
    ]


def _trials(rng: Random, drugs: list[Entity], diseases: list[Entity], facts: list[Fact]) -> list[Trial]:
    actions = {action for _, _, _, action in DRUG_CLASSES}
    targets = {d: {f.object for f in facts if f.subject == d and f.kind in actions and f.holds} for d in drugs}
    drivers = {d: {f.subject for f in facts if f.object == d and f.kind == "associated" and f.holds} for d in diseases}
    pools: dict[str, list[tuple[Entity, Entity]]] = {verdict: [] for verdict in VERDICTS}
    for drug in drugs:
        for disease in diseases:
            fits = {gene.family for gene in targets[drug]} & {gene.family for gene in drivers[disease]}
            # The right gene family without the right gene has no clear effect; half of these are unclear.
            verdict = "yes" if targets[drug] & drivers[disease] else rng.choice(("no", "maybe")) if fits else "no"
            pools[verdict].append((drug, disease))
    trials = [
        Trial(
            drug,
            disease,
            rng.choice(OUTCOMES),
            rng.choice(PARTICIPANTS),
            rng.choice(COMPARATORS),
            n=rng.randrange(40, 400, 2),
            weeks=rng.choice((4, 6, 8, 12, 24, 52)),
            verdict=verdict,
        )
        for verdict, share in VERDICTS.items()
        for drug, disease in rng.sample(pools[verdict], min(len(pools[verdict]), round(share * N_TRIALS)))
    ]
    rng.shuffle(trials)
    return trials


def stratified_values(rng: Random, shares: dict, n: int) -> list:
    """n values in random order with frequencies proportional to their shares (largest remainder method)."""
    total = sum(shares.values())
    counts = {value: int(n * share / total) for value, share in shares.items()}
    by_remainder = sorted(shares, key=lambda value: counts[value] - n * shares[value] / total)
    for value in by_remainder[: n - sum(counts.values())]:
        counts[value] += 1
    values = [value for value, count in counts.items() for _ in range(count)]
    rng.shuffle(values)
    return values
