"""Calls of the nine tools that meet every branch of the real server; its answers are recorded by scripts/golden_mcp."""

from __future__ import annotations

from talking import Step, entity, relation

FRESH: list[Step] = [
    ("read_graph", {}),
    ("search_nodes", {"query": "anything"}),
    ("open_nodes", {"names": ["nobody"]}),
    ("create_entities", {"entities": []}),
    ("create_entities", {"entities": [entity("Ada", "likes tea", "likes tea", "", kind="person"), entity("Bo")]}),
    ("create_entities", {"entities": [entity("Ada", "another"), entity("Cy", "has a boat")]}),
    ("create_entities", {"entities": [entity("Twin", "first"), entity("Twin", "second", kind="other")]}),
    ("create_entities", {"entities": [entity("", "nameless", kind="")]}),
    ("create_entities", {"entities": [{**entity("Extra"), "surplus": 1}], "surplus": True}),
    (
        "create_entities",
        {
            "entities": [
                entity(
                    'Wörter "und" \\ Zeichen',
                    "tab\there\nline\r\x00\x01\x1f\x7f\u2028\u2029",
                    "🌉 e\u0301 ß İ ǅ",
                    "</script> & <b>",
                    kind="Ünïcode",
                )
            ]
        },
    ),
    ("read_graph", {}),
    ("create_relations", {"relations": []}),
    ("create_relations", {"relations": [relation("Ada", "Bo"), relation("Ada", "Bo"), relation("Bo", "Ada", "")]}),
    ("create_relations", {"relations": [relation("Ada", "Bo"), relation("Ada", "Ada", "is"), relation("Twin", "Cy")]}),
    ("create_relations", {"relations": [relation("Ada", "Later", "waits for"), relation("No", "One")]}),
    ("create_relations", {"relations": [relation("Ada", "Later", "waits for"), relation("", "Ada", "says")]}),
    ("read_graph", {}),
    ("create_entities", {"entities": [entity("Later", "came")]}),
    ("open_nodes", {"names": ["Later", "Ada", "Ada", "ada", "No"]}),
    ("open_nodes", {"names": []}),
    ("add_observations", {"observations": []}),
    ("add_observations", {"observations": [{"entityName": "Ada", "contents": ["likes tea", "sings", "sings"]}]}),
    (
        "add_observations",
        {
            "observations": [
                {"entityName": "Bo", "contents": ["one"]},
                {"entityName": "Bo", "contents": ["one", "two"]},
                {"entityName": "Twin", "contents": ["to the first", ""]},
            ]
        },
    ),
    (
        "add_observations",
        {
            "observations": [
                {"entityName": "Bo", "contents": ["is not written"]},
                {"entityName": "Nobody", "contents": ["nor this"]},
            ]
        },
    ),
    ("read_graph", {}),
    *[
        ("search_nodes", {"query": one})
        for one in ("TEA", "person", "ada", "ünï", "ß", "\u2028", "boat", "no such", "")
    ],
    ("search_nodes", {"query": "second"}),
    ("delete_observations", {"deletions": []}),
    (
        "delete_observations",
        {
            "deletions": [
                {"entityName": "Ada", "observations": ["likes tea", "never said"]},
                {"entityName": "Twin", "observations": ["first", "second"]},
                {"entityName": "Nobody", "observations": ["x"]},
            ]
        },
    ),
    ("delete_relations", {"relations": [relation("Ada", "Bo"), relation("No", "One"), relation("x", "y")]}),
    ("read_graph", {}),
    ("create_relations", {"relations": [relation("Ada", "Bo"), relation("No", "One"), relation("Ghost", "Ada")]}),
    ("delete_entities", {"entityNames": ["Twin", "Nobody", "Ghost"]}),
    ("read_graph", {}),
    ("delete_entities", {"entityNames": ["Ada", ""]}),
    ("create_entities", {"entities": [entity("Ada", "is back", kind="person")]}),
    ("create_relations", {"relations": [relation("Ada", "Bo")]}),
    ("add_observations", {"observations": [{"entityName": "Ada", "contents": ["likes tea"]}]}),
    ("delete_entities", {"entityNames": []}),
    ("delete_relations", {"relations": []}),
    ("search_nodes", {"query": "a"}),
    ("read_graph", {}),
]
"""On an empty store."""

IMPORTED: list[Step] = [
    ("read_graph", {}),
    ("search_nodes", {"query": "brücke"}),
    ("search_nodes", {"query": "PERSON"}),
    ("open_nodes", {"names": ["Lighthouse Co-op", "Default_User"]}),
    ("create_entities", {"entities": [entity("default_user", "not added"), entity("Nobody Knows", "but we")]}),
    ("add_observations", {"observations": [{"entityName": "default_user", "contents": ["Line one\nLine two", "new"]}]}),
    (
        "create_relations",
        {
            "relations": [
                relation("Lighthouse Co-op", "Nobody Knows", "owes a boat to"),
                relation("default_user", "Lighthouse Co-op", "is member of"),
                relation("Nobody Knows", "default_user", "waves to"),
            ]
        },
    ),
    ("read_graph", {}),
    ("open_nodes", {"names": ["Nobody Knows"]}),
    ("delete_relations", {"relations": [relation("default_user", "Lighthouse Co-op", "is member of")]}),
    ("delete_observations", {"deletions": [{"entityName": "default_user", "observations": ["Prefers short answers"]}]}),
    ("read_graph", {}),
    ("delete_entities", {"entityNames": ["Nobody Knows"]}),
    ("read_graph", {}),
]
"""On the imported sample (tests/golden/ai-apps/mcp-memory/memory.jsonl)."""
