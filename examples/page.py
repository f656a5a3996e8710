"""Runs the examples whole and writes one page: what each printed and drew, how long it took, and its source.

python examples/page.py [--tiny] [--page examples.html] [autoencoders.py ...]

An example prints its figures, saves its pictures as PNG in the working directory, and takes --tiny: a few seconds on
little data, in place of the whole run. The page is one file that needs no other.
"""

import argparse
import ast
import base64
import html
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import corten

FOLDER = Path(__file__).parent
#: What stands beside the examples and is none.
HELPERS = {"page.py", "picture.py"}

STYLE = """body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
pre { background: #f4f4f4; color: #111; padding: .8rem; overflow-x: auto; font-size: 13px; line-height: 1.35 }
img { max-width: 100%; display: block; margin: 1rem 0; background: white }
.failed { color: #b00 } summary { cursor: pointer }"""


def show(path: Path, arguments: list[str]) -> tuple[str, float, bool]:
    """Run one example in a folder of its own; its part of the page, its seconds, and whether it succeeded."""
    source = path.read_text(encoding="utf-8")
    title, _, about = (ast.get_docstring(ast.parse(source)) or path.stem).partition("\n")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
        command = [sys.executable, str(path.resolve()), *arguments]
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        seconds = time.perf_counter() - start
        pictures = [base64.b64encode(file.read_bytes()).decode() for file in sorted(Path(folder).glob("*.png"))]
    images = "".join(f'<img alt="drawn by {path.name}" src="data:image/png;base64,{code}">' for code in pictures)
    mark = "" if done.returncode == 0 else f'<p class="failed">It failed with exit code {done.returncode}.</p>'
    part = f"""<section id="{path.stem}"><h2>{html.escape(title)}</h2>
<p><code>examples/{path.name}</code>, {seconds:.0f} seconds. {html.escape(about.strip())}</p>{mark}
{images}<details open><summary>What it printed</summary><pre>{html.escape(done.stdout.decode())}</pre></details>
<details><summary>Its source</summary><pre>{html.escape(source)}</pre></details></section>"""
    return part, seconds, done.returncode == 0


def main() -> int:
    """Run the examples and write the page; 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = sorted(path.name for path in FOLDER.glob("*.py") if path.name not in HELPERS)
    parser.add_argument("examples", nargs="*", metavar="example.py", help=f"all of them by default: {', '.join(every)}")
    parser.add_argument("--tiny", action="store_true", help="the examples' tiny settings")
    parser.add_argument("--page", type=Path, default=Path("examples.html"))
    options = parser.parse_args()
    machine = f"{platform.machine()}, {corten.config.cpu_info()['isa']}, {corten.config.num_threads()} threads"
    body = f"<h1>Corten {corten.__version__}: examples</h1><p>{time.strftime('%Y-%m-%d')}, {machine}</p>"
    succeeded = True
    for name in options.examples or every:
        part, seconds, fine = show(FOLDER / name, ["--tiny"] if options.tiny else [])
        print(f"{name}: {seconds:.0f} seconds{'' if fine else ', failed'}", flush=True)
        body, succeeded = body + part, succeeded and fine
    head = f'<meta charset="utf-8"><title>Corten: examples</title><style>{STYLE}</style>'
    options.page.write_text(f'<!doctype html><html lang="en">{head}{body}</html>\n', encoding="utf-8")
    print(f"page: {options.page.resolve()}")
    return 0 if succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
