"""`recall` by meaning: with the extra's model once it is on, under the same filters, and new memories at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_mcp_scope import HIDING, KINDS, SECRET, base, hide, offered

import pjais
from pjais.mcp.offer import Offer
from pjais.mcp.options import Options
from pjais.persona import local_model

pytestmark = pytest.mark.skipif(not local_model.installed(), reason="the extra `semantic` is not installed")

QUERIES = ("yacht", "hot drink", "note", "someone who sails", SECRET, f"{SECRET} tea")


def recalled(offer: Offer, query: str) -> list[Any]:
    answer = offer.call("test", "recall", {"query": query, "limit": 50})
    assert not answer.error
    return [answer.structured, *answer.texts]


def test_recall_finds_what_shares_no_word_once_it_is_on(tmp_path: Path) -> None:
    base(tmp_path)
    with offered(tmp_path, Options(persona="p1")) as offer:
        assert json.loads(recalled(offer, "yacht")[1])["memories"] == []
    with pjais.open(tmp_path) as store:
        store.memories.embed_missing()
    with offered(tmp_path, Options(persona="p1")) as offer:
        assert "sails a boat" in recalled(offer, "yacht")[1]
        offer.call("test", "remember", {"content": "She plays the violin."})
        assert "violin" in recalled(offer, "a musical instrument")[1]
    assert pjais.verify(tmp_path).passed


def test_recall_by_meaning_reveals_nothing_hidden(tmp_path: Path) -> None:
    """Each answer is the same whether hidden memories are there or not, and has no word of them."""
    base(tmp_path)
    with pjais.open(tmp_path) as store:
        store.memories.embed_missing()
    with offered(tmp_path, HIDING) as offer:
        before = [recalled(offer, query) for query in QUERIES]
    with pjais.open(tmp_path) as store:
        for number, kind in enumerate(KINDS * 3):
            hide(store, kind, number, "a yacht and a hot drink, someone who sails", "private")
    with offered(tmp_path, HIDING) as offer:
        after = [recalled(offer, query) for query in QUERIES]
    assert after == before
    assert SECRET not in json.dumps(after)
