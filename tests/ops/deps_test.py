#!/usr/bin/env python3
"""ops/deps on machines that have all, some or nothing of what it wants; dpkg and apt are ours."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

DEPS = pathlib.Path(__file__).resolve().parents[2] / "ops" / "deps"
RELEASE = pathlib.Path("/etc/os-release")
DPKG = """#!/bin/bash
# dpkg-query -W -f FORMAT PACKAGE…
format=$3
for package in "${@:4}"; do
  case $package in
    %s) status=installed ;;
    %s) status=not-installed ;;
    *) none=1 && continue ;;
  esac
  line=${format//'${db:Status-Status}'/$status}
  printf '%%b' "${line//'${Package}'/$package}"
done
exit "${none:-0}"
"""


def on_debian_12() -> bool:
    text = RELEASE.read_text() if RELEASE.exists() else ""
    found = dict(re.findall(r'^(ID|VERSION_ID)="?([^"\n]*)', text, re.MULTILINE))
    return found == {"ID": "debian", "VERSION_ID": "12"}


@unittest.skipUnless(on_debian_12(), "packages are only installed on Debian 12")
class DepsTest(unittest.TestCase):
    def run_with(self, installed: str, known: str = "none-of-them") -> list[str]:
        """What it asks apt for; the patterns are the shell's."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            asked = path / "asked"
            programs = {
                "dpkg-query": DPKG % (installed, known),
                "apt-get": f'#!/bin/bash\nprintf "%s\\n" "$@" >>{asked}\n',
                "sudo": '#!/bin/bash\n[[ $1 != -n ]] || shift\nexec "$@"\n',
            }
            for name, text in programs.items():
                (path / name).write_text(text)
                (path / name).chmod(0o755)
            environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"}
            environment.pop("SPILLGATE_SKIP_DEPS", None)
            subprocess.run([DEPS, "test"], env=environment, check=True, timeout=60,
                           capture_output=True)
            words = asked.read_text().split() if asked.exists() else []
        return words[words.index("--no-install-recommends") + 1 :] if words else []

    def test_nothing_is_asked_for_where_all_is_there(self) -> None:
        self.assertEqual(self.run_with("*"), [])

    def test_what_dpkg_only_knows_of_is_not_there(self) -> None:
        self.assertEqual(self.run_with("[!pv]*|pk*|pro*", "python3|valgrind"),
                         ["python3", "valgrind"])

    def test_all_is_asked_for_where_nothing_is(self) -> None:
        asked = self.run_with("none-of-them")
        self.assertIn("python3", asked)
        self.assertIn("build-essential", asked)


if __name__ == "__main__":
    unittest.main()
