"""Parameter groups, and LAMB against its formula."""

import pytest
import torch
from torch import nn

from mixvocab.common.errors import UserError
from mixvocab.train.optim import make_optimizer, parameter_groups


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(3, 2)
        self.LayerNorm = nn.LayerNorm(2)
        self.table = nn.Embedding(4, 3)


def small() -> Small:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Small()


def test_biases_and_layer_norm_do_not_decay() -> None:
    module = small()
    groups = parameter_groups(module, 0.01, {})
    decayed = {id(p) for g in groups if g["weight_decay"] for p in g["params"]}
    assert decayed == {id(module.body.weight), id(module.table.weight)}


def test_multipliers_take_the_longest_prefix_and_zero_freezes() -> None:
    module = small()
    groups = parameter_groups(module, 0.0, {"body": 0.5, "body.bias": 2.0, "table": 0.0})
    factors = {id(p): g["multiplier"] for g in groups for p in g["params"]}
    assert factors[id(module.body.weight)] == 0.5
    assert factors[id(module.body.bias)] == 2.0
    assert factors[id(module.LayerNorm.weight)] == 1.0
    assert id(module.table.weight) not in factors
    assert not module.table.weight.requires_grad


def test_a_multiplier_for_nothing_is_an_error() -> None:
    with pytest.raises(UserError, match="boddy"):
        parameter_groups(small(), 0.0, {"boddy": 2.0})


def test_lamb_takes_the_step_of_its_formula() -> None:
    module = small()
    lr, decay, gradient = 0.1, 0.01, 0.3
    optimizer = make_optimizer(module, "lamb", lr, decay, {})
    for parameter in module.parameters():
        parameter.grad = torch.full_like(parameter, gradient)
    weight, bias = module.body.weight.detach().clone(), module.body.bias.detach().clone()
    optimizer.step()
    # Moments after one step, uncorrected: m = 0.1 g, v = 0.001 g^2.
    adam = 0.1 * gradient / ((0.001 * gradient**2) ** 0.5 + 1e-6)
    update = torch.full_like(weight, adam) + decay * weight
    ratio = weight.norm() / update.norm()
    torch.testing.assert_close(module.body.weight.detach(), weight - lr * ratio * update, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(module.body.bias.detach(), bias - lr * adam, rtol=1e-4, atol=1e-6)
