# SPDX-License-Identifier: BSD-2-Clause
"""One self-contained HTML page for result files: report.py FILE.h5 … [-o PAGE.html]

Figures first, each with its one-sentence reading, then the numbers, options and provenance. No
external address is referred to; equal files give equal bytes.
"""
import argparse
import html
import pathlib
import sys

import figures
import lathe_analysis as la

STYLE = """
:root { color-scheme: light dark; --ink: #1f2937; --soft: #6b7280; --line: #e5e7eb; --page: #f8fafc;
  --card: #ffffff; --accent: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e5e7eb; --soft: #9ca3af; --line: #374151;
  --page: #111827; --card: #1f2937; --accent: #56b4e9; } }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 980px; margin: 0 auto; padding: 2rem 1.2rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; } h2 { font-size: 1.3rem; margin: 3rem 0 .2rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
.lead, .file { color: var(--soft); margin: 0 0 1rem; }
.answer { font-size: 1.15rem; border-left: 4px solid var(--accent); padding: .3rem 0 .3rem .9rem; }
figure { margin: 1.2rem 0; padding: 1rem 1.1rem; background: #ffffff; color: #1f2937;
  border: 1px solid var(--line); border-radius: 10px; }
figure svg { width: 100%; height: auto; display: block; }
figcaption b { display: block; } figcaption { margin-bottom: .6rem; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .7rem; border-bottom: 1px solid var(--line);
  white-space: nowrap; } th { color: var(--soft); font-weight: 600; }
tr:last-child td { border-bottom: 0; }
details { margin: .8rem 0; } summary { cursor: pointer; color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; }
nav a { color: var(--accent); }
pre { white-space: pre-wrap; font-size: .85rem; }
"""

CERTIFICATES = {
    "rigorous": "true for the stored numbers: every rounding error lies inside the bracket",
    "deterministic": "true in exact arithmetic; rounding errors of a few units are not bounded",
    "probabilistic": "the upper bound fails with the stated probability over the start vector",
    "estimate": "no bound"}


def escape(text):
    return html.escape(str(text), quote=False)


def html_table(header, rows):
    head = "".join(f"<th>{escape(h)}</th>" for h in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>\n"
                   for row in rows)
    return f'<div class="scroll"><table><tr>{head}</tr>\n{body}</table></div>'


def attribute_table(attrs):
    return html_table(["name", "value"], [[k, v] for k, v in attrs.items()])


def verdicts(result):
    """What the certificates in the file mean."""
    kinds = []
    for name, variable in result.variables.items():
        if name == "certificate" or name.endswith("_certificate"):
            kinds += [str(k) for k in variable.values.ravel() if str(k) in CERTIFICATES]
    rows = [[k, kinds.count(k), CERTIFICATES[k]] for k in dict.fromkeys(kinds)]
    return html_table(["certificate", "count", "meaning"], rows) if rows else ""


def section(path, number, problems):
    """One file; what cannot be drawn of it is added to `problems`."""
    result = la.load_or_exit(path)
    name = pathlib.Path(path).name
    parts = [f'<section id="s{number}"><h2>{escape(result.attrs.get("title", name))}</h2>',
             f'<p class="file">{escape(name)} · {escape(result.experiment)} · '
             f'{escape(result.attrs.get("status", ""))}</p>']
    try:
        text = figures.answer(result)
    except Exception as error:  # noqa: BLE001 - one file must not take the page from the others
        text = f"No sentence can be made from this file: {type(error).__name__}: {error}."
        problems.append(f"{path}: {text}")
    if text:
        parts.append(f'<p class="answer">{escape(text)}</p>')
    for figure in figures.figures(result):
        if figure.failed:
            problems.append(f"{path}: {figure.title}: {figure.reading}")
        parts.append(f"<figure><figcaption><b>{escape(figure.title)}</b>{escape(figure.reading)}"
                     f"</figcaption>{figure.svg}</figure>")
    scalars = [[n, la.format_number(v.values.item()) if v.values.dtype != object else v.values.item(),
                v.units if v.units != "1" else "", v.long_name]
               for n, v in result.scalars().items()]
    if scalars:
        parts += ["<h3>Results</h3>", html_table(["name", "value", "unit", "meaning"], scalars)]
    for dim in dict.fromkeys(v.dims[0] for v in result.variables.values() if len(v.dims) == 1):
        header, rows = la.table(result, dim)
        if header and len(rows) <= 40:
            parts += [f"<h3>By {escape(dim)}</h3>", html_table(header, rows)]
        elif header and len(rows) <= 400:
            parts.append(f"<details><summary>By {escape(dim)}, {len(rows)} rows</summary>"
                         f"{html_table(header, rows)}</details>")
    if text := verdicts(result):
        parts += ["<h3>How far to trust it</h3>", text]
    for group in ("input", "options", "provenance"):
        attrs = {}
        for key, values in result.groups.items():
            if key == group or key.startswith(group + "/") and not key.startswith("options/"):
                prefix = key[len(group) + 1:]
                attrs |= {f"{prefix}.{k}" if prefix else k: v for k, v in values.items()}
        if attrs:
            parts.append(f"<details><summary>{group.capitalize()}</summary>"
                         f"{attribute_table(attrs)}</details>")
    references = result.attrs.get("references", "")
    parts.append(f"<details><summary>References</summary><pre>{escape(references)}</pre></details>")
    return "\n".join(parts) + "</section>"


def page(paths, problems):
    titles = [(f"s{i}", pathlib.Path(p).stem) for i, p in enumerate(paths)]
    links = "".join(f'<a href="#{i}">{escape(t)}</a>' for i, t in titles)
    body = "\n".join(section(p, i, problems) for i, p in enumerate(paths))
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>lathe report</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>
<body><main><h1>lathe report</h1>
<p class="lead">Certified results: every bound states how far it can be trusted.</p>
<nav>{links}</nav>
{body}
</main></body></html>
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("-o", "--output", default="results/report.html", type=pathlib.Path)
    arguments = parser.parse_args()
    problems = []
    text = page(arguments.files, problems)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(text, encoding="utf-8")
    print(f"report: {arguments.output} ({len(text) / 1024:.0f} KiB)")
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
