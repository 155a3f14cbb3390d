"""What all HTML pages have in common: readable on a telephone, on a desk, and in grey on paper."""

import html
from string import Template

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 52rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; }
h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
section { border-top: 1px solid #999; padding: 1rem 0; break-inside: avoid; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem .25rem 0;
  border-bottom: 1px solid #ccc; }
.points { text-align: right; white-space: nowrap; padding-right: 0; }
.total { font-size: 1.2rem; }
.total b { margin-right: 1rem; }
.facts { color: #555; margin: .25rem 0; }
.note, blockquote { border-left: 4px solid #555; margin: .75rem 0; padding: .25rem 0 .25rem 1rem; }
pre { white-space: pre-wrap; background: #f2f2f2; padding: .5rem; }
.map { overflow-x: auto; margin: .75rem 0; }
img { width: 100%; min-width: 44rem; height: auto; display: block; }
@media print { body { max-width: none; padding: 0; font-size: 11pt; color: #000; }
  pre { background: none; border: 1px solid #999; } img { min-width: 0; } }
</style>
</head>
<body>
$body
</body>
</html>
""")


def document(title: str, body: str) -> str:
    """A whole page; the body is HTML already, the title is not."""
    return PAGE.substitute(title=html.escape(title), body=body)
