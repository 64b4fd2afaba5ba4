"""`report.html`: the proof of a run as one file to keep.

It needs no script, no network and no other file; it reads on a phone and in the dark, and prints on one A4 page.  Its
looks are those of the web UI.  It holds no content of a memory.
"""

from __future__ import annotations

import shlex
from html import escape
from string import Template
from typing import Any, NamedTuple

from pjais import files, instants
from pjais.core.results import Counts, Proof, Report
from pjais.display import counted, size
from pjais.report import sentences
from pjais.report.sentences import Sentence
from pjais.version import __version__

_STYLE = """
:root{color-scheme:light dark;--canvas:light-dark(#f7f6f3,#131416);--surface:light-dark(#fff,#1b1d20);
--text:light-dark(#1f1e1b,#eceae5);--soft:light-dark(#57534b,#b4b8be);--faint:light-dark(#6b665d,#9ba0a8);
--line:light-dark(#e3e0d9,#303439);--sunken:light-dark(#f1efeb,#232629);--accent:light-dark(#0b6b87,#5db9d6);
--mid:light-dark(#a9ccd6,#3b6f80);--none:light-dark(#c9c4b9,#4a4f56);--good:light-dark(#17653a,#83d3a4);
--good-bg:light-dark(#e7f4eb,#172d20);--good-line:light-dark(#b3d8c0,#2c5a3e);--warn:light-dark(#744900,#ecc374);
--warn-bg:light-dark(#fcf2dc,#33280f);--warn-line:light-dark(#e6cb8c,#67501d);--bad:light-dark(#a1251c,#ff9f94);
--bad-bg:light-dark(#fdecea,#391b18);--bad-line:light-dark(#efc0b9,#76332c)}
*{box-sizing:border-box;margin:0}body{background:var(--canvas);color:var(--text);
font:14px/1.5 Inter,system-ui,-apple-system,"Segoe UI",sans-serif;font-variant-numeric:tabular-nums}
main{display:grid;gap:16px;max-width:68rem;margin:0 auto;padding:32px 20px 48px}
h1{font-size:26px;line-height:1.2}h2{font-size:16px}.soft{color:var(--soft)}.small{font-size:13px}
.verdict,.card{border:1px solid var(--line);border-radius:12px;background:var(--surface);min-width:0;overflow:hidden}
.verdict{padding:16px 24px;display:grid;gap:8px}.verdict h2{font-size:20px}
.good-bg{background:var(--good-bg);border-color:var(--good-line)}.warn-bg{background:var(--warn-bg);
border-color:var(--warn-line)}.bad-bg{background:var(--bad-bg);border-color:var(--bad-line)}
.sum{display:block;width:100%;height:10px;border-radius:5px;overflow:hidden;margin-top:4px}
.sums{display:flex;flex-wrap:wrap;gap:4px 24px;padding:0;list-style:none;font-size:13px;color:var(--soft)}
.sums b{color:var(--text)}.sums li:last-child{margin-left:auto}.key{display:inline-block;width:10px;height:10px;
border-radius:3px;margin-right:6px}.m{background:var(--accent);fill:var(--accent)}.s{background:var(--mid);
fill:var(--mid)}.d{background:var(--none);fill:var(--none)}.q{background:var(--warn);fill:var(--warn)}
.card header{display:flex;flex-wrap:wrap;justify-content:space-between;gap:4px 16px;align-items:baseline;
padding:12px 16px}.card header span{color:var(--faint);font-size:13px}table{width:100%;border-collapse:collapse}
th,td{padding:7px 8px;text-align:left;border-top:1px solid var(--line);vertical-align:top;font-weight:400;
overflow-wrap:anywhere}th:first-child,td:first-child{padding-left:16px}th:last-child,td:last-child{padding-right:16px}
thead th{color:var(--soft);font-size:12px;font-weight:600;border-top:0;overflow-wrap:normal}tbody th{font-weight:500}
tfoot>tr>*{border-top:1px solid var(--none);font-weight:600}.n{text-align:right;white-space:nowrap}
.zero{color:var(--faint)}.halves{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:16px;
align-items:start}.column{display:grid;gap:16px}.list{padding:0;list-style:none}
.list li{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:0 12px;padding:8px 16px;
border-top:1px solid var(--line);overflow-wrap:anywhere}.list p{grid-column:1;color:var(--soft);font-size:13px}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}dl{display:grid;
grid-template-columns:auto minmax(0,1fr);gap:6px 16px;padding:0 16px 14px;font-size:13px}dt{color:var(--faint)}
dd{min-width:0;overflow-wrap:anywhere}code,.hash{font-family:"JetBrains Mono",ui-monospace,Menlo,Consolas,monospace;
font-size:12px}.command{margin:4px 16px 16px;padding:6px 12px;border:1px solid var(--line);border-radius:7px;
background:var(--sunken);overflow-wrap:anywhere}.foot{padding:0 16px;font-size:13px;color:var(--soft)}
.last{padding-bottom:14px}summary{padding:12px 16px;cursor:pointer;font-weight:600}
@media screen and (max-width:44rem){.halves{grid-template-columns:minmax(0,1fr)}.sums li:last-child{margin-left:0}
table,tbody,tfoot,tr,td,tbody th,tfoot th{display:block}thead{display:none}tbody tr,tfoot tr{padding:8px 16px;
border-top:1px solid var(--line)}td,tbody th,tfoot th{padding:1px 0!important;border:0!important}
td[data-label]{display:inline-block;margin-right:12px;text-align:left;font-size:13px}td[data-label]::before{
content:attr(data-label)" ";color:var(--faint)}td:empty{display:none}}
@media screen{.paper{display:none!important}}
@media print{:root{color-scheme:light}body{background:#fff;font-size:9.5px;line-height:1.32}
main{padding:0;gap:9px;max-width:none}h1{font-size:19px}h2{font-size:12px}.verdict h2{font-size:14px}
.verdict{padding:7px 12px;gap:3px}.card{break-inside:avoid}.card header{padding:5px 12px}th,td{padding:2.5px 6px}
.list li{padding:3px 12px}.list p,dl,.small,.sums,.foot,.card header span{font-size:9px}thead th{font-size:9px}
code,.hash{font-size:9px}dl{gap:2px 12px;padding:0 12px 8px}.command{margin:3px 12px 8px;padding:3px 8px}
.halves,.column{gap:9px}.more,.screen{display:none!important}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
@page{size:A4;margin:12mm}
"""

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>$title $run</title><style>$style</style></head><body><main>
<header><h1>$title</h1><p class="soft">$when</p></header>
$verdict
$sources
<div class="halves"><div class="column">$checks</div><div class="column">$repairs$notes$passed</div></div>
$digests
$findings
</main></body></html>
""")

_OUTCOMES = (
    ("migrated", "m", "migrated"),
    ("superseded", "s", "superseded by a newer copy"),
    ("removed", "d", "deleted in the source"),
    ("quarantined", "q", "in quarantine"),
)
_SOURCES_ON_PAPER = 14
"""Sources that fit on one page beside the rest; further ones are one row."""
_SAID_ON_PAPER = 5
_STORES = 8
_ON_SCREEN = ' class="screen"'
_FINDINGS = 100


def render(report: Report) -> str:
    """Return the page.  Every value is escaped; it holds no content of a memory."""
    return _PAGE.substitute(
        title="Proof of migration" if report.exit_code in (0, 1) else "Migration that stopped",
        run=escape(report.run_id or ""),
        style=_STYLE,
        when=_when(report),
        verdict=_verdict(report),
        sources=_sources(report),
        checks=_checks(report.proof),
        notes=_told(report, ("note",)),
        repairs=_told(report, ("error", "repair")) or _card("Repairs", "", _NO_REPAIRS),
        passed=_passed(report),
        digests=_digests(report),
        findings=_findings(report),
    )


def _when(report: Report) -> str:
    began, ended = instants.to_text(report.started_at), instants.to_text(report.finished_at)
    took = (report.finished_at - report.started_at) / 1000
    return (
        f"Run <code>{escape(report.run_id or '')}</code> of {began[:10]}, {began[11:19]} to {ended[11:19]} UTC "
        f"({took:,.1f} s), pjais {__version__}, into <code>{escape(str(report.target))}</code>"
    )


def _verdict(report: Report) -> str:
    tone = "good" if report.exit_code == 0 else "warn" if report.exit_code == 1 else "bad"
    title, text = headline(report.exit_code, report.total.read, report.total.quarantined, report.message)
    return (
        f'<section class="verdict {tone}-bg"><h2 class="{tone}">{escape(title)}</h2><p>{escape(text)}</p>'
        f"{_sum(report.total)}</section>"
    )


def headline(exit_code: int, read: int, quarantined: int, message: str) -> tuple[str, str]:
    """Return the title of a run's outcome and a sentence below it."""
    if exit_code not in (0, 1):
        return "Nothing was changed", message[:1].upper() + message[1:] + "."
    if not read:
        return "The sources hold no documents", "They were read completely. An empty store is in place."
    documents = "The one document" if read == 1 else f"Each of the {read:,} documents"
    text = f"{documents} ended as exactly one of four outcomes, and each migrated record equals its original."
    if quarantined:
        waiting = counted(quarantined, "document is", "documents are")
        text += f" {waiting} kept unchanged in quarantine."
    return "Nothing was lost", text


