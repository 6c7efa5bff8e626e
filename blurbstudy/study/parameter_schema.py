"""What the value of a parameter may be: one check for each name, before anything runs."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ParameterError

SCALES = ("mini", "small", "paper")
MOST_SEEDS = 10_000
KINDS = ("ner", "pico", "relation", "similarity", "document", "question")  # of tasks


def check_values(values: Mapping[str, Any]) -> None:
    """Refuse values of the wrong kind or out of bounds, before anything runs.

    Raises:
        ParameterError: names the value, what is allowed, and so the remedy.
    """
    for name, value in values.items():
        if name in CHECKS:
            CHECKS[name](name, value)


def read_seeds(value: Any) -> tuple[int, ...]:
    """Seeds from a number n (1 to n), a list, or text such as '1-5' or '1,3,7'.

    Raises:
        ParameterError: not one of these, empty, repeated, or out of bounds.
    """
    wrong = ParameterError(
        f"seeds={reprlib.repr(value)} is no set of seeds; use a number such as 5, a list, '1-5' or '1,3,7', at most "
        f"{MOST_SEEDS:,} seeds"
    )
    if isinstance(value, bool):
        raise wrong
    if isinstance(value, int):
        seeds = list(range(1, value + 1)) if 1 <= value <= MOST_SEEDS else []
    elif isinstance(value, str):
        try:
            spans = [[int(end) for end in part.split("-")] for part in value.split(",")]
        except ValueError:
            raise wrong from None
        lengths = [span[-1] - span[0] + 1 for span in spans]
        if max(map(len, spans)) > 2 or min(lengths) < 1 or sum(lengths) > MOST_SEEDS:
            raise wrong  # before any list of them is made
        seeds = [seed for span in spans for seed in range(span[0], span[-1] + 1)]
    elif isinstance(value, (list, tuple)):
        seeds = list(value)
    else:
        raise wrong
    valid = all(isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**31 for seed in seeds)
    if not 1 <= len(seeds) <= MOST_SEEDS or not valid or len(set(seeds)) != len(seeds):
        raise wrong
    return tuple(seeds)


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Refuse what is not among the choices."""
    if value not in choices:
        raise ParameterError(f"{name}={value!r} is unknown; use {' or '.join(choices)}")


def _choice(*choices: str) -> Callable[[str, Any], None]:
    return lambda name, value: check_choice(name, value, choices)


def _number(low: float, high: float, *, whole: bool = False) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            what = "a whole number" if whole else "a number"
            raise ParameterError(f"{name}={value!r} is out of bounds; use {what} from {low:g} to {high:g}")

    return check


def _flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ParameterError(f"{name}={value!r} is no switch; use true or false")


def _text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise ParameterError(f"{name}={value!r} is no name; use one such as BC5-chem")


def _text_or_none(name: str, value: Any) -> None:
    if value is not None and not isinstance(value, str):
        raise ParameterError(f"{name}={value!r} is no text; use a folder's path or null")


def _texts(name: str, value: Any) -> None:
    if not isinstance(value, (list, tuple)) or not value or not all(isinstance(text, str) for text in value):
        raise ParameterError(f"{name}={value!r} is no list of names; use one such as [BIOSSES, PubMedQA]")
    twice = next((text for text in value if value.count(text) > 1), None)
    if twice is not None:
        raise ParameterError(f"{name} names {twice!r} twice; once is enough")


def _texts_or_none(name: str, value: Any) -> None:
    if value is not None:
        _texts(name, value)


def _encoders(name: str, value: Any) -> None:
    named = isinstance(value, dict) and bool(value) and all(isinstance(key, str) for key in value)
    if not named or not all(spec is None or isinstance(spec, str) for spec in value.values()):
        raise ParameterError(f"{name}={value!r} is no set of encoders; use {{name: directory, Hub id or null}}")


def _encoders_or_none(name: str, value: Any) -> None:
    if value != {}:
        _encoders(name, value)


def _names(name: str, value: Any) -> None:
    if not isinstance(value, dict) or not all(isinstance(text, str) for pair in value.items() for text in pair):
        raise ParameterError(f"{name}={value!r} is no table of names; use {{LARGE encoder: BASE encoder}}")


def _layer_counts(name: str, value: Any) -> None:
    if not isinstance(value, (list, tuple)) or not value:
        raise ParameterError(f"{name}={value!r} is no list of layers; use one such as [0, 2, 4, 6]")
    for number in value:
        _number(0, 1000, whole=True)(name, number)


def _remarks(name: str, value: Any) -> None:
    if not isinstance(value, dict) or not all(isinstance(text, str) for pair in value.items() for text in pair):
        raise ParameterError(f"{name}={value!r} is no set of remarks; use {{encoder's display name: text}}")


def _pretraining(name: str, value: Any) -> None:
    fields = {"config": str, "corpus": (list, tuple, type(None)), "tokens": int, "precision": str}
    if not isinstance(value, dict) or set(value) != set(fields):
        raise ParameterError(f"{name}={value!r} is no plan of pretraining; give it {', '.join(fields)}")
    for field, kinds in fields.items():
        if not isinstance(value[field], kinds) or isinstance(value[field], bool):
            raise ParameterError(f"{name}: {field}={value[field]!r} is of the wrong kind; see the notebook's comment")
    check_choice(f"{name}: precision", value["precision"], ("float32", "bfloat16"))
    if value["tokens"] < 0 or not all(isinstance(file, str) for file in value["corpus"] or ()):
        raise ParameterError(f"{name}={value!r}: tokens is 0 or more, corpus a list of files or null")


