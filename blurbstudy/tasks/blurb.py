"""The BLURB datasets (Gu et al. 2021, table 1), one entry each. A new dataset is one entry here."""

from __future__ import annotations

from .task import Task

TSV = {"train": "train.tsv", "dev": "dev.tsv", "test": "test.tsv"}

BIOSSES = Task(
    name="BIOSSES",
    kind="similarity",
    group="sentence similarity",
    folder="BIOSSES",
    files=TSV,
    reader="tsv_with_header",
    columns=("pair_id", "sent1", "sent2", "score"),
    labels=(),
    bounds=(0.0, 4.0),  # mean of five annotators
    metric="pearson",
    unit="pair",
    sizes={"train": 64, "dev": 16, "test": 20},
    source="BLURB's data generation package (the split of BLUE); sentences: github.com/gizemsogancioglu/biosses",
    terms="GPL-3.0 for the repository; free for research with citation",
    citation="Soğancıoğlu et al. 2017, BIOSSES: a semantic sentence similarity estimation system",
)

PUBMEDQA = Task(
    name="PubMedQA",
    kind="question",
    group="question answering",
    folder="PubMedQA",
    files={"train": "pqal_fold0_train.json", "dev": "pqal_fold0_dev.json", "test": "test_set.json"},
    reader="json_by_id",
    columns=("PMID", "QUESTION", "CONTEXTS", "final_decision"),  # never LONG_ANSWER: it holds the conclusion
    labels=("yes", "no", "maybe"),
    metric="accuracy",
    unit="question",
    sizes={"train": 450, "dev": 50, "test": 500},
    source="github.com/pubmedqa/pubmedqa, ori_pqal.json split by the repository's own script (fold 0 of 10)",
    terms="MIT; abstracts are MEDLINE",
    citation="Jin et al. 2019, PubMedQA: a dataset for biomedical research question answering",
)

BIOASQ = Task(
    name="BioASQ",
    kind="question",
    group="question answering",
    folder="BioASQ",
    files=TSV,
    reader="tsv",
    columns=("id", "question", "snippets", "answer"),
    labels=("yes", "no"),
    metric="accuracy",
    unit="question",
    sizes={"train": 670, "dev": 75, "test": 140},
    source="BLURB's data generation package from BioASQ task 7b (yes/no questions)",
    terms="research use after registration with BioASQ (CC BY 2.5); snippets are MEDLINE",
    citation="Nentidis et al. 2019, Results of the seventh edition of the BioASQ challenge",
)

TASKS = (BIOSSES, PUBMEDQA, BIOASQ)
