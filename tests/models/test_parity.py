"""Our encoder against transformers on randomly initialized twins: hidden states, gradients, five AdamW steps."""

import numpy as np
import pytest
import torch
import transformers

from blurbstudy.models import Classifier, Encoder, export_checkpoint, load_checkpoint, pack
from blurbstudy.training.losses import member_losses
from blurbstudy.training.optimizer import MemberHyperparameters, PopulationAdamW

VOCABULARY, WIDTH, LAYERS = 60, 16, 3
CASES = [
    "bert",
    "bert-without-pooler",
    "electra",
    "electra-projected",
    "roberta",
    "roberta-without-pooler",
    "xlm-roberta",
]
PAD = {"roberta": 1, "xlm-roberta": 0}  # 1 is theirs; with 0, positions begin elsewhere
SEQUENCES = {"bert": "Bert", "electra": "Electra", "roberta": "Roberta", "xlm-roberta": "XLMRoberta"}  # in transformers


def family_of(case: str) -> str:
    return case.removesuffix("-without-pooler").removesuffix("-projected")


def make_config(family: str, **changes) -> transformers.PretrainedConfig:
    shape = dict(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        num_attention_heads=4,
        intermediate_size=40,
        max_position_embeddings=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        num_labels=3,
    )
    if family in PAD:
        shape |= dict(type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=PAD[family])
    return getattr(transformers, f"{SEQUENCES[family]}Config")(**shape | changes)


def make_twin(case: str) -> torch.nn.Module:
    torch.manual_seed(7)
    family = family_of(case)
    config = make_config(family, num_hidden_layers=LAYERS, classifier_dropout=0.0)
    if family == "electra":
        config.embedding_size = 8 if case == "electra-projected" else WIDTH
    model = getattr(transformers, f"{SEQUENCES[family]}ForSequenceClassification")(config)
    # Larger than N(0, .02), so that a wrong term anywhere is seen.
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, 1.0 if name.endswith("LayerNorm.weight") else 0.0, 0.2)
    return model.eval()


@pytest.fixture(params=CASES)
def reference(request, tmp_path):
    model = make_twin(request.param)
    base = model.base_model
    if request.param == "bert-without-pooler":
        base = transformers.BertModel(model.config, add_pooling_layer=False)
        base.load_state_dict(model.base_model.state_dict(), strict=False)
    if request.param == "roberta":  # its classifier leaves a pooler out, RobertaModel has one
        base = transformers.RobertaModel(model.config)
        base.load_state_dict(model.base_model.state_dict(), strict=False)
    base.save_pretrained(tmp_path)
    return request.param, model, load_checkpoint(tmp_path)


