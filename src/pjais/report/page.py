"""`report.html`: one self-contained page, readable without scripts, in light and dark, on paper and on a phone."""

from __future__ import annotations

from html import escape
from string import Template
from typing import Any

from pjais import instants
from pjais.core.results import Counts, Report
from pjais.display import counted
from pjais.report.rules import RULES

_STYLE = """
:root{color-scheme:light dark;--ink:#1d2330;--soft:#5b6475;--line:#d9dee8;--paper:#fff;--card:#f6f8fb;
--good:#1a7f4b;--warn:#8f5b00;--bad:#b3261e;--bar:#3767c9}
@media(prefers-color-scheme:dark){:root{--ink:#e7eaf1;--soft:#a3adc0;--line:#343c4d;--paper:#161a22;--card:#1e2430;
--good:#5fd097;--warn:#f0b95b;--bad:#ff8a80;--bar:#7fa7ff}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:60rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}h1{font-size:1.6rem;margin:0 0 .25rem}
h2{font-size:1.1rem;margin:2.5rem 0 .75rem}p{margin:.25rem 0}.soft{color:var(--soft)}
.verdict{border-left:.4rem solid var(--tone);background:var(--card);padding:1rem 1.25rem;border-radius:.4rem;
margin:1.5rem 0}
.verdict b{color:var(--tone)}.numbers{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:.75rem}
.number{background:var(--card);border-radius:.4rem;padding:.8rem 1rem}.number b{display:block;font-size:1.5rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.45rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
td code{overflow-wrap:break-word}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
th{color:var(--soft);font-weight:600}
code{font:0.92em ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}
.bar{height:.5rem;border-radius:.25rem;background:var(--bar);min-width:2px}
"""

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>$title</title><style>$style</style></head><body><main>
<h1>$title</h1><p class="soft">$when</p>
<div class="verdict" style="--tone:var(--$tone)"><p><b>$code</b></p><p>$message</p><p>Next: <code>$next</code></p></div>
$numbers
<h2>Sources</h2>$sources
$passed
<h2>What was seen, and what was done about it</h2>$rules
<h2>Proof</h2>$proof
<h2>Where things are</h2>$places
<h2>Time</h2>$phases
</main></body></html>
""")


def render(report: Report) -> str:
    """Return the page.  Every value is escaped; it holds no content of a memory."""
    tone = "good" if report.exit_code == 0 else "warn" if report.exit_code == 1 else "bad"
    return _PAGE.substitute(
        title=f"Migration {escape(report.run_id or '')}",
        style=_STYLE,
        when=f"{instants.to_text(report.started_at)}, {(report.finished_at - report.started_at) / 1000:.1f} s",
        tone=tone,
        code=escape(report.code.replace("_", " ")),
        message=escape(report.message),
        next=escape(report.next_command),
        numbers=_numbers(report.total),
        sources=_sources(report),
        passed=_passed(report),
        rules=_rules(report),
        proof=_proof(report),
        places=_places(report),
        phases=_phases(report),
    )


def _numbers(total: Counts) -> str:
    cells = [
        ("read", total.read),
        ("migrated", total.migrated),
        ("superseded", total.superseded),
        ("removed in the source", total.removed),
        ("quarantined", total.quarantined),
    ]
    return (
        '<div class="numbers">'
        + "".join(f'<div class="number"><b>{count:,}</b>{escape(name)}</div>' for name, count in cells)
        + "</div>"
    )


def _table(head: list[tuple[str, bool]], body: list[list[str]], nothing: str) -> str:
    """Return a table; a column marked True holds numbers.  Cells are HTML already."""
    if not body:
        return f"<p>{escape(nothing)}</p>"
    tags = ['<th class="n">' if number else "<th>" for _, number in head]
    top = "".join(f"{tag}{escape(name)}</th>" for tag, (name, _) in zip(tags, head, strict=True))
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td class="n">{cell}</td>' if number else f"<td>{cell}</td>"
            for cell, (_, number) in zip(row, head, strict=True)
        )
        + "</tr>"
        for row in body
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{rows}</tbody></table></div>'


def _sources(report: Report) -> str:
    names = ("read", "migrated", "unchanged", "repaired", "superseded", "removed", "quarantined")
    head = [("kind", False), ("source", False), *((name, True) for name in names)]
    body = [
        [escape(source["kind"]), f"<code>{escape(source['name'])}</code>", *(f"{source[name]:,}" for name in names)]
        for source in report.sources
    ]
    return _table(head, body, "No source was read.")


def _passed(report: Report) -> str:
    """Return the stores that were found and not migrated, so that nobody believes they were."""
    if not report.passed:
        return ""
    body = [
        [
            escape(one.kind),
            f"<code>{escape(one.label)}</code>",
            escape(one.made_by or ""),
            f"{one.size:,}",
            escape(one.reason),
        ]
        for one in report.passed
    ]
    head = [("kind", False), ("what", False), ("made by", False), ("bytes", True), ("why", False)]
    return f"<h2>Found and not migrated</h2>{_table(head, body, '')}"


def _rules(report: Report) -> str:
    body = []
    order = {"error": 0, "repair": 1, "note": 2}
    tones = {"error": "bad", "repair": "warn", "note": "soft"}
    for key, count in sorted(report.rules.items(), key=lambda item: (order[item[0].split(":")[0]], -item[1])):
        level, rule, field = key.split(":", 2)
        body.append(
            [
                f'<span class="{tones[level]}">{level}</span>',
                f"<code>{escape(rule)}</code>",
                escape(field),
                escape(RULES.get(rule, "")),
                f"{count:,}",
            ]
        )
    head = [("level", False), ("rule", False), ("field", False), ("meaning", False), ("times", True)]
    table = _table(head, body, "Nothing had to be repaired, and nothing is worth a note.")
    return table + _first_findings(report)


def _first_findings(report: Report) -> str:
    if not report.findings:
        return ""
    body = [
        [
            escape(one.level),
            f"<code>{escape(one.source)}</code>",
            f"<code>{escape(one.collection)}</code>",
            f"<code>{escape(one.native_id or one.place)}</code>",
            escape(one.field or ""),
            escape(one.message),
        ]
        for one in report.findings[:100]
    ]
    head = [(name, False) for name in ("level", "source", "collection", "record", "field", "what")]
    shown = f"The first {len(body)} of {report.finding_count:,}; all of them are in report.json."
    return f"<details><summary>{shown}</summary>{_table(head, body, '')}</details>"


def _proof(report: Report) -> str:
    if report.proof is None:
        return "<p>The run ended before there was anything to verify.</p>"
    proof = report.proof
    line = f"<p>{counted(proof.records, 'record')} of the target compared with the ledger by SHA-256; "
    line += f"{counted(proof.difference_count, 'difference')}.</p>"
    body = [
        [escape(what), '<span class="good">passed</span>' if ok else '<span class="bad">fails</span>', escape(about)]
        for what, ok, about in proof.checks
    ]
    body += [
        [
            "difference",
            f"<code>{escape(one.record_type)} {escape(one.record_id)}</code>",
            escape(f"{one.field or ''} {one.problem}"),
        ]
        for one in proof.differences
    ]
    return line + _table([("check", False), ("", False), ("about", False)], body, "")


def _places(report: Report) -> str:
    places: list[tuple[str, Any]] = [("target", report.target), ("backup", report.backup), ("data", report.data_dir)]
    body = [[name, f"<code>{escape(str(path))}</code>"] for name, path in places if path]
    return _table([("what", False), ("where", False)], body, "")


def _phases(report: Report) -> str:
    longest = max((seconds for _, seconds in report.phases), default=0) or 1
    body = [
        [escape(name), f'<div class="bar" style="width:{100 * seconds / longest:.1f}%"></div>', f"{seconds:.2f} s"]
        for name, seconds in report.phases
    ]
    return _table([("phase", False), ("", False), ("seconds", True)], body, "")
