#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes to a cluster through MongoDB's own driver while somebody breaks it, and checks afterwards what is there.

usage: chaos_workload.py run URI HISTORY SEED           writes until SIGTERM; HISTORY gets one JSON line per outcome
       chaos_workload.py check HISTORY SECONDS MEMBER…  reads every member by itself; exits 1 with what is wrong

Every operation ends in one of three ways: "ok" (acknowledged), "no" (never sent) or "maybe" (any other error: it may
have been applied once, or not at all). Nothing may be applied twice, whatever the outcome.

append    each writer inserts documents w:n with n counting up
churn     each writer inserts a document and deletes it again
bank      a page of accounts is one document; a transfer changes two balances and counts itself in the same update, so
          that a balance always follows from the transfers on its page, and a transfer that counts 2 was applied twice
"""
import collections
import hashlib
import json
import random
import signal
import sys
import threading
import time

import bson
import pymongo
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.errors import DuplicateKeyError, PyMongoError, ServerSelectionTimeoutError

APPENDERS, CHURNERS, TELLERS = 3, 1, 3
ACCOUNTS, OPENING = 8, 1000
TRANSFERS_PER_PAGE = 150
BANKS = 3  # databases that pages go to in turn, so that keys are made in the middle of everything
MARKER = "Switzerland-the-marker"


def connect(uri, **settings):
    limits = dict(serverSelectionTimeoutMS=5000, socketTimeoutMS=6000, connectTimeoutMS=2000, heartbeatFrequencyMS=1000)
    return pymongo.MongoClient(uri, **limits | settings)


def text(identifier):
    return f"{MARKER} {identifier} " + "x" * (hash_of(identifier) % 400)


def hash_of(identifier):
    return int.from_bytes(hashlib.sha256(identifier.encode()).digest()[:4], "big")


class History:
    """One line per outcome, in the order in which they were known."""

    def __init__(self, path):
        self.file = open(path, "a", buffering=1, encoding="utf-8")
        self.lock = threading.Lock()
        self.errors = collections.Counter()

    def note(self, kind, identifier, outcome, **facts):
        with self.lock:
            self.file.write(json.dumps({"kind": kind, "id": identifier, "outcome": outcome, **facts}) + "\n")

    def attempt(self, kind, identifier, operation, **facts):
        """Runs an operation and notes how it ended; answers its result, or None."""
        try:
            result = operation()
        except ServerSelectionTimeoutError:
            self.note(kind, identifier, "no", **facts)
            return None
        except DuplicateKeyError as error:
            # Every identifier is used once: a document of this name can only come from this very insert.
            self.note(kind, identifier, "twice", error=str(error), **facts)
            return None
        except PyMongoError as error:
            self.note(kind, identifier, "maybe", error=f"{type(error).__name__} {getattr(error, 'code', '')}", **facts)
            return None
        self.note(kind, identifier, "ok", **facts)
        return result


class Run:
    def __init__(self, uri, history, seed):
        self.stopping = threading.Event()
        self.history = History(history)
        self.seed = seed
        # Half the writers leave repeating to the driver, half don't.
        self.clients = [connect(uri, retryWrites=retry) for retry in (True, False)]
        self.pages = threading.Lock()
        self.page, self.left = 0, 0

    def client(self, writer):
        return self.clients[writer % 2]

    def append(self, writer):
        collection = self.client(writer).chaos.log
        for number in self.counting():
            identifier = f"{writer}:{number}"
            document = {"_id": identifier, "text": text(identifier)}
            self.history.attempt("append", identifier, lambda: collection.insert_one(document))

    def churn(self, writer):
        collection = self.client(writer).chaos.churn
        for number in self.counting():
            identifier = f"{writer}:{number}"
            document = {"_id": identifier, "text": text(identifier)}
            self.history.attempt("insert", identifier, lambda: collection.insert_one(document))
            if number % 4:
                self.history.attempt("delete", identifier, lambda: collection.delete_one({"_id": identifier}))

    def transfer(self, writer):
        chance = random.Random(f"{self.seed}/{writer}")
        for number in self.counting():
            page = self.open_page(writer)
            if page is None:
                return
            identifier = f"{writer}-{number}"
            source, target = chance.sample(range(ACCOUNTS), 2)
            amount = chance.randint(1, 99)
            changes = {f"balances.{source}": -amount, f"balances.{target}": amount, f"transfers.{identifier}": 1}
            collection = self.client(writer)[f"bank{page % BANKS}"].pages
            update = lambda: collection.update_one({"_id": page}, {"$inc": changes})
            facts = {"page": page, "from": source, "to": target, "amount": amount}
            result = self.history.attempt("transfer", identifier, update, **facts)
            if result is not None and result.matched_count != 1:
                self.history.note("lost", identifier, "ok", **facts)

    def open_page(self, writer):
        """The page to write to; a new one is made, and known to be there, when the last is full."""
        with self.pages:
            if self.left == 0:
                page = self.page + 1
                balances = {str(account): OPENING for account in range(ACCOUNTS)}
                collection = self.client(writer)[f"bank{page % BANKS}"].pages
                while True:
                    if self.stopping.is_set():
                        return None
                    opening = {"$setOnInsert": {"balances": balances, "transfers": {}}}
                    try:
                        collection.update_one({"_id": page}, opening, upsert=True)
                        break
                    except PyMongoError:
                        self.stopping.wait(0.1)
                self.history.note("page", page, "ok")
                self.page, self.left = page, TRANSFERS_PER_PAGE
            self.left -= 1
            return self.page

    def watch(self, uri):
        """Reads pages from whatever member answers: money is never made or lost, not for a moment."""
        client = connect(uri, readPreference="secondaryPreferred")
        chance = random.Random(f"{self.seed}/watch")
        while not self.stopping.wait(0.02):
            page = chance.randint(max(1, self.page - 3), max(1, self.page))
            try:
                document = client[f"bank{page % BANKS}"].pages.find_one({"_id": page})
            except PyMongoError:
                continue
            wrong = document and page_faults(document)
            if wrong:
                self.history.note("torn", page, "ok", error=wrong)

    def counting(self):
        number = 0
        while not self.stopping.is_set():
            yield number
            number += 1

    def go(self, uri):
        work = [self.append] * APPENDERS + [self.churn] * CHURNERS + [self.transfer] * TELLERS
        threads = [threading.Thread(target=body, args=(writer,)) for writer, body in enumerate(work)]
        threads.append(threading.Thread(target=self.watch, args=(uri,)))
        for thread in threads:
            thread.start()
        while not self.stopping.wait(1):
            pass
        for thread in threads:
            thread.join()


def page_faults(document):
    """What is wrong with a page by itself."""
    balances, transfers = document["balances"], document["transfers"]
    if sum(balances.values()) != ACCOUNTS * OPENING:
        return f"page {document['_id']}: the balances sum up to {sum(balances.values())}"
    repeated = [name for name, count in transfers.items() if count != 1]
    if repeated:
        return f"page {document['_id']}: applied more than once: {repeated[:5]}"
    return None


class Check:
    def __init__(self, history):
        self.wrong = []
        self.outcomes = collections.defaultdict(dict)
        self.counts = collections.Counter()
        self.errors = collections.Counter()
        with open(history, encoding="utf-8") as lines:
            for line in lines:
                self.take(json.loads(line))

    def take(self, entry):
        kind, outcome = entry["kind"], entry["outcome"]
        self.outcomes[kind][entry["id"]] = entry
        self.counts[f"{kind} {outcome}"] += 1
        if outcome == "maybe":
            self.errors[entry["error"]] += 1
        if outcome == "twice":
            self.wrong.append(f"{kind} {entry['id']} was applied twice: {entry['error']}")
        if kind == "lost":
            self.wrong.append(f"page {entry['page']} was acknowledged, but a transfer did not find it")
        if kind == "torn":
            self.wrong.append(f"read while it ran: {entry['error']}")

    def presence(self, what, there, sure, possible, contents):
        """Every acknowledged identifier is there, and nothing that was never asked for, with the right contents."""
        missing = sorted(sure - there.keys())
        if missing:
            self.wrong.append(f"{what}: {len(missing)} acknowledged documents are lost: {missing[:5]}")
        strange = sorted(there.keys() - possible)
        if strange:
            self.wrong.append(f"{what}: {len(strange)} documents are there that must not be: {strange[:5]}")
        changed = [identifier for identifier, document in there.items() if not contents(identifier, document)]
        if changed:
            self.wrong.append(f"{what}: {len(changed)} documents have other contents: {changed[:5]}")

    def by_outcome(self, kind, *outcomes):
        return {name for name, entry in self.outcomes[kind].items() if entry["outcome"] in outcomes}

    def documents(self, state):
        same_text = lambda identifier, document: document.get("text") == text(identifier)
        self.presence("append", state["chaos", "log"], self.by_outcome("append", "ok"),
                      self.by_outcome("append", "ok", "maybe", "twice"), same_text)
        inserted, deleted = self.by_outcome("insert", "ok"), self.by_outcome("delete", "ok")
        maybe_deleted = self.by_outcome("delete", "maybe")
        # An insert of unknown outcome may be carried out after its deletion: there is no order between the two.
        late = self.by_outcome("insert", "maybe", "twice")
        self.presence("churn", state["chaos", "churn"], inserted - deleted - maybe_deleted,
                      (inserted - deleted) | late, same_text)

    def bank(self, state):
        pages = {}
        for bank in range(BANKS):
            pages |= state[f"bank{bank}", "pages"]
        transfers = self.outcomes["transfer"]
        known = self.by_outcome("page", "ok")
        for page in sorted(known - pages.keys()):
            self.wrong.append(f"bank: page {page} is lost")
        for page, raw in pages.items():
            document = bson.decode(raw.raw)
            fault = page_faults(document)
            if fault:
                self.wrong.append("bank: " + fault)
            balances = {str(account): OPENING for account in range(ACCOUNTS)}
            for name, count in document["transfers"].items():
                entry = transfers.get(name)
                if entry is None or entry["page"] != page or entry["outcome"] == "no":
                    self.wrong.append(f"bank: page {page} has a transfer nobody made: {name}")
                    continue
                balances[str(entry["from"])] -= entry["amount"] * count
                balances[str(entry["to"])] += entry["amount"] * count
            if balances != document["balances"]:
                self.wrong.append(f"bank: page {page} has {document['balances']}, its transfers make {balances}")
        applied = {name for document in pages.values() for name in document["transfers"]}
        lost = sorted(self.by_outcome("transfer", "ok") - applied)
        if lost:
            self.wrong.append(f"bank: {len(lost)} acknowledged transfers are lost: {lost[:5]}")


COLLECTIONS = [("chaos", "log"), ("chaos", "churn")] + [(f"bank{bank}", "pages") for bank in range(BANKS)]


def read_member(address):
    """Everything of one member, as the bytes it sent."""
    client = connect(f"mongodb://{address}/?directConnection=true&readPreference=secondaryPreferred",
                     socketTimeoutMS=30_000)
    options = CodecOptions(document_class=RawBSONDocument)
    try:
        return {
            key: {document["_id"]: document for document in
                  client[key[0]].get_collection(key[1], codec_options=options).find(batch_size=5000)}
            for key in COLLECTIONS
        }
    finally:
        client.close()


def digest(state):
    whole = hashlib.sha256()
    for key in COLLECTIONS:
        for identifier in sorted(state[key]):
            whole.update(state[key][identifier].raw)
    return whole.hexdigest()[:16]


def difference(first, other):
    for key in COLLECTIONS:
        names = first[key].keys() | other[key].keys()
        different = sorted(str(name) for name in names
                           if bytes_of(first[key].get(name)) != bytes_of(other[key].get(name)))
        if different:
            return f"{'.'.join(key)} differs in {len(different)} documents: {different[:5]}"
    return "nothing"


def bytes_of(document):
    return None if document is None else document.raw


def read_until_equal(members, seconds):
    """The state of every member, as soon as all have the same; as it is at the deadline otherwise."""
    deadline = time.monotonic() + seconds
    while True:
        states, errors = {}, {}
        for member in members:
            try:
                states[member] = read_member(member)
            except PyMongoError as error:
                errors[member] = str(error).partition(", full error")[0]
        if not errors and len({digest(state) for state in states.values()}) == 1:
            return states, errors
        if time.monotonic() > deadline:
            return states, errors
        time.sleep(0.3)


def check(history, seconds, members):
    checked = Check(history)
    states, errors = read_until_equal(members, seconds)
    for member, error in errors.items():
        checked.wrong.append(f"{member} cannot be read: {error}")
    first = next(iter(states), None)
    for member, state in states.items():
        if digest(state) != digest(states[first]):
            checked.wrong.append(f"{member} and {first} do not agree: {difference(states[first], state)}")
        before = len(checked.wrong)
        checked.documents(state)
        checked.bank(state)
        checked.wrong[before:] = [f"on {member}: {line}" for line in checked.wrong[before:]]
    counts = {"outcomes": dict(sorted(checked.counts.items())), "unknown because of": dict(checked.errors)}
    print(json.dumps(counts))
    if states:
        total = sum(len(documents) for documents in states[first].values())
        print(f"{total} documents, {len(states)} members, digests {sorted({digest(s) for s in states.values()})}")
    for line in checked.wrong[:40]:
        print("WRONG " + line[:400])
    sys.exit(1 if checked.wrong else 0)


def main(arguments):
    match arguments:
        case ["run", uri, history, seed]:
            run = Run(uri, history, seed)
            signal.signal(signal.SIGTERM, lambda *_: run.stopping.set())
            run.go(uri)
        case ["check", history, seconds, *members] if members:
            check(history, float(seconds), members)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