def make_batch(seed: int = 0, lengths=(5, 9, 9, 2, 7), *, family: str = "bert"):
    """Our batch, of two segments in any case, and the same in transformers' padded form."""
    rng = np.random.default_rng(seed)
    batch = [(rng.integers(2, VOCABULARY, n), np.repeat([0, 1], [n // 2, n - n // 2])) for n in lengths]
    size = max(lengths)
    inputs = {name: torch.zeros(len(lengths), size, dtype=torch.long) for name in ("ids", "segments", "mask")}
    inputs["ids"] += PAD.get(family, 0)
    for row, (ids, segments) in enumerate(batch):
        inputs["ids"][row, : len(ids)] = torch.from_numpy(ids)
        inputs["segments"][row, : len(ids)] = torch.from_numpy(segments * (family not in PAD))
        inputs["mask"][row, : len(ids)] = 1
    return batch, dict(input_ids=inputs["ids"], token_type_ids=inputs["segments"], attention_mask=inputs["mask"])


def full_encoder(checkpoint, members: int) -> Encoder:
    encoder = Encoder(checkpoint.architecture, members=members)
    for name, parameter in encoder.named_weights().items():
        parameter.data.copy_(checkpoint.weights[name].expand_as(parameter))
    return encoder


def classifier_like(model, checkpoint, members: int) -> Classifier:
    """Our classifier with the twin's pooler and head, which no checkpoint holds."""
    electra = checkpoint.architecture.family == "electra"
    ours = Classifier(checkpoint.architecture, members=members, outputs=3, head="gelu" if electra else "pooler")
    dense, out = dense_of(model), out_of(model)
    for member in range(members):
        ours.load_member(member, checkpoint, seed=0)
        for target, source in ((ours.pooler.dense, dense), (ours.head, out)):
            target.weight.data[member].copy_(source.weight.data)
            target.bias.data[member].copy_(source.bias.data)
    return ours


def dense_of(model):
    """The layer over the first token: BERT's pooler, or that of ELECTRA's and RoBERTa's own heads."""
    return model.bert.pooler.dense if model.base_model_prefix == "bert" else model.classifier.dense


def out_of(model):
    return model.classifier if model.base_model_prefix == "bert" else model.classifier.out_proj


@pytest.mark.parametrize("members", [1, 3])
def test_hidden_states_equal_those_of_transformers(reference, members):
    case, model, checkpoint = reference
    batch, inputs = make_batch(family=family_of(case))
    with torch.no_grad():
        theirs = model.base_model(**inputs).last_hidden_state
        packing = pack([batch] * members, n_heads=4)
        ours = full_encoder(checkpoint, members)(packing)
    for member in range(members):
        row = 0
        for index in packing.order[member]:
            length = len(batch[index][0])
            torch.testing.assert_close(ours[member, row : row + length], theirs[index, :length], rtol=1e-4, atol=2e-6)
            row += length


@pytest.mark.parametrize("members", [1, 3])
def test_gradients_equal_those_of_transformers(reference, members):
    case, model, checkpoint = reference
    batch, inputs = make_batch(family=family_of(case))
    ours = classifier_like(model, checkpoint, members)
    packing = pack([batch] * members, n_heads=4)
    weight = torch.linspace(-1, 1, len(batch) * 3).view(len(batch), 3)
    (model(**inputs).logits * weight).sum().backward()
    (ours(packing) * weight[packing.order[0]]).sum().backward()
    for name, theirs, mine in named_pairs(model, ours, checkpoint.architecture.padding_positions):
        for member in range(members):
            torch.testing.assert_close(
                mine.grad[member], theirs, rtol=2e-3, atol=2e-4, msg=lambda m, n=name: f"{n}: {m}"
            )


def named_pairs(model, ours, padding_positions):
    """(name, transformers' gradient, our parameter) for embeddings, each layer, pooler and head."""
    base = model.base_model
    embeddings = base.embeddings
    yield "words", embeddings.word_embeddings.weight.grad, ours.embeddings.word_embeddings
    yield (
        "positions",
        embeddings.position_embeddings.weight.grad[padding_positions:],
        ours.embeddings.position_embeddings,
    )
    yield "segments", embeddings.token_type_embeddings.weight.grad, ours.embeddings.token_type_embeddings
    if ours.embeddings.projection is not None:
        yield "projection", base.embeddings_project.weight.grad, ours.embeddings.projection.weight
    for i, (mine, theirs) in enumerate(zip(ours.layers, base.encoder.layer, strict=True)):
        item = theirs.attention.self
        joint = torch.cat([item.query.weight.grad, item.key.weight.grad, item.value.weight.grad])
        yield f"layer {i} qkv", joint, mine.attention.qkv.weight
        yield f"layer {i} down", theirs.output.dense.weight.grad, mine.down.weight
        yield f"layer {i} norm", theirs.output.LayerNorm.weight.grad, mine.output_norm.weight
    yield "pooler", dense_of(model).weight.grad, ours.pooler.dense.weight


@pytest.mark.parametrize("members", [1, 2])
def test_five_adamw_steps_equal_those_of_torch(reference, members):
    case, model, checkpoint = reference
    ours = classifier_like(model, checkpoint, members)
    plain = [p for n, p in model.named_parameters() if n.endswith("bias") or "LayerNorm" in n]
    decayed = [p for n, p in model.named_parameters() if not (n.endswith("bias") or "LayerNorm" in n)]
    theirs = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}], lr=1e-3, eps=1e-6
    )
    settings = MemberHyperparameters(
        lr_scales=(1.0,) * (LAYERS + 2), weight_decay=0.1, max_grad_norm=0.5, bias_correction=True
    )
    mine = PopulationAdamW(list(ours.depth_parameters()), [settings] * members, beta1=0.9, beta2=0.999, eps=1e-6)
    before = [p.detach().clone() for _, p in key_free(model, ours)[0]]
    for step in range(1, 6):
        batch, inputs = make_batch(seed=step, family=family_of(case))
        packing = pack([batch] * members, n_heads=4)
        labels = torch.arange(len(batch)) % 3
        theirs.zero_grad()
        torch.nn.functional.cross_entropy(model(**inputs).logits, labels).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        theirs.step()
        logits = ours(packing)
        sum(torch.nn.functional.cross_entropy(logits[m], labels[packing.order[m]]) for m in range(members)).backward()
        mine.step([1e-3] * members, [step] * members)
    their_parameters, our_parameters = key_free(model, ours)
    for (name, expected), (_, actual), start in zip(their_parameters, our_parameters, before, strict=True):
        moved = (expected - start).norm()
        assert moved > 1e-4, name
        for member in range(members):
            assert (actual[member] - expected).norm() / moved < 0.01, name


def key_free(model, ours):
    """Parameters of both, key biases left out: their true gradient is 0, so Adam moves them by rounding alone."""
    base = model.base_model
    theirs, mine = [], []
    for i, (item, other) in enumerate(zip(ours.layers, base.encoder.layer, strict=True)):
        theirs.append((f"layer {i} query", other.attention.self.query.weight))
        mine.append((f"layer {i} query", item.attention.qkv.weight[:, :WIDTH]))
        theirs.append((f"layer {i} up", other.intermediate.dense.weight))
        mine.append((f"layer {i} up", item.up.weight))
        theirs.append((f"layer {i} norm", other.attention.output.LayerNorm.bias))
        mine.append((f"layer {i} norm", item.attention_norm.bias))
    theirs += [("words", base.embeddings.word_embeddings.weight), ("norm", base.embeddings.LayerNorm.weight)]
    mine += [("words", ours.embeddings.word_embeddings), ("norm", ours.embeddings.norm.weight)]
    theirs.append(("head", out_of(model).bias))
    mine.append(("head", ours.head.bias))
    return theirs, mine


def test_export_gives_the_same_outputs_through_automodel(reference, tmp_path):
    case, model, checkpoint = reference
    folder = export_checkpoint(checkpoint.weights, checkpoint.architecture, folder=tmp_path / "out")
    reloaded = transformers.AutoModel.from_pretrained(folder).eval()
    first = transformers.AutoModel.from_pretrained(checkpoint.path).eval()
    assert type(reloaded) is type(model.base_model)
    _, inputs = make_batch(family=family_of(case))
    real = inputs["attention_mask"].bool() | (family_of(case) not in PAD)  # what RoBERTa makes of padding is nobody's
    with torch.no_grad():
        ours, theirs, twins = reloaded(**inputs), first(**inputs), model.base_model(**inputs)
    torch.testing.assert_close(ours.last_hidden_state[real], twins.last_hidden_state[real])
    assert ("pooler.dense.weight" in checkpoint.weights) == (case in ("bert", "roberta"))
    if case in ("bert", "roberta"):
        torch.testing.assert_close(ours.pooler_output, theirs.pooler_output)


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("family", ["bert", "electra", "roberta"])
def test_labels_of_words_and_their_gradients_equal_those_of_transformers(family, members, tmp_path):
    torch.manual_seed(3)
    config = make_config(family, num_hidden_layers=2)
    if family == "electra":
        config.embedding_size = 8
    model = getattr(transformers, f"{SEQUENCES[family]}ForTokenClassification")(config).eval()
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, 1.0 if name.endswith("LayerNorm.weight") else 0.0, 0.2)
    model.base_model.save_pretrained(tmp_path)
    checkpoint = load_checkpoint(tmp_path)
    ours = Classifier(checkpoint.architecture, members=members, outputs=3, head="token")
    for member in range(members):
        ours.load_member(member, checkpoint, seed=0)
        ours.head.weight.data[member].copy_(model.classifier.weight.data)
        ours.head.bias.data[member].copy_(model.classifier.bias.data)
    batch, inputs = make_batch(family=family)
    firsts = [np.array(item) for item in ([1, 3], [1, 2, 5, 7], [2], [1], [1, 2, 3, 4, 5])]
    labels = [torch.tensor([(i + 2 * index) % 3 for i in range(len(item))]) for index, item in enumerate(firsts)]
    table = torch.full((len(batch), 9), -100)
    for row, (item, wanted) in enumerate(zip(firsts, labels, strict=True)):
        table[row, item] = wanted
    theirs = model(**inputs, labels=table)  # the mean over labelled sub-words: -100 is left out
    theirs.loss.backward()
    packing = pack([batch] * members, n_heads=4, output_positions=[firsts] * members)
    logits = ours(packing)
    wanted = torch.cat([labels[i] for i in packing.order[0]]).expand(members, -1)
    losses = member_losses(logits, wanted, packing.target_mask)
    losses.sum().backward()
    assert losses.tolist() == pytest.approx([theirs.loss.item()] * members, rel=1e-5)
    for member in range(members):
        read = torch.cat([theirs.logits[i, firsts[i]] for i in packing.order[member]])
        torch.testing.assert_close(logits[member], read, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ours.head.weight.grad[member], model.classifier.weight.grad, rtol=1e-3, atol=1e-5)
        for mine, other in zip(ours.layers, model.base_model.encoder.layer, strict=True):
            torch.testing.assert_close(
                mine.up.weight.grad[member], other.intermediate.dense.weight.grad, rtol=2e-3, atol=1e-5
            )


def test_the_loss_of_sets_of_labels_is_that_of_transformers(tmp_path):
    torch.manual_seed(4)
    outputs, targets = torch.randn(2, 5, 4), (torch.rand(2, 5, 4) > 0.5).float()
    present = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    losses = member_losses(outputs, targets, present)
    criterion = torch.nn.BCEWithLogitsLoss()  # what problem_type="multi_label_classification" uses
    assert losses.tolist() == pytest.approx(
        [criterion(outputs[0], targets[0]).item(), criterion(outputs[1, :3], targets[1, :3]).item()], rel=1e-6
    )
