"""Class weights, focal loss, and thresholds chosen on dev, against torch, scikit-learn and plain references."""

import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight

from blurbstudy.config import Recipe
from blurbstudy.errors import ParameterError
from blurbstudy.metrics import score
from blurbstudy.tasks import get_task
from blurbstudy.training.class_weights import check_loss, class_weights
from blurbstudy.training.decoding import gold_of
from blurbstudy.training.evaluation import THRESHOLDS, best_threshold, label_probabilities
from blurbstudy.training.losses import constant_loss, loss_settings, member_losses
from blurbstudy.training.run_record import run_record_from_dict
from blurbstudy.training.trainer import PopulationTraining, train_population

CPU = torch.device("cpu")
QUESTION, DOCUMENTS, TAGS = get_task("BioASQ"), get_task("HoC"), get_task("BC5-chem")
WEIGHTS = [None, np.array([0.3, 2.0, 5.0]), np.array([1.0, 7.0, 0.2]), None]
GAMMAS = [0.0, 0.0, 2.0, 0.5]


def train(configs, features, checkpoint):
    task = get_task(configs[0].task)
    return train_population(configs, features=features, task=task, checkpoint=checkpoint, device="cpu")


def few(features):
    """The first 40 examples of each split."""
    return {split: item.selected(np.arange(min(40, len(item)))) for split, item in features.items()}


def plain_loss(outputs, targets, weights, gamma):
    """Of one member without padding, in the words of Lin et al. 2017 and of torch's losses."""
    weights = None if weights is None else torch.tensor(weights, dtype=outputs.dtype)
    if targets.ndim == 2:
        losses = F.binary_cross_entropy_with_logits(outputs, targets, pos_weight=weights, reduction="none")
        p = outputs.sigmoid()
        return (losses * (1 - torch.where(targets > 0, p, 1 - p)) ** gamma).mean()
    if not gamma:
        return F.cross_entropy(outputs, targets, weight=weights)
    p = outputs.softmax(-1)[torch.arange(len(targets)), targets]
    alpha = torch.ones_like(p) if weights is None else weights[targets]
    return (-alpha * (1 - p) ** gamma * p.log()).sum() / alpha.sum()


@pytest.mark.parametrize("sets", [False, True], ids=["labels", "label sets"])
def test_losses_and_gradients_are_those_of_torch_member_by_member(sets):
    rng = torch.Generator().manual_seed(1)
    counts = [5, 7, 4, 6]
    outputs = torch.randn(4, 7, 3, generator=rng).requires_grad_()
    targets = torch.randint(0, 3, (4, 7), generator=rng)
    targets = (torch.rand(4, 7, 3, generator=rng) < 0.4).float() if sets else targets
    mask = torch.arange(7) < torch.tensor(counts)[:, None]
    settings = loss_settings(WEIGHTS, GAMMAS, outputs=3, device=CPU)
    losses = member_losses(outputs, targets, mask, settings)
    losses.sum().backward()
    for member, n in enumerate(counts):
        alone = outputs.detach()[member, :n].double().requires_grad_()
        target = targets[member, :n].double() if sets else targets[member, :n]
        expected = plain_loss(alone, target, WEIGHTS[member], GAMMAS[member])
        expected.backward()
        assert losses[member].item() == pytest.approx(expected.item(), rel=1e-5)
        torch.testing.assert_close(outputs.grad[member, :n].double(), alone.grad, rtol=1e-4, atol=1e-7)
        assert not outputs.grad[member, n:].any()
    plain = member_losses(outputs, targets, mask)
    assert losses[0] == plain[0]  # bit for bit, whatever the others add


@pytest.mark.parametrize("sets", [False, True], ids=["labels", "label sets"])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_focal_gradient_is_finite_where_the_model_is_certain(sets, gamma):
    outputs = torch.tensor([[[200.0, -200.0], [-200.0, 200.0]]], requires_grad=True)
    targets = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]]) if sets else torch.tensor([[0, 0]])
    settings = loss_settings([None], [gamma], outputs=2, device=CPU)
    losses = member_losses(outputs, targets, torch.ones(1, 2, dtype=torch.bool), settings)
    losses.sum().backward()
    assert losses.item() == pytest.approx(100 if sets else 200)  # the first target is right, the second is wrong
    assert outputs.grad.isfinite().all() and not outputs.grad[0, 0].any() and outputs.grad[0, 1].all()