def _sum(total: Counts) -> str:
    """Return the outcomes as a bar and as a sum."""
    if not total.read:
        return ""
    counts = total.as_dict()
    bars, items, x = "", [], 0.0
    for name, style, said in _OUTCOMES:
        if counts[name]:
            wide = max(counts[name], total.read / 400)
            bars += f'<rect class="{style}" x="{min(x, total.read - wide):g}" width="{wide:g}" height="10"/>'
            x += counts[name]
        if counts[name] or name == "migrated":
            items.append(f'<i class="key {style}"></i><b>{counts[name]:,}</b> {said}')
    lines = "".join(f"<li>{'+ ' if number else ''}{one}</li>" for number, one in enumerate(items))
    return (
        f'<svg class="sum" viewBox="0 0 {total.read} 10" preserveAspectRatio="none" aria-hidden="true">{bars}</svg>'
        f'<ul class="sums">{lines}<li>= <b>{total.read:,}</b> read</li></ul>'
    )


def _card(title: str, note: str, body: str) -> str:
    return f'<section class="card"><header><h2>{title}</h2><span>{note}</span></header>{body}</section>'


def _sources(report: Report) -> str:
    names = ("read", "migrated", "superseded", "removed", "quarantined")
    heads = ("Read", "Migrated", "Superseded", "Deleted", "Quarantined")
    if not report.sources:
        return ""
    shown = report.sources[:_SOURCES_ON_PAPER]
    rows = "".join(
        _row(sentences.source(one["name"]), sentences.kind(one["kind"]), [one[name] for name in names], heads)
        for one in shown
    )
    if rest := report.sources[len(shown) :]:
        sums = [sum(one[name] for one in rest) for name in names]
        rows += _row(f"{len(rest):,} more, in report.json", "", sums, heads)
    counts = report.total.as_dict()
    total = _row("All", "", [counts[name] for name in names], heads)
    head = "".join(f'<th scope="col" class="n">{one}</th>' for one in heads)
    return _card(
        "By source",
        "Read = migrated + superseded + deleted + quarantined",
        f'<table><thead><tr><th scope="col">Source</th><th scope="col">Kind</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody><tfoot>{total}</tfoot></table>",
    )


