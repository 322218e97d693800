# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the unified tests of MongoDB's drivers (CRUD, retryable writes, sessions) through pymongo against a cluster.

usage: driver_specs.py PORT FOLDER [PATTERN...]

FOLDER keeps pymongo's source distribution, which carries the tests and their runner. Every test has to pass, but those
that driver_specs_unsupported.txt names: they have to fail, and by the answer that stands there. PATTERNs limit what
runs to the tests whose names they match.
"""

import collections
import fnmatch
import glob
import importlib
import os
import subprocess
import sys
import tarfile
import unittest

import pymongo

MODULES = ["test_crud_unified", "test_retryable_writes_unified", "test_sessions_unified", "test_run_command"]
# Fewer mean that the tests were not run at all: the runner skips them all when it finds no server.
LEAST_PASSED = 300


def specifications(folder):
    """The folder with pymongo's own tests; fetched once. Exits 3 if they can't be had."""
    version = pymongo.version
    target = os.path.join(folder, f"tests-{version}")
    if not os.path.isdir(os.path.join(target, "test")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                   "--no-binary", "pymongo", "--dest", folder, f"pymongo=={version}"]
        # pip prepares the package to learn its name; NO_EXT spares compiling its C modules for that.
        if subprocess.run(command, stdout=sys.stderr, env={**os.environ, "NO_EXT": "1"}).returncode:
            print("driver_specs: pip cannot fetch pymongo's source distribution", file=sys.stderr)
            sys.exit(3)
        archive = glob.glob(os.path.join(folder, f"pymongo-{version}.tar.gz"))[0]
        with tarfile.open(archive) as source:
            prefix = f"pymongo-{version}/"
            for member in source.getmembers():
                path = os.path.normpath(member.name[len(prefix):])
                if member.name.startswith(prefix + "test/") and member.isfile() and path.startswith("test"):
                    os.makedirs(os.path.join(target, os.path.dirname(path)), exist_ok=True)
                    with open(os.path.join(target, path), "wb") as file:
                        file.write(source.extractfile(member).read())
    return target


def unsupported():
    """What driver_specs_unsupported.txt names: pairs of a pattern of tests and the answer they fail by."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "driver_specs_unsupported.txt")
    with open(path, encoding="utf-8") as lines:
        entries = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return [tuple(part.strip() for part in entry.split("|", 1)) for entry in entries]


class Outcomes(unittest.TestResult):
    """Collects what became of each test by its name `Class.test`."""

    def __init__(self):
        super().__init__()
        self.failed, self.passed, self.skips = {}, [], collections.Counter()

    @staticmethod
    def name(test):
        return ".".join(test.id().split(".")[-2:])

    def _fail(self, test, error):
        text = self._exc_info_to_string(error, test)
        self.failed[self.name(test)] = self.failed.get(self.name(test), "") + text

    def addError(self, test, err):
        self._fail(test, err)

    def addFailure(self, test, err):
        self._fail(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._fail(test, err)

    def addSuccess(self, test):
        self.passed.append(self.name(test))

    def addSkip(self, test, reason):
        self.skips[reason] += 1


def tests(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests(item)
        else:
            yield item


def main():
    port, folder, patterns = sys.argv[1], sys.argv[2], sys.argv[3:]
    os.environ.update(DB_IP="127.0.0.1", DB_PORT=port)
    sys.path.insert(0, specifications(folder))
    chosen = unittest.TestSuite()
    for name in MODULES:
        for test in tests(unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module("test." + name))):
            if not patterns or any(fnmatch.fnmatchcase(Outcomes.name(test), pattern) for pattern in patterns):
                chosen.addTest(test)
    outcomes = Outcomes()
    chosen.run(outcomes)
    sys.exit(judge(outcomes, whole=not patterns))


def judge(outcomes, whole):
    """Says what is wrong; answers how the program ends."""
    entries, wrong, expected, used = unsupported(), [], 0, set()
    for name, text in outcomes.failed.items():
        matches = [entry for entry in entries if fnmatch.fnmatchcase(name, entry[0])]
        used.update(matches)
        if any(answer in text for _, answer in matches):
            expected += 1
        else:
            wrong.append(f"FAILED {name}\n{text}")
    for name in outcomes.passed:
        if name in outcomes.failed:
            continue
        if any(fnmatch.fnmatchcase(name, pattern) for pattern, _ in entries):
            wrong.append(f"PASSED {name}, but driver_specs_unsupported.txt names it")
    if whole:
        wrong += [f"STALE  no test fails as named: {pattern} | {answer}" for pattern, answer in entries
                  if (pattern, answer) not in used]
        if len(outcomes.passed) < LEAST_PASSED:
            wrong.append(f"only {len(outcomes.passed)} tests passed, {LEAST_PASSED} are needed: {outcomes.skips}")
    for line in wrong:
        print(line)
    for reason, count in sorted(outcomes.skips.items()):
        print(f"skipped by the runner: {count} ({reason})")
    print(f"driver_specs: {len(outcomes.passed)} passed, {expected} refused as named, "
          f"{sum(outcomes.skips.values())} skipped by the runner, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    main()
