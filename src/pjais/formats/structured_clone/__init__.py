"""Structured clones: the serialised JavaScript values of browsers, read as Python values.

`decode_chromium` and `decode_gecko` read values from the IndexedDB of Chromium and of Firefox, `decode_v8` those
of node's `v8.serialize`.  Each returns the whole value or raises CloneError, whatever the bytes: a value is
never half read.  JSON-like values come as plain Python ones, the others as the types of `pjais.js_values`.
"""

from pjais.formats.structured_clone.gecko import decode_gecko
from pjais.formats.structured_clone.v8 import decode_chromium, decode_v8
from pjais.formats.structured_clone.values import CloneError, Decoded

__all__ = ["CloneError", "Decoded", "decode_chromium", "decode_gecko", "decode_v8"]