def test_balanced_weights_are_those_of_scikit_learn_and_of_train_alone(make_config, tagged, checkpoint):
    targets = np.array([0] * 90 + [2] * 9 + [0])
    found = class_weights(Recipe(class_weights="balanced"), TAGS, targets)
    expected = compute_class_weight("balanced", classes=np.array([0, 2]), y=targets)
    assert found[[0, 2]] == pytest.approx(expected) and found[1] == 1  # a label that does not occur
    config = make_config(task="BC5-chem", class_weights="balanced", tag_scheme="io")
    training = PopulationTraining([config], features=tagged, task=TAGS, checkpoint=checkpoint, device=CPU)
    words = np.minimum(tagged["train"].targets, 1)  # O, I
    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=words)
    assert training.population.loss_settings.weights[0].tolist() == pytest.approx(expected)


def test_balanced_weights_of_label_sets_are_without_over_with():
    targets = np.array([[1, 0, 1, 0], [0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]], np.float32)
    task = replace(DOCUMENTS, labels=("a", "b", "c", "d"))
    found = class_weights(Recipe(class_weights="balanced"), task, targets)
    assert found.tolist() == pytest.approx([3, 1, 1, 1 / 3])  # a label of none or of all is left alone
    assert class_weights(Recipe(class_weights={"d": 4}), task, targets).tolist() == [1, 1, 1, 4]
    assert class_weights(Recipe(), task, targets) is None


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("weights", [None, np.array([0.2, 3.0, 1.5])])
@pytest.mark.parametrize("sets", [False, True], ids=["labels", "label sets"])
def test_no_constant_output_has_a_smaller_loss(sets, weights, gamma):
    rng = np.random.default_rng(1)
    targets = (rng.random((30, 3)) < [0.1, 0.5, 0.9]).astype(np.float32) if sets else np.repeat([0, 1, 2], [15, 4, 2])

    expected = torch.from_numpy(targets)
    expected = expected.double() if sets else expected

    def loss(constant):
        return float(plain_loss(torch.from_numpy(constant).expand(len(targets), 3), expected, weights, gamma))

    found = scipy.optimize.minimize(loss, np.zeros(3), method="Nelder-Mead", options={"maxiter": 4000, "fatol": 1e-9})
    assert constant_loss(targets, weights=weights, gamma=gamma) == pytest.approx(found.fun, rel=1e-4)
    assert constant_loss(targets, weights=weights, gamma=gamma) <= found.fun * (1 + 1e-6)


@pytest.mark.parametrize(("task", "kind"), [("BioASQ", "question"), ("HoC", "documents"), ("BC5-chem", "tagged")])
def test_members_with_other_losses_leave_a_run_as_it_is_alone(make_config, request, checkpoint, task, kind):
    features = few(request.getfixturevalue(kind))
    label = get_task(task).labels[1]
    settings = [{}, {"class_weights": "balanced"}, {"class_weights": {label: 3}, "focal_gamma": 1.5}]
    if task == "HoC":
        settings[2]["threshold"] = "dev"
    configs = [make_config(task=task, epochs=1 + i / 2, n_evaluations=2, **item) for i, item in enumerate(settings)]
    records = train(configs, features, checkpoint)
    for record in records:
        (alone,) = train([record.config], features, checkpoint)
        np.testing.assert_allclose(record.curve["train_loss"], alone.curve["train_loss"], rtol=1e-4)
        assert record.final_loss == pytest.approx(alone.final_loss, rel=1e-4)
        assert record.constant_loss == alone.constant_loss and record.threshold == alone.threshold
        assert record.predictions == alone.predictions
    assert len({record.final_loss for record in records}) == 3


