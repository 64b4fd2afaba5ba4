"""The LiveStore schema as a TypeScript module: what an app needs to boot a log that we wrote.

Printed from `livestore` and `events` of this package, so that the app's tables, events and materializers do what
our own reading of the same log does.  It runs unchanged on LiveStore 0.3.1 and 0.4.0 with any adapter.
"""

from __future__ import annotations

from collections.abc import Iterator

from pjais.core.events import Add, Append, Column, Event, Insert, LiveTable, Merge, Remove, Set, Take
from pjais.models.persona.events import EVENTS
from pjais.models.persona.livestore import MARK, PRIVACY_LEVELS, ROLES, TABLES

_HEAD = f"""\
// The LiveStore schema of a log that pjais wrote: its tables, its events, and what each event does to the tables.
// Printed by `pjais livestore schema` (schema version {MARK}); runs on LiveStore 0.3.1 and 0.4.0, with any adapter.
//
// What it keeps, and what an app that adds events should keep too:
// - a materializer is pure: no clock, no chance; every time comes with its event;
// - an argument that an older event may lack is optional, so that no old event stops the boot;
// - a column that an event says nothing about gets its default, or null.

import {{ Events, makeSchema, Schema, State }} from '@livestore/livestore'

// ---- Columns

const key = () => State.SQLite.text({{ primaryKey: true }})
const text = () => State.SQLite.text({{ nullable: true }})
const textOr = (value: string) => State.SQLite.text({{ default: value }})
const json = () => State.SQLite.json({{ schema: Schema.Unknown, nullable: true }})
const list = () => State.SQLite.json({{ schema: Schema.Array(Schema.Unknown), default: [] }})
const date = () => State.SQLite.integer({{ schema: Schema.DateFromNumber, nullable: true }})
const real = () => State.SQLite.real({{ nullable: true }})
const realOr = (value: number) => State.SQLite.real({{ default: value }})
const flag = (value: boolean) => State.SQLite.boolean({{ default: value }})

// ---- What stands inside of JSON columns
//
// Typed for whoever writes.  At run time such a column takes any JSON, so that what an earlier app wrote in another
// shape (the migration's report names each such field) is kept as it was and never stops the boot.

const typed = <A, I>(_: Schema.Schema<A, I>): Schema.Schema<A> => Schema.Unknown as unknown as Schema.Schema<A>
const jsonOf = <A, I>(schema: Schema.Schema<A, I>) => State.SQLite.json({{ schema: typed(schema), nullable: true }})
const typedList = <A, I>(_: Schema.Schema<A, I>): Schema.Schema<readonly A[]> =>
  Schema.Array(Schema.Unknown) as unknown as Schema.Schema<readonly A[]>
const listOf = <A, I>(schema: Schema.Schema<A, I>) =>
  State.SQLite.json({{ schema: typedList(schema), default: [] as readonly A[] }})

export const Personality = Schema.Struct({{
  traits: Schema.Array(Schema.String),
  temperament: Schema.String,
  communicationStyle: Schema.String,
}})

export const Settings = Schema.Struct({{
  memoryRetention: Schema.Number,
  privacyLevel: Schema.Literal({", ".join(f"'{one}'" for one in PRIVACY_LEVELS)}),
  autoLearn: Schema.Boolean,
}})

export const Message = Schema.Struct({{
  id: Schema.String,
  role: Schema.Literal({", ".join(f"'{one}'" for one in ROLES)}),
  content: Schema.String,
  timestamp: Schema.Number,
  metadata: Schema.optional(Schema.Record({{ key: Schema.String, value: Schema.Unknown }})),
}})

// ---- Tables

"""

_ARGS = """\

// ---- Arguments of events: `may` may be missing or null, `or` may be missing and the column's default stands.
// Numbers are finite: JSON has no NaN, so an event with one could be committed and never be read again.

const orText = Schema.optional(Schema.String)
const orFlag = Schema.optional(Schema.Boolean)
const orReal = Schema.optional(Schema.Finite)
const orList = Schema.optional(Schema.Array(Schema.Unknown))
const mayText = Schema.optional(Schema.NullOr(Schema.String))
const mayDate = Schema.optional(Schema.NullOr(Schema.DateFromNumber))
const mayReal = Schema.optional(Schema.NullOr(Schema.Finite))
const mayJson = Schema.optional(Schema.Unknown)
const mayOf = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(typed(Schema.NullOr(schema)))
const orListOf = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(typedList(schema))

"""