def _row(name: str, kind: str, numbers: list[int], heads: tuple[str, ...]) -> str:
    cells = "".join(
        f'<td class="n{"" if number else " zero"}" data-label="{head}">{number:,}</td>'
        for number, head in zip(numbers, heads, strict=True)
    )
    return f'<tr><th scope="row">{escape(name)}</th><td class="soft">{escape(kind)}</td>{cells}</tr>'


class Checked(NamedTuple):
    """A check of a proof: what it shows, about what, whether it passed, and its result in a word."""

    title: str
    about: str
    ok: bool
    result: str


def checked(proof: dict[str, Any]) -> list[Checked]:
    """Return the checks of a proof, as `report.json` has it, that of the records first."""
    differing = proof["difference_count"]
    records = counted(proof["records"], "record")
    first = Checked(
        sentences.COMPARED,
        f"{records} compared with what was read, by SHA-256",
        not differing,
        counted(differing, "differs", "differ"),
    )
    return [
        first,
        *(
            Checked(sentences.check(one["check"]), one["about"], one["ok"], "Passed" if one["ok"] else "Failed")
            for one in proof["checks"]
        ),
    ]


def _checks(proof: Proof | None) -> str:
    if proof is None:
        return _card("Checks", "", '<p class="foot last">The run ended before verification.</p>')
    found = checked(proof.as_dict())
    rows = "".join(
        f'<li><span>{escape(one.title)}</span><b class="{"good" if one.ok else "bad"}">{one.result}</b>'
        f"<p>{escape(one.about[:1].upper() + one.about[1:])}</p></li>"
        for one in found
    )
    rows += "".join(
        f"<li><span>{escape(one.record_type)} <code>{escape(one.record_id)}</code></span>"
        f'<b class="bad">Differs</b><p>{escape(" ".join(filter(None, (one.field, one.problem))))}</p></li>'
        for one in proof.differences[:20]
    )
    passed = sum(one.ok for one in found)
    return _card("Checks", f"{passed} of {len(found)} passed", f'<ul class="list">{rows}</ul>')


