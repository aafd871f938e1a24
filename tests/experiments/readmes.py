# SPDX-License-Identifier: BSD-2-Clause
"""Every command in a fenced block of a README runs, in the order of the page, in a copy of the tree that
borrows the built one."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from drivers import BIN, SOURCE, main

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
ELSEWHERE = {"./lathe run", "./lathe test"}  # they build the tree that is under test


def blocks(page):
    """[(language, text)] of a page; a block without a language is one for the shell."""
    return [(language or "sh", text) for language, text in BLOCK.findall(page.read_text("utf-8"))]


class Readmes(unittest.TestCase):
    def setUp(self):
        self.tree = pathlib.Path(tempfile.mkdtemp(prefix="lathe-readme-"))
        self.addCleanup(shutil.rmtree, self.tree, ignore_errors=True)
        listed = subprocess.run(["git", "ls-files"], cwd=SOURCE, capture_output=True, text=True,
                                check=False)
        # A released archive has no list: then all of it, without what was built in it.
        names = listed.stdout.split("\n") if listed.returncode == 0 else [
            str(p.relative_to(SOURCE)) for p in SOURCE.rglob("*")
            if p.is_file() and p.relative_to(SOURCE).parts[0] not in ("build", "results")]
        for name in filter(None, names):
            if (SOURCE / name).is_file():
                (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(SOURCE / name, self.tree / name)
        (self.tree / "build").symlink_to(BIN.parent)

    def run_in_tree(self, words):
        done = subprocess.run(words, cwd=self.tree, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=280, check=False, env=os.environ)
        self.assertEqual(done.returncode, 0, f"{words}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")

    def test_commands(self):
        count = 0
        for page in sorted(SOURCE.rglob("README.md")):
            if "build" in page.relative_to(SOURCE).parts:
                continue
            for language, text in blocks(page):
                if language == "python":
                    self.run_in_tree([sys.executable, "-c", text])
                    count += 1
                    continue
                self.assertEqual(language, "sh", f"{page}: a block that nobody can check")
                for line in text.splitlines():
                    command = line.split(" #")[0].strip()
                    if command and command not in ELSEWHERE:
                        with self.subTest(page=str(page.relative_to(SOURCE)), command=command):
                            self.run_in_tree(["bash", "-c", command])
                            count += 1
        self.assertGreater(count, 10)
        print(f"{count} commands", file=sys.stderr)


if __name__ == "__main__":
    main()