_CHANGE = """\

// ---- What each event does

// A statement that the query builder has no words for: counting up, appending to JSON.
const change = (table: string, sql: string, bindValues: Record<string, string | number | null>) => ({
  sql,
  bindValues,
  writeTables: new Set([table]),
})

const materializers = State.SQLite.materializers(events, {
"""

_TAIL = """\
})

const state = State.SQLite.makeState({ tables, materializers })

export const schema = makeSchema({ events, state })
"""

_INSIDE = {
    "personality": "Personality",
    "settings": "Settings",
    "embedding": "Schema.Array(Schema.Number)",
    "message": "Message",
    "messages": "Message",
    "tags": "Schema.String",
    "topics": "Schema.String",
}
"""The type of what stands in a JSON column, or of the items of its list, where the guide has one."""


def schema_ts() -> str:
    """The whole module `schema.ts`."""
    parts = [_HEAD]
    parts += [_table(table) for table in TABLES]
    parts.append(f"export const tables = {{ {', '.join(table.name for table in TABLES)} }}\n")
    parts.append(_ARGS)
    parts += [_column_args(table) for table in TABLES if table.key == "id"]
    parts.append("// ---- Events\n\nexport const events = {\n")
    parts += [_event(event) for event in EVENTS]
    parts.append("}\n")
    parts.append(_CHANGE)
    parts += [f"  '{event.name}': {_materializer(event)},\n" for event in EVENTS]
    parts.append(_TAIL)
    return "".join(parts)


def _table(table: LiveTable) -> str:
    columns = "".join(f"    {one.name}: {_column(one, table)},\n" for one in table.columns)
    return (
        f"const {table.name} = State.SQLite.table({{\n  name: '{table.name}',\n  columns: {{\n{columns}  }},\n}})\n\n"
    )


def _column(column: Column, table: LiveTable) -> str:
    if column.name == table.key:
        return "key()"
    if column.form == "json":
        inside = _INSIDE.get(column.name)
        if column.default == []:
            return f"listOf({inside})" if inside else "list()"
        return f"jsonOf({inside})" if inside else "json()"
    if column.form == "date":
        return "date()"
    if column.form == "boolean":
        return f"flag({_literal(column.default)})"
    if column.form in ("real", "integer"):
        return "real()" if column.null else f"realOr({column.default})"
    return "text()" if column.null else f"textOr({_literal(column.default)})"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}'"


def _arg(column: Column) -> str:
    """The schema of an argument that may be missing."""
    if column.form == "json":
        inside = _INSIDE.get(column.name)
        if column.default == []:
            return f"orListOf({inside})" if inside else "orList"
        return f"mayOf({inside})" if inside else "mayJson"
    name = {"text": "Text", "boolean": "Flag", "real": "Real", "integer": "Real", "date": "Date"}[column.form]
    return ("or" if column.default is not None or name == "Flag" else "may") + name


def _required(column: Column) -> str:
    return {
        "text": "Schema.String",
        "boolean": "Schema.Boolean",
        "real": "Schema.Finite",
        "integer": "Schema.Int",
        "date": "Schema.DateFromNumber",
        "json": "Schema.Unknown",
    }[column.form]


def _column_args(table: LiveTable) -> str:
    columns = "".join(f"  {one.name}: {_arg(one)},\n" for one in table.columns if one.name != table.key)
    return f"const {table.name}Columns = {{\n{columns}}}\n\n"


def _event(event: Event) -> str:
    about = f"  // {event.about}\n" if event.about else ""
    fields = "".join(f"      {line},\n" for line in _fields(event))
    head = f"  {event.key}: Events.synced({{\n    name: '{event.name}',\n    schema: Schema.Struct({{\n"
    return f"{about}{head}{fields}    }}),\n  }}),\n"


def _fields(event: Event) -> Iterator[str]:
    table = event.effects[0].table if event.effects else None
    whole = table is not None and event.name.endswith("Imported") and table.key == "id"
    columns = table.by_name if table is not None else {}
    for one in event.args:
        if whole and table is not None and one.name != table.key:
            continue
        if one.name == "updates" and table is not None:
            yield f"updates: Schema.Struct({table.name}Columns)"
        elif not one.null:
            yield f"{one.name}: {_required(one)}"
        else:
            known = columns.get(one.name)
            yield f"{one.name}: {_arg(known if known is not None and known.form == one.form else one)}"
    if whole and table is not None:
        yield f"...{table.name}Columns"