_NO_REPAIRS = '<p class="foot last">Nothing had to be repaired.</p>'


def _told(report: Report, levels: tuple[str, ...]) -> str:
    found = sentences.of_rules(report.rules)
    titles = {"error": "Rejected, kept in quarantine", "repair": "Repairs", "note": "Worth knowing"}
    cards = ""
    for level in levels:
        if said := [one for one in found if one.level == level]:
            note = "the originals are kept" if level == "repair" else ""
            cards += _card(titles[level], note, f'<ul class="list">{_said(said)}</ul>')
    return cards


def _said(found: list[Sentence]) -> str:
    """Return the sentences; on paper the first ones, with the number of the rest."""
    cut = len(found) > _SAID_ON_PAPER + 1
    rows = "".join(
        f"<li{_ON_SCREEN if cut and number >= _SAID_ON_PAPER else ''}><span>{escape(one.text)}</span></li>"
        for number, one in enumerate(found)
    )
    if cut:
        rows += f'<li class="paper"><span class="soft">{len(found) - _SAID_ON_PAPER:,} more, in report.json</span></li>'
    return rows


def _passed(report: Report) -> str:
    """Return the stores that were found and not migrated, so that nobody believes they were."""
    if not report.passed:
        return ""
    rows = "".join(
        f"<li><span>{escape(one.label)}</span><span>{size(one.size)}</span><p>{escape(one.reason)}</p></li>"
        for one in report.passed[:_STORES]
    )
    if rest := report.passed[_STORES:]:
        rows += f'<li><span class="soft">{len(rest):,} more, in report.json.</span></li>'
    return _card("Found but not migrated", "", f'<ul class="list">{rows}</ul>')


def _digests(report: Report) -> str:
    facts = []
    if report.backup is not None:
        count = sum(len(one["files"]) for one in report.sources)
        told = (("manifest.json", f"Backup of {counted(count, 'file')}"), ("report.json", "Report, all findings"))
        for name, said in told:
            path = report.backup / name
            if path.is_file():
                facts.append((said, f'{name}<br><span class="hash">{_grouped(files.sha256(path))}</span>'))
        facts.append(("Backup folder", f"<code>{escape(str(report.backup))}</code>"))
    facts.append(("Phases", escape(", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.phases))))
    body = "".join(f"<dt>{said}</dt><dd>{value}</dd>" for said, value in facts if value)
    return _card(
        "Digests",
        "SHA-256",
        f'<dl>{body}</dl><p class="foot">{_again(report)[0]}</p>'
        f'<p class="command"><code>{escape(_again(report)[1])}</code></p>',
    )


def _grouped(digest: str) -> str:
    return " ".join(digest[at : at + 8] for at in range(0, len(digest), 8))


def _again(report: Report) -> tuple[str, str]:
    folder = shlex.quote(str(report.data_dir))
    if report.exit_code in (0, 1):
        return "Check it yourself at any later time:", f"pjais verify --run {report.run_id} --data-dir {folder}"
    return "Next:", report.next_command


def _findings(report: Report) -> str:
    if not report.findings:
        return ""
    rows = "".join(
        f"<tr><td>{escape(one.level)}</td><td>{escape(one.source)}</td><td>{escape(one.collection)} "
        f"<code>{escape(one.native_id or one.place)}</code></td><td>{escape(one.field or '')}</td>"
        f"<td>{escape(one.message)}</td></tr>"
        for one in report.findings[:_FINDINGS]
    )
    heads = "".join(f'<th scope="col">{one}</th>' for one in ("Level", "Source", "Record", "Field", "What was found"))
    shown = min(len(report.findings), _FINDINGS)
    return (
        f'<section class="card more"><details><summary>{shown} of {report.finding_count:,} findings; '
        f"report.json has all</summary>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></details></section>"
    )
