"""How many small faults, sown at random, the tests of a room notice: ``make mutants``.

cosmic-ray sows them, one at a time, into a copy of the last commit: another operator, another
number, a condition the other way round. A sample of all that it knows is tried, always the same;
what was tried already is not tried again, until there is another commit.
"""

import argparse
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The rooms, and the tests that are to notice: quick ones first, as the first failure is enough.
ROOMS = {
    "queries": ["tests/queries/test_[!c]*.py", "tests/queries/test_c*.py"],
    "classifiers": ["tests/classifiers/test_[!c]*.py", "tests/classifiers/test_c*.py"],
    "coverage.py": ["tests/test_coverage.py"],
    "store": ["tests/store/test_*.py"],
}
CONFIG = """
[cosmic-ray]
module-path = "alvae/{room}"
timeout = 300.0
excluded-modules = []
test-command = "'{python}' -m pytest -x -q -p no:cacheprovider {tests}"

[cosmic-ray.distributor]
name = "local"
"""


def copy_of_head(folder):
    """A clone of the last commit, in a folder that is named by it."""
    head = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, check=True, capture_output=True
    )
    tree = folder / head.stdout.decode().strip()
    if not tree.exists():
        new = tree.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        subprocess.run(["git", "clone", "--quiet", "--no-local", ROOT, new], check=True)
        new.rename(tree)
    return tree


def sample(session, n):
    """Leave n of the mutants of a session, drawn at random."""
    with sqlite3.connect(session) as connection:
        mutants = connection.execute(
            "SELECT job_id, operator_name, module_path, occurrence FROM mutation_specs"
        ).fetchall()
        mutants.sort(key=lambda mutant: mutant[1:])
        kept = random.Random(0).sample(mutants, min(n, len(mutants)))
        for job, *_ in set(mutants) - set(kept):
            connection.execute("DELETE FROM mutation_specs WHERE job_id = ?", [job])
            connection.execute("DELETE FROM work_items WHERE job_id = ?", [job])


def try_room(room, n, cosmic_ray, folder):
    """Sow n faults into a room, and return how each came out, with its diff."""
    tree = copy_of_head(folder)
    name = f"{tree.name}-{Path(room).stem}-{n}"
    config, session = folder / f"{name}.toml", folder / f"{name}.sqlite"
    if not session.exists():
        files = [path for pattern in ROOMS[room] for path in sorted(tree.glob(pattern))]
        tests = " ".join(str(path.relative_to(tree)) for path in files)
        config.write_text(CONFIG.format(room=room, python=sys.executable, tests=tests))
        # Tests that fail without a fault would notice every one.
        subprocess.run([cosmic_ray, "baseline", config], cwd=tree, check=True)
        new = session.with_suffix(".new")
        new.unlink(missing_ok=True)
        subprocess.run([cosmic_ray, "init", config, new], cwd=tree, check=True)
        sample(new, n)
        new.replace(session)
    subprocess.run(["git", "checkout", "--quiet", "."], cwd=tree, check=True)  # it was killed
    subprocess.run([cosmic_ray, "exec", config, session], cwd=tree, check=True)
    with sqlite3.connect(session) as connection:
        results = connection.execute("SELECT test_outcome, diff FROM work_results").fetchall()
    return [(outcome, diff) for outcome, diff in results if outcome]  # some could not be tried


def main():
    """Try the rooms that are named, or all, and say which faults nobody noticed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("cosmic_ray", type=Path, help="the program")
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"of {', '.join(ROOMS)}")
    parser.add_argument("--sample", type=int, default=80, help="faults in each room (80)")
    options = parser.parse_args()
    if unknown := set(options.rooms) - set(ROOMS):
        parser.error(f"there is no room {sorted(unknown)[0]!r}; there are {[*ROOMS]}")
    folder = ROOT / "_build" / "mutants"
    folder.mkdir(parents=True, exist_ok=True)
    for room in options.rooms or ROOMS:
        outcomes = try_room(room, options.sample, options.cosmic_ray.absolute(), folder)
        survivors = [diff for outcome, diff in outcomes if "SURVIVED" in outcome]
        print(*survivors, sep="\n")
        print(f"{room}: {len(outcomes) - len(survivors)} of {len(outcomes)} were noticed")


if __name__ == "__main__":
    main()
