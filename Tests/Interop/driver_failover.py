# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes through pymongo, with its retries on, while others do to the cluster what they like; then reads back.

usage: driver_failover.py STOP-FILE NODE-PORT...

Each worker increments a counter of its own and inserts documents, one write after the other, and notes what was
acknowledged. A driver retries a write once; if that fails too, the counter itself says whether the write was applied.
Prints `writing N` as it goes on, until STOP-FILE is there. Then every counter has to be exactly what was acknowledged,
on every node: a write that was applied twice, or lost, shows. Prints how many errors the workers saw and how long one
write took at most, and `ok` or what is wrong.
"""

import os
import sys
import threading
import time

import pymongo
from pymongo import ReadPreference
from pymongo.errors import PyMongoError

WORKERS = 4


class Worker(threading.Thread):
    def __init__(self, client, number, stop):
        super().__init__(daemon=True)
        self.counters = client.bank.counters
        self.number, self.stop = number, stop
        self.count, self.worst, self.errors, self.failure = 0, 0.0, [], None

    def run(self):
        try:
            while not self.stop.is_set():
                started = time.monotonic()
                try:
                    self.turn()
                    self.count += 1
                except PyMongoError as error:
                    self.errors.append(error)
                    self.reconcile()
                self.worst = max(self.worst, time.monotonic() - started)
        except Exception as error:  # told by the main thread
            self.failure = error

    def turn(self):
        step = self.count % 3
        if step == 0:
            reply = self.counters.update_one({"_id": self.number}, {"$inc": {"n": 1}})
            assert reply.matched_count == 1 and reply.modified_count == 1, reply.raw_result
        elif step == 1:
            after = self.counters.find_one_and_update(
                {"_id": self.number}, {"$inc": {"n": 1}}, return_document=pymongo.ReturnDocument.AFTER)
            assert after["n"] == self.count + 1, f"counter {self.number} is {after['n']} after {self.count + 1} writes"
        else:
            self.counters.bulk_write([
                pymongo.UpdateOne({"_id": self.number}, {"$inc": {"n": 1}}),
                pymongo.InsertOne({"_id": f"{self.number}-{self.count}", "by": self.number})])

    def reconcile(self):
        """After an error: asks the primary whether the write was applied, and completes it if a part of it was."""
        deadline = time.monotonic() + 60
        while True:
            try:
                found = self.counters.find_one({"_id": self.number})["n"]
                assert found in (self.count, self.count + 1), f"counter {self.number} is {found}, not {self.count}"
                if found == self.count:
                    return
                if self.count % 3 == 2:
                    document = {"_id": f"{self.number}-{self.count}", "by": self.number}
                    self.counters.replace_one({"_id": document["_id"]}, document, upsert=True)
                self.count += 1
                return
            except PyMongoError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def main():
    stop_file, ports = sys.argv[1], sys.argv[2:]
    client = pymongo.MongoClient(
        f"mongodb://127.0.0.1:{ports[0]}/?replicaSet=orders&retryWrites=true&serverSelectionTimeoutMS=60000")
    client.bank.counters.insert_many([{"_id": number, "n": 0} for number in range(WORKERS)])
    stop = threading.Event()
    workers = [Worker(client, number, stop) for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    while not os.path.exists(stop_file) and all(worker.failure is None for worker in workers):
        stop.wait(0.1)
        print("writing", sum(worker.count for worker in workers), flush=True)
    stop.set()
    for worker in workers:
        worker.join(90)
    wrong = [f"worker {worker.number}: {worker.failure!r}" for worker in workers if worker.failure]
    wrong += [problem for port in ports for problem in check(port, workers)]
    for worker in workers:
        for error in worker.errors:
            print(f"worker {worker.number} saw {error!r}"[:400])
    print(f"{sum(len(worker.errors) for worker in workers)} errors seen")
    print(f"worst pause {max(worker.worst for worker in workers) * 1000:.0f} ms", flush=True)
    print("\n".join(wrong) if wrong else "ok", flush=True)
    sys.exit(1 if wrong else 0)


def check(port, workers):
    """What is wrong on one node, once it holds what was acknowledged."""
    node = pymongo.MongoClient("127.0.0.1", int(port), directConnection=True)
    counters = node.bank.get_collection("counters", read_preference=ReadPreference.NEAREST)
    deadline = time.monotonic() + 60
    while True:
        try:
            wrong = list(differences(counters, workers, port))
        except PyMongoError as error:
            wrong = [f"node {port}: {error}"]
        if not wrong or time.monotonic() > deadline:
            return wrong
        time.sleep(0.2)


def differences(counters, workers, port):
    for worker in workers:
        found = counters.find_one({"_id": worker.number})
        if found is None or found["n"] != worker.count:
            yield f"node {port}: counter {worker.number} is {found}, {worker.count} writes were acknowledged"
        inserted = counters.count_documents({"by": worker.number})
        if inserted != worker.count // 3:
            yield f"node {port}: {inserted} inserts of {worker.number}, {worker.count // 3} were acknowledged"


if __name__ == "__main__":
    main()
