# SPDX-License-Identifier: Apache-2.0
"""The README's picture: one section of a report as a browser shows it.

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


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--section", default="1.2")
    parser.add_argument("--height", type=int, default=1000)
    given = parser.parse_args()
    kept = f"section-{given.section.replace('.', '-')}"
    only = f"<style>section:not(#{kept}), header, nav {{ display: none !important }}</style></head>"
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(given.page.read_text().replace("</head>", only, 1))
        picture = f"--screenshot={given.picture.resolve()}"
        size = f"--window-size=1280,{given.height}"
        profile = f"--user-data-dir={folder}/profile"
        subprocess.run(["chromium", *FLAGS, picture, size, profile, page.as_uri()], check=True, timeout=120)


if __name__ == "__main__":
    main()
