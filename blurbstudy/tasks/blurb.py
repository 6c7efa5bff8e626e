"""The 13 BLURB datasets (Gu et al. 2021, table 1), one entry each, and any others."""

from __future__ import annotations

from .task import Task

TSV = {"train": "train.tsv", "dev": "dev.tsv", "test": "test.tsv"}
BIO = ("O", "B", "I")

BC5_CHEM = Task(
    name="BC5-chem",
    task_type="ner",
    group="named entity recognition",
    folder="BC5CDR-chem",
    files=TSV,
    reader="conll",
    columns=("token", "tag"),
    labels=BIO,
    metric="entity_f1",
    unit="sentence",
    size_unit="mentions",
    sizes={"train": 5203, "dev": 5347, "test": 5385},
    source="BLURB's data generation package, from github.com/cambridgeltl/MTL-Bioinformatics-2016 (BC5CDR-chem-IOB)",
    terms="free for research (BioCreative V CDR); the MTL copy CC BY 4.0",
    citation="Li et al. 2016, BioCreative V CDR task corpus: a resource for chemical disease relation extraction",
)

BC5_DISEASE = Task(
    name="BC5-disease",
    task_type="ner",
    group="named entity recognition",
    folder="BC5CDR-disease",
    files=TSV,
    reader="conll",
    columns=("token", "tag"),
    labels=BIO,
    metric="entity_f1",
    unit="sentence",
    size_unit="mentions",
    sizes={"train": 4182, "dev": 4244, "test": 4424},
    known_sizes={"dev": 4246},
    known_differences={"dev": "the files that BLURB names as its source hold 4246 mentions; its table prints 4244"},
    source="BLURB's data generation package, from github.com/cambridgeltl/MTL-Bioinformatics-2016 (BC5CDR-disease-IOB)",
    terms="free for research (BioCreative V CDR); the MTL copy CC BY 4.0",
    citation="Li et al. 2016, BioCreative V CDR task corpus: a resource for chemical disease relation extraction",
)

NCBI_DISEASE = Task(
    name="NCBI-disease",
    task_type="ner",
    group="named entity recognition",
    folder="NCBI-disease",
    files=TSV,
    reader="conll",
    columns=("token", "tag"),
    labels=BIO,
    metric="entity_f1",
    unit="sentence",
    size_unit="mentions",
    sizes={"train": 5134, "dev": 787, "test": 960},
    source="BLURB's data generation package, from github.com/cambridgeltl/MTL-Bioinformatics-2016 (NCBI-disease-IOB)",
    terms="public (US government work), citation requested; the MTL copy CC BY 4.0",
    citation="Doğan et al. 2014, NCBI disease corpus: a resource for disease name recognition and normalization",
)

BC2GM = Task(
    name="BC2GM",
    task_type="ner",
    group="named entity recognition",
    folder="BC2GM",
    files=TSV,
    reader="conll",
    columns=("token", "tag"),
    labels=BIO,
    metric="entity_f1",
    unit="sentence",
    size_unit="mentions",
    sizes={"train": 15197, "dev": 3061, "test": 6325},
    source="BLURB's data generation package, from github.com/cambridgeltl/MTL-Bioinformatics-2016 (BC2GM-IOB)",
    terms="research use (BioCreative II); the MTL copy CC BY 4.0",
    citation="Smith et al. 2008, Overview of BioCreative II gene mention recognition",
)

JNLPBA = Task(
    name="JNLPBA",
    task_type="ner",
    group="named entity recognition",
    folder="JNLPBA",
    files=TSV,  # devel.tsv beside them still holds the five entity types; BLURB scores them collapsed
    reader="conll",
    columns=("token", "tag"),
    labels=BIO,
    metric="entity_f1",
    unit="document",
    size_unit="mentions",
    sizes={"train": 46750, "dev": 4551, "test": 8662},
    source="BLURB's data generation package, from the JNLPBA shared task, types collapsed",
    terms="free with attribution (GENIA licence); abstracts are MEDLINE",
    citation="Collier and Kim 2004, Introduction to the bio-entity recognition task at JNLPBA",
)

EBM_PICO = Task(
    name="EBM PICO",
    task_type="pico",
    group="PICO",
    folder="EBM-PICO",
    files=TSV,
    fallback_files={"train": "train_partial.tsv"},
    reader="conll",
    columns=("token", "tag"),
    labels=("O", "I-PAR", "I-INT", "I-OUT"),
    positive_labels=("I-PAR", "I-INT", "I-OUT"),
    metric="pico_f1",
    unit="document",
    size_unit="PICO words",
    sizes={"train": 339167, "dev": 85321, "test": 16364},
    known_sizes={"train": 67255, "dev": 87308},
    known_differences={
        "train": "a partial substitute, train_partial.tsv: 746 of the 3842 documents; not comparable with BLURB's",
        "dev": "BLURB's 960 documents hold 87308 PICO words in the public file; its table prints 85321",
    },
    source="BLURB's data generation package, from EBM-NLP 2.00 (github.com/bepnye/EBM-NLP)",
    terms="published for research, no licence stated; abstracts are MEDLINE",
    citation="Nye et al. 2018, A corpus with multi-level annotations of patients, interventions and outcomes",
)

