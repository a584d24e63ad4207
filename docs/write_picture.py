# SPDX-License-Identifier: Apache-2.0
"""The README's picture: a report's first screen, or one section of it, as a browser shows it.

    python docs/write_picture.py report/index.html docs/images/report.png

Needs Chromium; the report is the one `make report` wrote.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


def only(section: str | None) -> str:
    """What hides the rest of the page."""
    if section is None:
        return ""
    kept = f"section-{section.replace('.', '-')}"
    return f"<style>section:not(#{kept}), header, nav {{ display: none !important }}</style>"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--section", metavar="ID", help="such as 1.2; the first screen if not given")
    parser.add_argument("--height", type=int, default=820)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(given.page.read_text().replace("</head>", only(given.section) + "</head>", 1))
        picture = f"--screenshot={given.picture.resolve()}"
        size = f"--window-size=1440,{given.height}"
        profile = f"--user-data-dir={folder}/profile"
        subprocess.run(["chromium", *FLAGS, picture, size, profile, page.as_uri()], check=True, timeout=120)


if __name__ == "__main__":
    main()
