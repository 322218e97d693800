#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a driver with a user sees; each command ends with 0 and a line, or with 1 and what went wrong."""
import socket
import ssl
import sys
import time

import pymongo
from pymongo.errors import ConnectionFailure, OperationFailure


def client(uri, *options):
    known = {"serverSelectionTimeoutMS": 60000, "heartbeatFrequencyMS": 500}
    for option in options:
        key, _, value = option.partition("=")
        known[key] = {"true": True, "false": False}.get(value, value)
    return pymongo.MongoClient(uri, **known)


def code_of(action):
    """0 if it works, else the server's code; 'no connection' if none came about."""
    try:
        action()
        return 0
    except OperationFailure as error:
        return error.code
    except ConnectionFailure:
        return "no connection"


def codes(uri, database, *options):
    """Prints the codes of a ping, a read, a write, a drop of the database, a read of the users."""
    with client(uri, *options) as mongo:
        data = mongo[database]
        actions = [
            lambda: data.command("ping"),
            lambda: list(data.things.find()),
            lambda: data.things.insert_one({"a": 1}),
            lambda: mongo.drop_database(database),
            lambda: list(mongo.admin["system.users"].find()),
        ]
        print(*[code_of(action) for action in actions])


def databases(uri, *options):
    with client(uri, *options) as mongo:
        print(*mongo.list_database_names())


def hold(uri, database, marker, *options):
    """Reads on one connection until that is refused."""
    with client(uri, "directConnection=true", "maxPoolSize=1", "readPreference=secondaryPreferred", *options) as mongo:
        find = mongo[database].things.find
        list(find())
        open(marker, "w").close()
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            code = code_of(lambda: list(find()))
            if code:
                print(code)
                return
            time.sleep(0.02)
        sys.exit("still allowed")


def certificate(port, authority):
    """Prints the certificate that is served there, which has to be of the authority."""
    context = ssl.create_default_context(cafile=authority)
    with socket.create_connection(("localhost", int(port)), timeout=60) as connection:
        with context.wrap_socket(connection, server_hostname="localhost") as link:
            print(ssl.DER_cert_to_PEM_cert(link.getpeercert(binary_form=True)))


if __name__ == "__main__":
    {"codes": codes, "databases": databases, "hold": hold, "certificate": certificate}[sys.argv[1]](*sys.argv[2:])