def _by_kind(name: str, value: Any) -> None:
    if not isinstance(value, dict) or not set(value) <= set(KINDS) or not value:
        raise ParameterError(f"{name}={value!r} is no number per kind of task; kinds: {', '.join(KINDS)}")
    for kind, number in value.items():
        _number(0.01, 8192)(f"{name} of {kind}", number)


def _some_texts(name: str, value: Any) -> None:
    if value not in ([], ()):
        _texts(name, value)


def _columns(name: str, value: Any) -> None:
    if not isinstance(value, dict) or not value or not all(isinstance(column, str) for column in value):
        raise ParameterError(f"{name}={value!r} is no set of columns; use {{the paper's name: encoder's name or null}}")
    if not all(encoder is None or isinstance(encoder, str) for encoder in value.values()):
        raise ParameterError(f"{name}={value!r}: an encoder is given by its name among the encoders, or as null")


def _space(name: str, value: Any) -> None:
    from ..search.space import check_choices

    if not isinstance(value, dict):
        raise ParameterError(f"{name}={value!r} is no search space; use {{dimension: [values]}}")
    check_choices(value)


def _epochs_to_try(name: str, value: Any) -> None:
    if not isinstance(value, dict) or not set(value) <= set(KINDS):
        raise ParameterError(f"{name}={value!r} is no list of epochs per kind of task; kinds: {', '.join(KINDS)}")
    for kind, numbers in value.items():
        _space(f"{name} of {kind}", {"epochs": numbers})


def _database(name: str, value: Any) -> None:
    from ..search.database import check_url

    _text_or_none(name, value)
    if value is not None:
        check_url(name, value)


def _frozen(name: str, value: Any) -> None:
    if value != "embeddings":
        _number(0, 1000, whole=True)(name, value)


def _seeds(name: str, value: Any) -> None:
    read_seeds(value)


CHECKS: Mapping[str, Callable[[str, Any], None]] = {
    "scale": _choice(*SCALES),
    "data": _text_or_none,
    "store": _text_or_none,
    "encoders": _encoders,
    "encoder_remarks": _remarks,
    "tasks": _texts,
    "seeds": _seeds,
    "device": _choice("auto", "cpu", "cuda"),
    "workers": _number(0, 1024, whole=True),
    "population": _number(0, 4096, whole=True),
    "pretraining": _pretraining,
    "pretraining_seeds": _number(1, 100, whole=True),
    "segment_ids": _flag,
    "epochs": _by_kind,
    "max_lengths": _by_kind,
    "precision": _choice("float32", "bfloat16"),
    "epochs_long": _number(0.01, 1000),
    "epochs_standard": _number(0.01, 1000),
    "biosses_epochs": _number(0.01, 1000),
    "qa_epochs": _number(0.01, 1000),
    "learning_rate": _number(0, 1),
    "batch_size": _number(1, 4096, whole=True),
    "max_length": _number(8, 8192, whole=True),
    "biosses_max_length": _number(8, 8192, whole=True),
    "qa_max_length": _number(8, 8192, whole=True),
    "evaluations": _number(1, 10000, whole=True),
    "freeze": _frozen,
    "decay": _number(0.01, 1),
    "reinit_layers": _number(0, 1000, whole=True),
    "reinit_pooler": _flag,
    "combinations": _flag,
    "large_encoders": _encoders,
    "base_encoders": _encoders_or_none,
    "twins": _names,
    "on_all_tasks": _texts_or_none,
    "seeds_otherwise": _number(1, MOST_SEEDS, whole=True),
    "twin_freeze": _frozen,
    "twin_decay": _number(0.01, 1),
    "pruned": _text_or_none,
    "removed": _layer_counts,
    "margin": _number(0, 100),
    "base_columns": _columns,
    "large_columns": _columns,
    "large_tasks": _texts,
    "search_tasks": _some_texts,
    "search_space": _space,
    "search_epochs": _epochs_to_try,
    "search_seeds": _seeds,
    "search_trials": _number(1, 100_000, whole=True),
    "search_per_ask": _number(1, 4096, whole=True),
    "search_database": _database,
    "join_dev": _some_texts,
    "general_vocabulary": _text_or_none,
    "scoring_task": _text,
    "scoring_epochs": _number(0.01, 1000),
    "scoring_learning_rate": _number(0, 1),
    "scoring_batch_size": _number(1, 4096, whole=True),
    "scoring_max_length": _number(8, 8192, whole=True),
    "scoring_evaluations": _number(1, 10000, whole=True),
    "scispacy": _choice("auto", "retrained"),
    "spacy_epochs": _number(1, 1000, whole=True),
    "spacy_seed": _number(0, 2**31 - 1, whole=True),
    "ner_tasks": _texts_or_none,
    "ner_epochs": _number(0.01, 1000),
    "ner_max_length": _number(8, 8192, whole=True),
    "live_task": _text,
    "live_epochs": _number(0.01, 1000),
    "live_learning_rate": _number(0, 1),
    "live_batch_size": _number(1, 4096, whole=True),
    "live_max_length": _number(8, 8192, whole=True),
    "live_evaluations": _number(1, 10000, whole=True),
}
