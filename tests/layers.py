"""The layers: which part of the package may import which, between packages and inside them."""

from __future__ import annotations

RANKS: tuple[tuple[str, ...], ...] = (
    ("version", "errors", "instants", "display", "bitset", "sqlite_files", "commands", "js_values"),
    ("canonical", "paths", "choices", "sqlite_wal", "tagged"),
    ("files", "sqlite_journal"),
    ("sqlite",),
    ("sql_text",),
    ("journal",),
    ("logbook", "web_origin"),
    ("core",),
    ("extensions", "report"),
    ("formats", "models"),
    ("sources",),
    ("targets.contract",),
    ("targets.sqlite",),
    ("targets.documents",),
    ("targets.livestore", "targets.folder", "targets.memory"),
    ("targets.registry",),
    ("workspace", "browser_files"),
    ("browser_profile",),
    ("store",),
    ("persona",),
    ("assembly",),
    ("exchange",),
    ("migration",),
    ("livestore_tools",),
    ("side_by_side",),
    ("checks",),
    ("api",),
    ("web",),
    ("demo",),
    ("cli",),
    ("__init__", "__main__", "targets"),
)
"""From the ground up: a name may import what stands in an earlier row, never its own row or a later one."""

FLOORS: dict[str, tuple[str, ...]] = {
    "core": (
        "__init__ blobs dates document events rules shown snapshot table",
        "source",
        "mapping results",
        "declare validate",
        "own_files",
        "model",
    ),
    "report": ("rules", "page", "__init__"),
    "formats": (
        "__init__ container.base container.cut_zip eventlog json_stream leveldb leveldb.codings opfs opfs.pool "
        "opfs.write_ahead sqlite_pages structured_clone.values",
        "container.zip_archive indexeddb.sortable_keys leveldb.log leveldb.table structured_clone.gecko "
        "structured_clone.hosts",
        "container leveldb.folder structured_clone.leaves",
        "indexeddb.values structured_clone.v8 web_storage",
        "indexeddb.keys indexeddb.queries indexeddb.records indexeddb.wire structured_clone",
        "indexeddb.scopes opfs.path_index",
        "indexeddb.chromium indexeddb.chromium_sqlite indexeddb.firefox opfs.extract",
        "indexeddb indexeddb.metadata indexeddb.sqlite_files opfs.listing",
    ),
    "models": (
        "documents documents.blobs documents.catalogue documents.kinds persona persona.cold persona.records "
        "persona.schema_4",
        "persona.kept_messages",
        "documents.references persona.tables",
        "documents.table persona.livestore",
        "documents.mapping persona.events persona.mappings.nested persona.observations persona.upgrades",
        "documents.model documents.survey persona.mappings.camel persona.mappings.drizzle persona.mappings.flat "
        "persona.typescript",
        "documents.of_store documents.schemas",
        "persona.mappings",
        "persona.model",
        "__init__",
    ),
    "sources": (
        "__init__ found grouping indexeddb.libraries.contract indexeddb.libraries.javascript_json js_documents "
        "unpacked livestore.log livestore.reconcile livestore.replay rxdb.keys rxdb.names rxdb.secrets seen walk",
        "contract indexeddb.libraries.automerge_chunks indexeddb.libraries.firestore_values indexeddb.libraries.others "
        "indexeddb.libraries.pouchdb indexeddb.libraries.redux_persist indexeddb.libraries.tinybase "
        "indexeddb.libraries.yjs_update rxdb.catalog rxdb.schemas",
        "indexeddb.libraries.automerge_document indexeddb.libraries.firestore indexeddb.libraries.localforage "
        "indexeddb.libraries.yjs_document",
        "indexeddb.libraries.automerge indexeddb.libraries.yjs",
        "indexeddb.libraries",
        "indexeddb.makers json_files.recognise json_files.record_files livestore.detector rxdb.removable "
        "sqlite_source sqlite_tables.reader sqlite_tables.recognise livestore.removable livestore.store "
        "json_files.reader",
        "indexeddb.detector indexeddb.layouts livestore.locations web_storage.everything",
        "indexeddb.everything livestore.reader opfs_sqlite.reader rxdb.local_storage rxdb.pouchdb sqlite_tables "
        "web_storage.detector",
        "indexeddb opfs_sqlite.detector rxdb.reader",
        "opfs_sqlite apps.contract apps.values",
        "apps.redaction apps.shape",
        "apps.parts apps.sections apps.trees ",
        "apps.entries apps.redaction apps.shape",
        "apps.chatgpt.conversation ",
        "apps.claude.conversation ",
        "apps.claude.records ",
        "apps.claude.parts ",
        "apps.gemini_takeout.html_text apps.gemini_takeout.members ",
        "apps.gemini_takeout.prompts ",
        "apps.grok.conversation ",
        "apps.jan.thread ",
        "apps.typingmind.chat ",
        "apps.chatgpt.reader ",
        "apps.claude.reader ",
        "apps.chatgpt ",
        "apps.claude ",
        "apps.gemini_takeout.reader ",
        "apps.gemini_takeout ",
        "apps.grok.reader ",
        "apps.grok ",
        "apps.jan.reader ",
        "apps.typingmind.reader ",
        "apps.jan ",
        "apps.typingmind ",
        "apps.chatbox.dump apps.chatbox.session",
        "apps.chatbox.reader",
        "apps.chatbox",
        "apps.lobechat.export",
        "apps.lobechat.rows",
        "apps.lobechat.reader",
        "apps.lobechat",
        "apps.letta_af.agent apps.letta_af.agent_file",
        "apps.letta_af.reader",
        "apps.letta_af",
        "apps.big_agi.conversation",
        "apps.big_agi.reader",
        "apps.big_agi",
        "apps.langchain.records",
        "apps.langchain.reader",
        "apps.langchain",
        "apps",
        "livestore rxdb web_storage",
        "json_files pjais_store.reader",
        "pjais_store",
        "registry",
        "backup identify",
        "count detect",
        "inventory",
    ),
    "targets.sqlite": (
        "__init__ blobs chain ddl decisions",
        "drift entries fixed_tables heads search_index",
        "keeping ledger precedence",
        "collection_names compare cutover exported removals standing",
        "reshape target",
        "document_tables",
        "builder documents from_carried",
    ),
    "targets.folder": ("__init__", "target"),
    "targets.memory": ("__init__", "target"),
    "targets.livestore": ("__init__ log_file log_proof writer", "absorbed", "catch_up extend", "target"),
    "store": (
        "__init__ operations owners upgrade watcher",
        "fair_lock",
        "pool",
        "live",
        "documents records",
        "as_of",
        "history",
        "undo",
    ),
    "persona": (
        "__init__ attachments conversations embedding embedding_map filters personas query relationships vectors",
        "search statistics tiers",
        "semantic",
        "memories",
        "as_of",
        "store",
    ),
    "assembly": ("__init__ findings held ids", "assemble", "reader_process scratch unchanged"),
    "exchange": (
        "__init__ transfer",
        "app_files",
        "documents guide_export plugin_exporter rxdb_documents",
        "guide_backup rxdb_dump",
        "export",
    ),
    "migration": (
        "__init__ active copies fault_messages options origins outcome rejection revert run_log run_proof state",
        "originals recover",
        "backups quarantine retention rollback",
        "status steps verify",
        "run",
        "automatic",
    ),
    "livestore_tools": ("__init__ doctor timeline", "restore_record upgrade", "store"),
    "side_by_side": ("__init__ follow shadow sides", "private_text switch", "cleanup service"),
    "checks": ("__init__ livestore_app support_bundle", "live_queries sqlite_app", "verify_app", "checklist"),
    "api": ("__init__ arguments", "backup checks exchange livestore migration opening quarantine side_by_side"),
    "web": (
        "__init__ broadcast charts guard inbox schemas",
        "entrance session",
        "view_values",
        "history_views migration_views record_views",
        "rendering",
        "actions",
        "app",
        "server",
    ),
    "demo": ("__init__ benchmark",),
    "cli": (
        "boundary locations next_command output",
        "context",
        "migration_options",
        "__init__ backup checklist cleanup explain export lists livestore rollback run_report sides_options status "
        "store_history support_bundle time_options ui verify verify_app",
        "activate at demo detect diff events follow history import_ migrate operations "
        "plan quarantine record_commands remember restore_record search shadow switch",
        "conversations memories personas plugins redo undo",
    ),
}
"""The same inside a package: a module imports modules of earlier rows of its own package only."""

ENGINE = ("core", "formats", "sources", "workspace", "targets", "store", "assembly", "migration", "livestore_tools")
"""What knows no app: it is handed a model by `pjais.models`, and imports none but that of any app's documents."""

KNOW_A_MODEL: frozenset[str] = frozenset()
"""Modules of the engine that still import the persona model; each is to be struck."""

EXCEPTIONS: frozenset[tuple[str, str]] = frozenset()
"""(importer, imported) that still run against the order; each is to be struck."""
