"""The house's own rules: includes go down only, names say what they mean, files stay readable."""
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOORS = {
    name: int(floor)
    for name, floor in re.findall(r"meshops_room\((\w+) FLOOR (\d+)", (ROOT / "CMakeLists.txt").read_text())
}


def sources():
    return [p for p in (ROOT / "src").rglob("*") if p.suffix in (".h", ".cpp")]


def upward_includes(path, text):
    room = path.relative_to(ROOT / "src").parts[0]
    if room not in FLOORS:  # main.cpp stands on the roof
        return []
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"(\w+)/', line)
        if match and match[1] != room and FLOORS.get(match[1], 99) >= FLOORS[room]:
            found.append(f"{path.relative_to(ROOT)}:{number}: {room} (floor {FLOORS[room]}) includes {match[1]}")
    return found


def test_includes_go_down():
    found = [hit for path in sources() for hit in upward_includes(path, path.read_text())]
    assert not found, "\n".join(found)


def test_an_upward_include_is_found():
    assert upward_includes(ROOT / "src/base/x.h", '#include "agent/agent.h"\n')
    assert upward_includes(ROOT / "src/formats/x.h", '#include "net/net.h"\n'), "same floor is not down"
    assert not upward_includes(ROOT / "src/agent/x.h", '#include "base/text.h"\n')


def test_every_room_has_a_floor():
    rooms = {p.name for p in (ROOT / "src").iterdir() if p.is_dir()}
    assert rooms == set(FLOORS)


def test_no_empty_names():
    vague = [p for p in sources() if re.search(r"(manager|helper|util|data)s?\.(h|cpp)$", p.name)]
    assert not vague


def test_files_stay_readable():
    long = [f"{p.relative_to(ROOT)}: {n} lines" for p in sources() if (n := len(p.read_text().splitlines())) > 600]
    assert not long, "\n".join(long)


def test_headers_say_what_they_are():
    silent = [str(p.relative_to(ROOT)) for p in sources() if p.suffix == ".h" and not p.read_text().startswith("//")]
    assert not silent, "a header opens with what it is, who calls it, what it never does: " + ", ".join(silent)


def braced_awaits(text):
    """Line numbers of co_await whose operand makes a temporary with braces: gcc 12 destroys that twice."""
    return [text[: m.start()].count("\n") + 1 for m in re.finditer(r"co_await\b[^;]*;", text)
            if re.search(r"[({,]\s*\{|\w\{[^}]", m[0])]


def test_no_braced_temporary_is_awaited():
    found = [f"{p.relative_to(ROOT)}:{n}: name the value first" for p in sources() for n in braced_awaits(p.read_text())]
    assert not found, "\n".join(found)
    assert braced_awaits("\nco_await net->connect({.host = host}, 3s);") == [2]
    assert not braced_awaits("co_await net->connect(where, 3s);")


def test_docs_links_lead_somewhere():
    broken = []
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        if not page.exists():
            continue
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken, "\n".join(broken)
