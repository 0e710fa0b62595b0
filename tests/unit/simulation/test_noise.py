"""Noise without state: bounded, independent by stream, smooth where it should be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.simulation import (
    noise,
)


def test_noise__mixes_words_as_the_published_generator_does() -> None:
    """First outputs of SplitMix64 from state 1234567, as its reference implementation prints them."""
    state = np.array([1234567], dtype=np.uint64)
    found = []
    for _ in range(3):
        state = state + noise.GOLDEN
        found.append(int(noise._finalised(state)[0]))
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_noise__is_a_fixed_function_of_seed_name_and_time() -> None:
    keys = noise.stream_keys(seed=7, names=("a", "b"))
    assert keys.tolist() != noise.stream_keys(seed=8, names=("a", "b")).tolist()
    assert noise.uniform(keys, index=5).tolist() == noise.uniform(keys, index=np.array([5])).tolist()


def test_noise__has_the_declared_moments_and_independent_streams() -> None:
    keys = noise.stream_keys(seed=1, names=("one", "two"))
    index = np.arange(40_000)[:, None]
    uniform, normal = noise.uniform(keys, index=index), noise.normal(keys, index=index)
    assert uniform.min() >= 0.0
    assert uniform.max() < 1.0
    assert uniform.mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.01)
    assert normal.mean(axis=0) == pytest.approx([0.0, 0.0], abs=0.03)
    assert normal.std(axis=0) == pytest.approx([1.0, 1.0], abs=0.02)
    assert np.abs(normal).max() < 3.47
    assert abs(np.corrcoef(normal.T)[0, 1]) < 0.02
    assert abs(np.corrcoef(normal[:-1, 0], normal[1:, 0])[0, 1]) < 0.02


@settings(max_examples=30, deadline=None)
@given(st.integers(-(10**9), 4 * 10**9))
def test_noise__smooth_curves_do_not_jump(at_s: int) -> None:
    keys = noise.stream_keys(seed=3, names=("x",))
    here, there = (noise.smooth(keys, at_s=moment, layers=((3600, 1.0),)) for moment in (at_s, at_s + 1))
    assert abs(float(here[0] - there[0])) < 0.005
