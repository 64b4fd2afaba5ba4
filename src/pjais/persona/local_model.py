"""The embedding model of the extra `semantic`: it came with an installed package, and never needs a network.

The wheel of `wordllama` carries the weights of its model (256 numbers for each of 32,000 pieces of words, 16 MB) and
its tokenizer.  Only these two files are read.  Its code is not imported: it configures the logging of the whole
program, and its loader looks for the tokenizer in a folder that the wheel does not have, and then downloads it.
Versions 0.2.2 (a wheel for every platform) to 0.4 have the same two files, so the same model by name.

The vector of a text is the mean of the vectors of its pieces, as the model was trained, stored as int8: one byte a
number, which changes a cosine by at most .003.  The name of the model holds a digest of the two files and of this way,
so that a changed model is another one, and vectors of the two are never compared.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pjais.errors import UsageError

if TYPE_CHECKING:
    import numpy

    Numbers = numpy.ndarray[Any, numpy.dtype[numpy.float32]]

HELP = "pip install 'pjais[semantic]'"
MOST = 8192
"""Characters of a text that are looked at: a mean over more says ever less."""

_PACKAGE = "wordllama"
_WEIGHTS = Path("weights") / "l2_supercat_256.safetensors"
_TOKENIZER = Path("tokenizers") / "l2_supercat_tokenizer_config.json"
_WAY = b"1: mean of the pieces of the first 8192 characters, int8 by the largest"


class LocalModel:
    """The model, loaded.  Safe for threads."""

    def __init__(self, folder: Path) -> None:
        import numpy as np
        from tokenizers import Tokenizer

        weights, tokenizer = (folder / _WEIGHTS).read_bytes(), (folder / _TOKENIZER).read_bytes().strip()
        self._pieces = _tensor(weights).astype(np.float32)
        self._tokenizer = Tokenizer.from_str(tokenizer.decode("utf-8"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.dimension = int(self._pieces.shape[1])
        digest = hashlib.sha256(b"".join(hashlib.sha256(one).digest() for one in (weights, tokenizer, _WAY)))
        self.name = f"wordllama/{_WEIGHTS.stem}@{digest.hexdigest()[:16]}"

    def embed(self, text: str) -> bytes:
        """Return the vector of a text, `dimension` numbers of one byte; empty for a text without a direction."""
        import numpy as np

        pieces = self._tokenizer.encode(text[:MOST], add_special_tokens=False).ids
        found = self._pieces[np.minimum(pieces, len(self._pieces) - 1)].sum(0) if pieces else self._pieces[:0].sum(0)
        largest = float(np.abs(found).max())
        return b"" if largest == 0.0 else np.rint(found * (127 / largest)).astype(np.int8).tobytes()


def installed() -> bool:
    """Return whether the extra is installed; nothing is loaded."""
    return _folder() is not None


@lru_cache(maxsize=1)
def find() -> LocalModel | None:
    """Return the local model, loaded once (0.2 s); None if the extra is not installed."""
    folder = _folder()
    return None if folder is None else LocalModel(folder)


def need() -> LocalModel:
    """Return the local model.  Raises UsageError that names the extra if it is not installed."""
    found = find()
    if found is None:
        raise UsageError("no local embedding model is installed", next_command=HELP)
    return found


@lru_cache(maxsize=1)
def _folder() -> Path | None:
    """Return the folder of the package that carries the model, if all that it needs is installed."""
    if any(find_spec(name) is None for name in ("numpy", "tokenizers")):
        return None
    spec = find_spec(_PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        folder = Path(place)
        if (folder / _WEIGHTS).is_file() and (folder / _TOKENIZER).is_file():
            return folder
    return None


def _tensor(data: bytes) -> Numbers:
    """Return the one matrix of a safetensors file: the length of its head, the head as JSON, the numbers."""
    import numpy as np

    length = int.from_bytes(data[:8], "little")
    told = json.loads(data[8 : 8 + length])["embedding.weight"]
    begin, end = (8 + length + one for one in told["data_offsets"])
    kind = {"F16": np.float16, "F32": np.float32}[told["dtype"]]
    found: Numbers = np.frombuffer(data[begin:end], kind).reshape(told["shape"])
    return found
