"""Models and tokenizers from folders of safetensors; a teacher gets a masked-LM head if its checkpoint brought none."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    CONFIG_MAPPING,
    AutoModelForMaskedLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from mixvocab.common.errors import UserError
from mixvocab.models.parameters import BertShape
from mixvocab.text.wordpiece import Vocabulary

FRESH_HEAD = "mixvocab_fresh_head"  # marks a model whose checkpoint carried no head
_HEADS: WeakKeyDictionary[nn.Module, nn.Sequential] = WeakKeyDictionary()  # of each model, once it was read


def load_pretrained(model_class: Any, folder: Path, *, new_head: bool, **settings: Any) -> tuple[Any, set[str]]:
    """The model in `folder` by `model_class.from_pretrained`, ready to predict, and the names of weights it lacks.

    Of several classes, given by `model_type`, the model's own is taken, and BERT's for a type that is not among them.
    With `new_head` the head and the pooler may be missing or of another shape, and are then drawn from torch's global
    generator; else no weight may be. `settings` take the place of those in config.json. Raises `UserError` if the
    folder holds no model that transformers can read, or lacks weights it needs.
    """
    kind = read_config(folder).get("model_type")  # transformers takes a missing config.json for an empty one
    if isinstance(model_class, Mapping):
        model_class = model_class.get(kind, model_class["bert"])
    wanted = getattr(getattr(model_class, "config_class", None), "model_type", kind)  # of an Auto class: any
    if kind and kind != wanted:
        raise UserError(f"{folder.name} is a {kind}: give a {wanted}")
    _stays_inside(folder)
    try:
        with quietly():
            model, report = model_class.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,  # else a terminal is asked whether to run it
                output_loading_info=True,
                ignore_mismatched_sizes=new_head,
                dtype=torch.float32,  # whatever the file has: training in fp16 would lose small updates
                **settings,
            )
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{folder.name} does not load ({reason}): give config.json + *.safetensors") from None
    missing = {*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])}
    if needed := [name for name in missing if not new_head or ".embeddings." in name or ".layer." in name]:
        task = "pretrained" if new_head else "fine-tuned"
        raise UserError(f"{folder.name} lacks weights ({min(needed)}): give one of a {task} model")
    return model.eval(), missing


def _stays_inside(folder: Path) -> None:
    """Raises UserError if the index of a model's files names one that does not lie in its folder."""
    for index in folder.glob("*.index.json"):
        try:
            files = {str(name) for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            raise UserError(f"{index}: no index of files, or damaged: save the model again") from None
        if outside := sorted(name for name in files if Path(name).name != name):
            raise UserError(f"{index} names {outside[0]!r}, which is not in its folder: save the model again")


def read_config(folder: Path) -> dict[str, Any]:
    """A model folder's config.json. Raises UserError if there is none that can be read."""
    try:
        return dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise UserError(f"{folder}: no model in it, config.json is missing or damaged; name another") from None


def require_bert(folder: Path, method: str) -> None:
    """Raises UserError unless the model in `folder` is a BERT, whose layers have counterparts in a student."""
    kind = read_config(folder).get("model_type")
    if kind != "bert":
        raise UserError(f"{method} works on a BERT's layers and the teacher is a {kind}: set teacher.source")


def teacher_shape(folder: Path) -> BertShape:
    """The teacher's sizes, from its config.json."""
    config: Any = read_config(folder)
    return BertShape(
        config.get("num_hidden_layers", config.get("n_layers")),
        config.get("hidden_size", config.get("dim")),
        config["vocab_size"],
        config.get("num_attention_heads", config.get("n_heads")),
        config.get("intermediate_size", config.get("hidden_dim")),
        config["max_position_embeddings"],
    )


@contextmanager
def quietly() -> Iterator[None]:
    """Silence transformers' reports on missing and unexpected weights, and its progress bars."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def load_teacher(folder: Path) -> PreTrainedModel:
    """Load a pretrained encoder from a folder of safetensors, without dropout, with a masked-LM head in any case.

    A checkpoint that carries no head (sentence encoders such as MiniLM do not) gets one whose dense layer is the
    identity, with no activation behind it: stage I then starts from the pretrained states themselves, normalised, not
    from a random or a rectified view of them.
    Raises `UserError` if the folder is not such a model.
    """
    kind = read_config(folder).get("model_type")
    known = CONFIG_MAPPING[str(kind)]().to_dict() if kind in CONFIG_MAPPING else {}
    settings = {name: 0.0 for name, value in known.items() if "dropout" in name and isinstance(value, float)}
    model, missing = load_pretrained(AutoModelForMaskedLM, folder, new_head=True, **settings)
    head: Any = head_transform(model)
    if any(weight is head.dense.weight and name in missing for name, weight in model.named_parameters()):
        setattr(model, FRESH_HEAD, True)
        head.activation = nn.Identity()
        nn.init.eye_(head.dense.weight)
        nn.init.zeros_(head.dense.bias)
        nn.init.ones_(head.LayerNorm.weight)
        nn.init.zeros_(head.LayerNorm.bias)
    return model


def check_teacher(folder: Path, length: int) -> None:
    """Raises UserError for what would fail in training: an unknown head, rows too long, pieces that have no row."""
    require_fit(load_teacher(folder), folder, length, "mixing.length")


def require_fit(model: Any, folder: Path, length: int, setting: str) -> None:
    """Raises UserError for pieces that have no row in the model's table, and for sequences, as long as the setting asks
    for, that it has no positions for."""
    pieces, rows = len(load_tokenizer(folder)), model.get_input_embeddings().num_embeddings
    if pieces > rows:
        raise UserError(
            f"{folder.name}: its tokenizer has {pieces} pieces and its table {rows}: give the tokenizer that it was "
            "trained with, or resize the table (resize_token_embeddings) and train it"
        )
    table = getattr(getattr(model.base_model, "embeddings", None), "position_embeddings", None)
    if table is not None:
        most = table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
        if length > most:
            raise UserError(f"{setting}={length}: {folder.name} reads {most} tokens at most; set {setting}={most}")


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a model folder. Raises `UserError` for none, and for one that is not of the fast kind."""
    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.txt")):  # transformers makes one up
        raise UserError(f"{folder.name} has no tokenizer.json or vocab.txt: save it with a fast tokenizer first")
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json")):
        return Vocabulary.load(folder).tokenizer()  # transformers would take any vocab.txt for one without capitals
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: no tokenizer can be loaded from it ({error})") from None
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        kind = type(tokenizer).__name__
        raise UserError(f"{folder.name} has a slow tokenizer ({kind}): name a model with a fast one, in tokenizer.json")
    return tokenizer


def head_transform(model: Any) -> nn.Sequential:
    """The part of the masked-LM head before the softmax, (M, H) -> (M, D): dense layer, activation, LayerNorm.

    It is read from a forward pass: what runs between the encoder and the output table, whose width D is. An activation
    that is no module of its own, as RoBERTa's, is GELU. Raises UserError if the table is given something else.
    """
    if model in _HEADS:
        return _HEADS[model]
    encoder, table = model.base_model, model.get_output_embeddings()
    inside, ran = {*encoder.modules(), table}, list[Any]()
    seen: dict[str, Tensor] = {}
    leaves = [part for part in model.modules() if part not in inside and not [*part.children()]]
    hooks = [part.register_forward_hook(lambda part, *_: ran.append(part)) for part in leaves]
    hooks.append(encoder.register_forward_hook(lambda _, __, output: seen.update(hidden=output.last_hidden_state)))
    if table is not None:
        hooks.append(table.register_forward_pre_hook(lambda _, given: seen.update(read=given[0])))
    training, ids = model.training, torch.tensor([[5, 6]], device=model.device)
    with torch.no_grad(), torch.autocast(model.device.type, enabled=False):
        model.eval()(ids)
        model.train(training)
        for hook in hooks:
            hook.remove()
        if len(ran) == 2:
            ran.insert(1, nn.GELU())
        head = nn.Sequential(OrderedDict(zip(("dense", "activation", "LayerNorm"), ran, strict=False)))
        if len(ran) != 3 or "read" not in seen or not torch.allclose(head(seen["hidden"]), seen["read"], atol=1e-4):
            kind = model.config.model_type
            raise UserError(f"teacher type {kind!r}: its masked-LM head is no dense layer, activation and LayerNorm")
    _HEADS[model] = head
    return head


def masked_logits(model: Any, ids: Tensor, where: Tensor, attention: Tensor | None = None, **more: Tensor) -> Tensor:
    """A masked language model's scores (M, V) for pieces `ids` (B, T), at the M places of `where` (B, T) alone.

    `more` goes to the encoder, such as token types.
    """
    hidden = model.base_model(ids, attention_mask=attention, **more).last_hidden_state[where]
    if model.config.model_type == "mobilebert":
        return model.cls(hidden)  # it scores against two tables side by side
    return model.get_output_embeddings()(head_transform(model)(hidden))


def attention_scores(model: Any, number: int, hidden: Tensor) -> Tensor:
    """What layer `number` takes a softmax of: (B, heads, T, T), from each token to all, padding too, in fp32.

    `hidden` (B, T, H) is what the layer reads, entry `number` of the hidden states. Computed anew from it, so that the
    model itself may run fused kernels, which keep no attention.
    """
    if model.config.model_type == "distilbert":
        layer = model.base_model.transformer.layer[number].attention
        query, key = layer.q_lin(hidden), layer.k_lin(hidden)
    else:
        layer = model.base_model.encoder.layer[number].attention.self
        query, key = layer.query(hidden), layer.key(hidden)
    # (B, heads, T, H / heads)
    query, key = (part.unflatten(2, (model.config.num_attention_heads, -1)).transpose(1, 2) for part in (query, key))
    return (query @ key.transpose(2, 3)).float() / query.shape[-1] ** 0.5


def last_attention(model: Any, hidden: Tensor, attention: Tensor | None = None) -> Tensor:
    """How the last layer attends, the mean over its heads: (B, T, T), from each token to all, in fp32.

    `hidden` (B, T, H) is what the layer reads, the last but one of the hidden states.
    """
    scores = attention_scores(model, -1, hidden)
    if attention is not None:
        scores = scores.masked_fill(~attention[:, None, None].bool(), float("-inf"))
    return scores.softmax(dim=-1).mean(dim=1)


class ReadAndPass(torch.autograd.Function):
    """Rows of a table, and the table itself for whoever reads it next.

    A large table that is looked up and scored against gets two gradients of its size, of which the look-up's is all
    but empty, and their sum makes a third. Passed on from here, the table brings the other gradient back first and the
    rows are added to it.
    """

    @staticmethod
    def forward(ctx: Any, table: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """`table` (V, D) and `ids` of any shape -> (*ids, D) and (V, D)."""
        ctx.save_for_backward(ids)
        return F.embedding(ids, table), table.view_as(table)

    @staticmethod
    def backward(ctx: Any, rows: Tensor, table: Tensor) -> tuple[Tensor, None]:
        """The gradient of all rows, in the memory that the table's came in: nobody else holds it."""
        (ids,) = ctx.saved_tensors
        ids, rows = ids.flatten(), rows.flatten(0, -2).to(table.dtype)
        if table.is_cuda:  # where index_add_ adds in no fixed order
            return table.index_put_((ids,), rows, accumulate=True), None
        return table.index_add_(0, ids, rows), None