def test_final_losses_are_weighted_over_batches_too(make_config, tagged, checkpoint, monkeypatch):
    config = make_config(task="BC5-chem", class_weights={"B": 5}, epochs=1)
    training = PopulationTraining([config], features=tagged, task=TAGS, checkpoint=checkpoint, device=CPU)
    (whole,) = training.population.final_losses([0])
    monkeypatch.setattr("blurbstudy.training.population.EVALUATION_TOKENS", 1)
    monkeypatch.setattr("blurbstudy.training.population.MIN_LOSS_TOKENS", 1)
    assert training.population.final_losses([0])[0] == pytest.approx(whole, rel=1e-5)


def test_the_threshold_is_the_best_on_dev_and_decides_on_test(make_config, documents, checkpoint):
    chosen = dict(threshold="dev", checkpoint_selection="best_dev")
    config = make_config(task="HoC", epochs=8, n_evaluations=3, learning_rate=3e-3, **chosen)
    documents = few(documents)
    (record,) = train([config], documents, checkpoint)
    labels = np.array(DOCUMENTS.labels)

    def predicted(split, threshold):
        return [",".join(labels[row > threshold]) for row in np.array(record.probabilities[split])]

    gold = gold_of(documents["dev"], DOCUMENTS)
    by_threshold = {t: score("document_f1", gold, predicted("dev", t)) for t in THRESHOLDS}
    assert record.threshold != 0.5 and record.scores["dev"] == max(by_threshold.values())
    assert by_threshold[record.threshold] == record.scores["dev"] > by_threshold[0.5]
    assert predicted("dev", record.threshold) == record.predictions["dev"]
    assert predicted("test", record.threshold) == record.predictions["test"]
    assert run_record_from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_of_thresholds_with_one_score_the_nearest_to_one_half_is_chosen(documents):
    perfect = np.where(documents["dev"].targets > 0, 9.0, -9.0).astype(np.float32)
    gold = gold_of(documents["dev"], DOCUMENTS)
    assert best_threshold(perfect, documents["dev"], gold, DOCUMENTS) == 0.5
    shifted = perfect / 9 - 2  # 0.27 and 0.05: all from 0.05 to 0.25 are perfect
    assert best_threshold(shifted.astype(np.float32), documents["dev"], gold, DOCUMENTS) == 0.25


def test_rounded_probabilities_stay_on_their_side_of_the_threshold():
    outputs = np.random.default_rng(1).normal(-1, 1, (4000, len(DOCUMENTS.labels))).astype(np.float32)
    for threshold in THRESHOLDS:
        exact = np.float32(np.log(threshold / (1 - threshold)))
        outputs[:3, 0] = [exact - 1e-5, exact, exact + 1e-5]
        above = label_probabilities(outputs, DOCUMENTS, threshold=threshold) > threshold
        np.testing.assert_array_equal(above, outputs > exact)


@pytest.mark.parametrize(
    ("task", "recipe", "message"),
    [
        ("BIOSSES", {"class_weights": "balanced"}, "class_weights is of tasks with labels, but BIOSSES has scores"),
        ("BIOSSES", {"focal_gamma": 2}, "focal_gamma is of tasks with labels, but BIOSSES has scores; remove it"),
        ("BioASQ", {"class_weights": {"yess": 2}}, "class_weights: BioASQ has no label 'yess'; did you mean 'yes'?"),
        ("BC5-chem", {"class_weights": {"B": 2}, "tag_scheme": "io"}, "BC5-chem has no label 'B'"),
        ("BioASQ", {"threshold": "dev"}, "threshold=dev is of tasks with label sets, which BioASQ is not"),
    ],
)
def test_what_does_not_fit_the_task_is_refused(make_config, similarity, checkpoint, task, recipe, message):
    with pytest.raises(ParameterError, match=message):
        check_loss(Recipe(**recipe), get_task(task))
    with pytest.raises(ParameterError, match=message):
        train([make_config(task=task, **recipe)], similarity, checkpoint)