CHEMPROT = Task(
    name="ChemProt",
    task_type="relation",
    group="relation extraction",
    folder="ChemProt",
    files=TSV,
    reader="tsv",
    columns=("id", "sentence", "label"),
    labels=("false", "CPR:3", "CPR:4", "CPR:5", "CPR:6", "CPR:9"),
    positive_labels=("CPR:3", "CPR:4", "CPR:5", "CPR:6", "CPR:9"),
    metric="micro_f1",
    unit="document",
    unit_id_prefix=1,  # PMID.T1.T2
    size_unit="pairs",
    sizes={"train": 18035, "dev": 11268, "test": 15745},
    source="BLURB's data generation package, from the BioCreative VI ChemProt corpus",
    terms="free for research after registration with BioCreative; abstracts are MEDLINE",
    citation="Krallinger et al. 2017, Overview of the BioCreative VI chemical-protein interaction track",
)

DDI = Task(
    name="DDI",
    task_type="relation",
    group="relation extraction",
    folder="DDI",
    files=TSV,
    reader="tsv",
    columns=("id", "sentence", "label"),
    labels=("DDI-false", "DDI-mechanism", "DDI-effect", "DDI-advise", "DDI-int"),
    positive_labels=("DDI-mechanism", "DDI-effect", "DDI-advise", "DDI-int"),
    metric="micro_f1",
    unit="document",
    unit_id_prefix=2,  # DDI-DrugBank.d700.s0.p0
    size_unit="pairs",
    sizes={"train": 25296, "dev": 2496, "test": 5716},
    source="BLURB's data generation package, from the DDIExtraction 2013 corpus",
    terms="CC BY-NC 4.0: no commercial use",
    citation="Herrero-Zazo et al. 2013, The DDI corpus",
)

GAD = Task(
    name="GAD",
    task_type="relation",
    group="relation extraction",
    folder="GAD",
    files=TSV,
    reader="tsv_with_header",
    columns=("index", "sentence", "label"),
    labels=("0", "1"),
    positive_labels=("1",),
    metric="micro_f1",
    unit="sentence",
    size_unit="sentences",
    sizes={"train": 4261, "dev": 535, "test": 534},
    source="BLURB's data generation package, from BioBERT's release (fold 1)",
    terms="no licence stated; sentences are MEDLINE",
    citation="Bravo et al. 2015, Extraction of relations between genes and diseases from text",
)

BIOSSES = Task(
    name="BIOSSES",
    task_type="similarity",
    group="sentence similarity",
    folder="BIOSSES",
    files=TSV,
    reader="tsv_with_header",
    columns=("pair_id", "sent1", "sent2", "score"),
    labels=(),
    bounds=(0.0, 4.0),  # mean of five annotators
    metric="pearson",
    unit="pair",
    size_unit="pairs",
    sizes={"train": 64, "dev": 16, "test": 20},
    source="BLURB's data generation package (the split of BLUE); sentences: github.com/gizemsogancioglu/biosses",
    terms="GPL-3.0 for the repository; free for research with citation",
    citation="Soğancıoğlu et al. 2017, BIOSSES: a semantic sentence similarity estimation system",
)

HOC = Task(
    name="HoC",
    task_type="document",
    group="document classification",
    folder="HoC",
    files=TSV,
    reader="labelled_sentences",
    columns=("labels", "sentence", "index"),
    labels=(
        "activating invasion and metastasis",
        "avoiding immune destruction",
        "cellular energetics",
        "enabling replicative immortality",
        "evading growth suppressors",
        "genomic instability and mutation",
        "inducing angiogenesis",
        "resisting cell death",
        "sustaining proliferative signaling",
        "tumor promoting inflammation",
    ),
    metric="document_f1",
    unit="document",
    size_unit="documents",
    sizes={"train": 1295, "dev": 186, "test": 371},
    source="BLURB's data generation package, from github.com/sb895/Hallmarks-of-Cancer",
    terms="GPL-3.0",
    citation="Baker et al. 2016, Automatic semantic classification of literature by the hallmarks of cancer",
)

PUBMEDQA = Task(
    name="PubMedQA",
    task_type="question",
    group="question answering",
    folder="PubMedQA",
    files={"train": "pqal_fold0_train.json", "dev": "pqal_fold0_dev.json", "test": "test_set.json"},
    reader="json_by_id",
    columns=("PMID", "QUESTION", "CONTEXTS", "final_decision"),  # never LONG_ANSWER: it holds the conclusion
    labels=("yes", "no", "maybe"),
    metric="accuracy",
    unit="question",
    size_unit="questions",
    sizes={"train": 450, "dev": 50, "test": 500},
    source="github.com/pubmedqa/pubmedqa, ori_pqal.json split by the repository's own script (fold 0 of 10)",
    terms="MIT; abstracts are MEDLINE",
    citation="Jin et al. 2019, PubMedQA: a dataset for biomedical research question answering",
)

BIOASQ = Task(
    name="BioASQ",
    task_type="question",
    group="question answering",
    folder="BioASQ",
    files=TSV,
    reader="tsv",
    columns=("id", "question", "snippets", "answer"),
    labels=("yes", "no"),
    metric="accuracy",
    unit="question",
    size_unit="questions",
    sizes={"train": 670, "dev": 75, "test": 140},
    source="BLURB's data generation package from BioASQ task 7b (yes/no questions)",
    terms="research use after registration with BioASQ (CC BY 2.5); snippets are MEDLINE",
    citation="Nentidis et al. 2019, Results of the seventh edition of the BioASQ challenge",
)

TASKS = (
    BC5_CHEM,
    BC5_DISEASE,
    NCBI_DISEASE,
    BC2GM,
    JNLPBA,
    EBM_PICO,
    CHEMPROT,
    DDI,
    GAD,
    BIOSSES,
    HOC,
    PUBMEDQA,
    BIOASQ,
)

OTHER_TASKS: tuple[Task, ...] = ()  # additional datasets: in no BLURB score, in no table of the paper
