"""What mkdocs does besides (mkdocs.yml): pages that lie outside docs/, and links as they are in the tree.

A link in a Markdown file is written so that it works where the file lies in the checkout. On the site the
README of the project is the home page, and a role's README a page below roles/: links to and from these are
rewritten here. A link to another file of the checkout becomes plain text; one to nothing stays as it is.
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pymdownx.slugs import slugify

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def _outside() -> dict[str, str]:
    """Return the page of each Markdown file that lies outside docs/."""
    pages = {
        "README.md": "index.md",
        "CONTRIBUTING.md": "contributing.md",
        "CHANGELOG.md": "changelog.md",
        "SECURITY.md": "security.md",
        "service/README.md": "service.md",
    }
    roles = sorted(path.parent.name for path in ROOT.glob("roles/*/README.md"))
    return pages | {f"roles/{name}/README.md": f"roles/{name}.md" for name in roles}


OUTSIDE = _outside()
SOURCE = {page: source for source, page in OUTSIDE.items()}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill in the two parts of the navigation that follow from the tree, and make anchors as GitHub does."""
    config.mdx_configs["toc"]["slugify"] = slugify(case="lower")
    filled = {
        "Roles": [page for page in OUTSIDE.values() if page.startswith("roles/")],
        "Decisions": [
            f"decisions/{path.name}"
            for path in sorted(
                ROOT.glob("docs/decisions/[0-9R]*.md"), key=lambda path: (path.name[0] != "R", path.name)
            )
        ],
    }
    nav: list[dict[str, Any]] = config.nav or []
    for part in nav:
        for title, pages in part.items():
            part[title] = filled[title] if pages == [] else pages
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside docs/."""
    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Rewrite the page's links from places in the tree to places on the site."""
    place = page.file.src_uri
    source = PurePosixPath(SOURCE.get(place, f"docs/{place}"))

    def rewritten(match: re.Match[str]) -> str:
        text, target, anchor = match.group(1), match.group(2), match.group(3) or ""
        if "://" in target or target.startswith("mailto:"):
            return match.group(0)
        path = os.path.normpath(source.parent / target)
        goal = OUTSIDE.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else "")
        if goal:
            return f"[{text}]({os.path.relpath(goal, PurePosixPath(place).parent)}{anchor})"
        return text if (ROOT / path).exists() else match.group(0)

    # Pictures are under docs/, which is the top of the site.
    return LINK.sub(rewritten, markdown.replace("](docs/images/", "](images/"))
