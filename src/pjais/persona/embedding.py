"""Embed text with the model that made the stored embeddings, if one is installed; no text ever leaves the machine.

The extra `semantic` has a model of its own (`local_model`), which needs none of them.

`fastembed` is tried first, then `sentence-transformers`.  Both accept the name of the model that made the stored
embeddings; the app's own, `Xenova/all-MiniLM-L6-v2`, is a conversion of `sentence-transformers/all-MiniLM-L6-v2`, whose
vectors are the same except for rounding.  These packages download a model that is missing, unless their own settings
forbid it (`HF_HUB_OFFLINE=1`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from pjais.errors import UsageError
from pjais.persona import local_model

Embed = Callable[[str], Sequence[float]]
"""A function that returns the vector of a text."""

_SAME = {"Xenova/all-MiniLM-L6-v2": "sentence-transformers/all-MiniLM-L6-v2"}
_HELP = "pip install fastembed"


def local(model: str | None) -> Embed:
    """Return the local model of this name.  Raises UsageError if no package is installed, or the name is unknown."""
    if model is None:
        raise UsageError(
            "the stored embeddings do not name their model, so a text cannot be compared with them; give a vector",
            advice=f"in Python: store.memories.similar(vector=...); or by a model of our own: {local_model.HELP}",
            next_command="pjais search --help",
        )
    return _loaded(_SAME.get(model, model))


@lru_cache(maxsize=2)
def _loaded(model: str) -> Embed:
    for package, load in (("fastembed", _fastembed), ("sentence_transformers", _sentence_transformers)):
        try:
            module = importlib.import_module(package)
        except ImportError:
            continue
        try:
            return load(module, model)
        except (OSError, ValueError, RuntimeError) as error:
            raise UsageError(
                f"{package} cannot load the model of the stored embeddings: {error}", where=[model], next_command=_HELP
            ) from error
    raise UsageError(
        "no local model is installed that could embed the text",
        where=[model],
        advice=f"or take the extra, whose own model embeds every memory and needs no network: {local_model.HELP}",
        next_command=_HELP,
    )


def _fastembed(module: Any, model: str) -> Embed:
    loaded = module.TextEmbedding(model_name=model)
    return lambda text: [float(one) for one in next(iter(loaded.embed([text])))]


def _sentence_transformers(module: Any, model: str) -> Embed:
    loaded = module.SentenceTransformer(model)
    return lambda text: [float(one) for one in loaded.encode(text)]
