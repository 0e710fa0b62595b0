"""Noise without state: each value is a hash of (seed, stream name, integer time), so any interval can be asked first.

The hash is the finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators").
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    KeyArray = NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
UNIT = 2.0**-53
CHUNK = np.uint64(0xFFFF)
BOTH_ENDS = np.array([0, 1], dtype=np.int64)[:, None, None]
CHUNKS = np.array([0, 16, 32, 48], dtype=np.uint64)


@lru_cache(maxsize=1024)
def stream_keys(*, seed: int, names: tuple[str, ...]) -> KeyArray:
    """Return one 64-bit key per stream name (k,), read-only."""
    digests = [hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest() for name in names]
    keys = np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
    keys.setflags(write=False)
    return keys


def rekeyed(keys: KeyArray, *, index: int) -> KeyArray:
    """Return independent keys (k,) for sub-stream `index`, e.g. one forecast issue."""
    return _hashed(keys, np.array([index]))


def uniform(keys: KeyArray, *, index: int | NDArray[np.int64]) -> FloatArray:
    """Return uniforms in [0, 1) of the keys broadcast against `index`."""
    return (_hashed(keys, np.atleast_1d(np.asarray(index))) >> np.uint64(11)).astype(np.float64) * UNIT


def normal(keys: KeyArray, *, index: int | NDArray[np.int64]) -> FloatArray:
    """Return values of mean 0 and variance 1, within +-3.47: the sum of four 16-bit uniforms (Irwin-Hall).

    Bounded and made of exact arithmetic only, so that the bits do not depend on a mathematics library.
    """
    return _normal_of(_hashed(keys, np.atleast_1d(np.asarray(index))))


def smooth(keys: KeyArray, *, at_s: int, layers: tuple[tuple[int, float], ...]) -> FloatArray:
    """Return a continuous function of time (k,) of mean 0: weighted layers of (period_s, weight) of value noise.

    Each layer passes through independent normals at multiples of its period, joined by a cubic step; weights are the
    standard deviations at the knots.
    """
    periods = np.array([period for period, _ in layers], dtype=np.int64)
    weights = np.array([weight for _, weight in layers])
    knots = at_s // periods
    fraction = (at_s - knots * periods) / periods
    blend = (fraction * fraction * (3.0 - 2.0 * fraction))[:, None]
    salted = keys[None, :] ^ (periods.astype(np.uint64) * MIX_2)[:, None]
    before, after = _normal_of(_hashed(salted, knots[None, :, None] + BOTH_ENDS))
    curve = (before + blend * (after - before)) * weights[:, None]
    total: FloatArray = curve[0]
    for row in curve[1:]:
        total = total + row
    return total


def _hashed(keys: KeyArray, index: NDArray[np.int64]) -> KeyArray:
    """Return a well mixed 64-bit word per (key, index)."""
    word = _finalised(index.astype(np.int64).view(np.uint64) * GOLDEN + GOLDEN)
    return _finalised(keys ^ word)


def _finalised(word: KeyArray) -> KeyArray:
    """Return SplitMix64's finaliser of each word; overflow wraps by intent."""
    word = (word ^ (word >> np.uint64(30))) * MIX_1
    word = (word ^ (word >> np.uint64(27))) * MIX_2
    return word ^ (word >> np.uint64(31))


def _normal_of(words: KeyArray) -> FloatArray:
    """Return the Irwin-Hall sum of the four 16-bit parts of each word, centred and scaled to variance 1."""
    parts = (words[..., None] >> CHUNKS) & CHUNK
    total = parts.astype(np.int64).sum(axis=-1).astype(np.float64)
    centred: FloatArray = (total - 131_070.0) * (math.sqrt(3.0) / 65_536.0)
    return centred
