"""What the README shows works as it says."""

import re
from pathlib import Path

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_first_example_runs_and_answers_what_it_says():
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
    scope = {}
    exec(compile(code, "README", "exec"), scope)
    door = scope["door"]
    said = re.search(r"<Result canceled: .*?>", code).group()
    assert repr(door.add("Locked")) == said
    assert len(code.splitlines()) <= 16
    assert scope["session"].machines[door.id][0].called == ("Locked",)


def test_every_link_into_the_tree_leads_somewhere():
    root = Path(__file__).resolve().parents[1]
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (root / link).exists()] == []