def _materializer(event: Event) -> str:
    if not event.effects:
        return "() => []"
    merged = [one for one in event.effects if isinstance(one, Merge)]
    if merged:
        return _merge(merged[0].table)
    first = event.effects[0]
    if isinstance(first, Insert):
        return _insert(first)
    if isinstance(first, Append):
        return _append(first)
    names = ", ".join(one.name for one in event.args if _is_used(event, one.name))
    statements = [_statement(effect) for effect in event.effects if isinstance(effect, Set | Remove)]
    body = statements[0] if len(statements) == 1 else "[\n" + "".join(f"    {one},\n" for one in statements) + "  ]"
    return f"({{ {names} }}) =>\n    {body}" if len(statements) == 1 else f"({{ {names} }}) => {body}"


def _is_used(event: Event, name: str) -> bool:
    for effect in event.effects:
        if isinstance(effect, Remove | Set) and effect.key_arg == name:
            return True
        if isinstance(effect, Set):
            values = effect.values.values()
            if any(isinstance(one, Take) and one.arg == name for one in values):
                return True
            if any(isinstance(one, Add) and one.when == name for one in values):
                return True
    return False


def _merge(table: LiveTable) -> str:
    if "updatedAt" not in table.by_name:
        return f"({{ id, updates }}) => {table.name}.update(updates).where({{ id }})"
    stamped = "{ ...updates, updatedAt: updatedAt ?? updates.updatedAt }"
    return f"({{ id, updates, updatedAt }}) =>\n    {table.name}.update({stamped}).where({{ id }})"


def _insert(effect: Insert) -> str:
    if not effect.renamed:
        return f"(args) => {effect.table.name}.insert(args)"
    columns = effect.table.by_name
    foreign = sorted({arg for arg in effect.renamed.values() if arg not in columns})
    taken = "".join(f"{name}, " for name in foreign)
    values = ", ".join(f"{to}: {arg if arg in foreign else f'args.{arg}'}" for to, arg in effect.renamed.items())
    given = f"({{ {taken}...args }})" if foreign else "(args)"
    return f"{given} => {effect.table.name}.insert({{ ...args, {values} }})"


def _append(effect: Append) -> str:
    table, column, stamp = effect.table.name, effect.column, effect.stamp
    return f"""({{ conversationId, message, messageId, role, content }}) => {{
    const added = message ?? {{ id: messageId, role, content }}
    const {{ timestamp }} = Object(added) as {{ timestamp?: unknown }}
    return change(
      '{table}',
      `UPDATE {table} SET {column} = json_insert({column}, '$[#]', json($message)),
         {stamp} = coalesce($timestamp, {stamp}) WHERE id = $conversationId`,
      {{
        conversationId,
        message: JSON.stringify(added),
        timestamp: Number.isSafeInteger(timestamp) ? (timestamp as number) : null,
      }},
    )
  }}"""


def _statement(effect: Set | Remove) -> str:
    table = effect.table
    if isinstance(effect, Remove):
        return f"{table.name}.delete().where({{ {effect.key_arg} }})"
    if effect.key_arg is None or any(isinstance(one, Add) for one in effect.values.values()):
        return _raw(effect)
    columns = table.by_name
    values = []
    for name, value in effect.values.items():
        if not isinstance(value, Take):
            values.append(f"{name}: {_plain(value)}")
        elif columns[name].form == "date":
            values.append(f"{name}: {value.arg} ?? undefined")
        else:
            values.append(name if name == value.arg else f"{name}: {value.arg}")
    return f"{table.name}.update({{ {', '.join(values)} }}).where({{ {effect.key_arg} }})"


def _plain(value: object) -> str:
    return "null" if value is None else _literal(value)


def _raw(effect: Set) -> str:
    """A statement in SQL, its parameters the arguments that it takes; dates are bound as milliseconds."""
    table = effect.table
    sets, bound = [], [] if effect.key_arg is None else [effect.key_arg]
    for name, value in effect.values.items():
        if isinstance(value, Take):
            sets.append(f"{name} = coalesce(${value.arg}, {name})")
            bound.append(f"{value.arg}: {value.arg}?.getTime() ?? null")
        elif isinstance(value, Add):
            amount = str(value.amount) if value.when is None else f"(${value.when} IS NOT NULL)"
            sets.append(f"{name} = {name} + {amount}")
        else:
            sets.append(f"{name} = {int(value) if isinstance(value, bool) else value}")
    where = "" if effect.key_arg is None else f" WHERE {table.key} = ${effect.key_arg}"
    sql = f"UPDATE {table.name} SET {', '.join(sets)}{where}"
    values = f"{{ {', '.join(bound)} }}" if bound else "{}"
    return f"change('{table.name}', '{sql}', {values})"
