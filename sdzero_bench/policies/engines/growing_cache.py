"""A cache of keys and values that is written in place, and from which rows can be dropped."""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

ROOM = 32
"""Tokens by which a layer grows: few enough to waste little memory, enough to copy rarely."""


class GrowingLayer(DynamicLayer):
    """The keys and values of a full attention layer, [rows, heads, tokens, size], in buffers with room for more tokens.

    The model reads the same values as from a `DynamicLayer`, which copies all of them at each step to append one.
    """

    buffers: tuple[torch.Tensor, ...] = ()
    """Of keys and of values, once there are some."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the states of the next tokens; returns all of them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        if not self.buffers or end > self.buffers[0].shape[-2]:
            self.buffers = _larger(self.keys, key_states, end), _larger(self.values, value_states, end)
        for buffer, states in zip(self.buffers, (key_states, value_states), strict=True):
            buffer[:, :, start:end] = states
        self.keys, self.values = (buffer[:, :, :end] for buffer in self.buffers)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows, in this order. If there are not more than before, only those that change places are copied."""
        if not self.buffers:
            return
        length = self.get_seq_length()
        if len(indices) > len(self.buffers[0]):
            self.buffers = tuple(buffer[indices] for buffer in self.buffers)
        else:
            moved = (indices != torch.arange(len(indices), device=indices.device)).nonzero()[:, 0]
            for buffer in self.buffers:
                buffer[moved, :, :length] = buffer[indices[moved], :, :length]
            self.buffers = tuple(buffer[: len(indices)] for buffer in self.buffers)
        self.keys, self.values = (buffer[:, :, :length] for buffer in self.buffers)


def growing_cache(config: PreTrainedConfig) -> DynamicCache | None:
    """An empty cache for a model, or None if some of its layers keep more than keys and values of attention.

    Sliding windows keep their own layers, which hold no more than the window.
    """
    cache = DynamicCache(config=config)
    if not cache.layers or any(type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer) for layer in cache.layers):
        return None
    growing: Any = GrowingLayer  # its base class has no types
    cache.layers = [growing() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def _larger(held: torch.Tensor | None, states: torch.Tensor, tokens: int) -> torch.Tensor:
    """A buffer for `tokens` and more, in which those that are held come first."""
    rows, heads, _, size = states.shape
    buffer = states.new_empty(rows, heads, tokens + ROOM, size)
    if held is not None and held.numel():
        buffer[:, :, : held.shape[-2]] = held
    return buffer
