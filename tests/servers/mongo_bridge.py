"""A server that speaks MongoDB's wire protocol, over mongomock: what a driver needs of one server, and no more.

Run as a program with a port and a data folder. It knows commands, not their callers. With a third argument it
writes what changes data into the folder, and does it again at its next start. One command is carried out at a time.
"""

import base64
import hashlib
import hmac
import itertools
import secrets
import socketserver
import struct
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
import mongomock
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, OperationFailure

USER, PASSWORD = "memu", "pa55-w0rd-canary"
ROUNDS = 4096
OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
FIRST_BATCH = 101
LONGEST = 16 * 1024 * 1024
OPEN = {"hello", "ismaster", "isMaster", "saslStart", "saslContinue", "ping", "buildInfo", "endSessions"}
"""What may be asked by those who have not said who they are."""
WRITES = {
    "insert",
    "update",
    "delete",
    "findAndModify",
    "create",
    "createIndexes",
    "dropIndexes",
    "drop",
    "dropDatabase",
}
FAILED, UNAUTHORIZED, AUTHENTICATION, NO_INDEX, NO_CURSOR, EXISTS, NO_COMMAND = 2, 13, 18, 27, 43, 48, 59
TOO_LARGE = 10334

Document = dict[str, Any]


class Refusal(Exception):
    """A command that is answered with an error."""

    def __init__(self, code: int, name: str, text: str) -> None:
        super().__init__(text)
        self.answer = {"ok": 0.0, "errmsg": text, "code": code, "codeName": name}


class Login:
    """The server's part of SCRAM-SHA-256, for the one user."""

    def __init__(self) -> None:
        self.done = False
        self._salt = secrets.token_bytes(16)
        self._first = ""

    def start(self, command: Document) -> Document:
        bare = bytes(command["payload"]).decode().removeprefix("n,,")
        said = dict(part.split("=", 1) for part in bare.split(","))
        nonce = said["r"] + secrets.token_hex(12)
        self.user = said["n"]
        self._server = f"r={nonce},s={base64.b64encode(self._salt).decode()},i={ROUNDS}"
        self._first = f"{bare},{self._server}"
        return {"conversationId": 1, "done": False, "payload": self._server.encode()}

    def go_on(self, command: Document) -> Document:
        if self.done:
            return {"conversationId": 1, "done": True, "payload": b""}
        text, _, proof = bytes(command["payload"]).decode().rpartition(",p=")
        key = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), self._salt, ROUNDS)
        client = hmac.digest(key, b"Client Key", "sha256")
        message = f"{self._first},{text}".encode()
        signature = hmac.digest(hashlib.sha256(client).digest(), message, "sha256")
        expected = bytes(a ^ b for a, b in zip(client, signature, strict=True))
        if self.user != USER or base64.b64decode(proof) != expected:
            raise Refusal(AUTHENTICATION, "AuthenticationFailed", "Authentication failed.")
        self.done = True
        verifier = hmac.digest(hmac.digest(key, b"Server Key", "sha256"), message, "sha256")
        # A driver that has asked for an empty last exchange sends it; one that has not is content.
        return {"conversationId": 1, "done": True, "payload": b"v=" + base64.b64encode(verifier)}


class Engine:
    """The data, and the commands on them."""

    def __init__(self, folder: Path, *, keeps: bool) -> None:
        self.client = mongomock.MongoClient()
        self.folder = folder
        self.lock = threading.RLock()
        self.cursors: dict[int, tuple[str, list[Document]]] = {}
        self.numbers = itertools.count(1)
        self.journal = None
        path = folder / "journal"
        if path.exists():
            for one in bson.decode_all(path.read_bytes()):
                self.run(one["command"])
        if keeps:
            self.journal = path.open("ab")

    def run(self, command: Document) -> Document:
        """The answer to one command."""
        name = next(iter(command))
        method: Callable[[Document], Document] | None = getattr(self, f"do_{name}", None)
        if method is None:
            raise Refusal(NO_COMMAND, "CommandNotFound", f"no such command: '{name}'")
        with self.lock:
            try:
                if self.journal and name in WRITES:
                    kept = {key: value for key, value in command.items() if key not in ("lsid", "$clusterTime")}
                    self.journal.write(bson.encode({"command": kept}))
                    self.journal.flush()
                return method(command)
            except OperationFailure as error:
                raise Refusal(error.code or FAILED, "Failed", str(error)) from error

    def rows(self, command: Document) -> Any:
        return self.client[command["$db"]][next(iter(command.values()))]

    # --- who is there ---

    def do_hello(self, command: Document) -> Document:
        return {
            "helloOk": True,
            "isWritablePrimary": True,
            "ismaster": True,
            "maxBsonObjectSize": LONGEST,
            "maxMessageSizeBytes": 48_000_000,
            "maxWriteBatchSize": 100_000,
            "localTime": datetime.now(UTC),
            "logicalSessionTimeoutMinutes": 30,
            "minWireVersion": 0,
            "maxWireVersion": 21,
            "readOnly": False,
            "saslSupportedMechs": ["SCRAM-SHA-256"],
        }

    do_ismaster = do_isMaster = do_hello

    def do_ping(self, command: Document) -> Document:
        return {}

    do_endSessions = do_ping

    def do_buildInfo(self, command: Document) -> Document:
        return {"version": "7.0.0", "versionArray": [7, 0, 0, 0], "maxBsonObjectSize": LONGEST}

    def do_getCmdLineOpts(self, command: Document) -> Document:
        return {"parsed": {"storage": {"dbPath": str(self.folder)}}}

    # --- reading ---

    def do_find(self, command: Document) -> Document:
        cursor = self.rows(command).find(
            command.get("filter", {}),
            command.get("projection"),
            sort=list(command["sort"].items()) if command.get("sort") else None,
            limit=abs(command.get("limit", 0)),
            skip=command.get("skip", 0),
        )
        return self._cursor(command, list(cursor), command.get("batchSize", FIRST_BATCH))

    def do_aggregate(self, command: Document) -> Document:
        found = list(self.rows(command).aggregate(command["pipeline"]))
        return self._cursor(command, found, command["cursor"].get("batchSize", FIRST_BATCH))

    def _cursor(self, command: Document, found: list[Document], size: int) -> Document:
        batch, rest = found[:size], found[size:]
        number = next(self.numbers) if rest and not command.get("singleBatch") else 0
        name = f"{command['$db']}.{next(iter(command.values()))}"
        if number:
            self.cursors[number] = (name, rest)
        return {"cursor": {"id": bson.Int64(number), "ns": name, "firstBatch": batch}}

    def do_getMore(self, command: Document) -> Document:
        number = command["getMore"]
        if number not in self.cursors:
            raise Refusal(NO_CURSOR, "CursorNotFound", f"cursor id {number} not found")
        name, rest = self.cursors.pop(number)
        size = command.get("batchSize") or 1000
        if len(rest) > size:
            self.cursors[number] = (name, rest[size:])
        left = bson.Int64(number if len(rest) > size else 0)
        return {"cursor": {"id": left, "ns": name, "nextBatch": rest[:size]}}

    def do_killCursors(self, command: Document) -> Document:
        for number in command["cursors"]:
            self.cursors.pop(number, None)
        return {"cursorsKilled": command["cursors"]}

    def do_count(self, command: Document) -> Document:
        return {"n": self.rows(command).count_documents(command.get("query", {}))}

    def do_distinct(self, command: Document) -> Document:
        return {"values": self.rows(command).distinct(command["key"], command.get("query"))}

    # --- writing ---

    def do_insert(self, command: Document) -> Document:
        rows, errors, done = self.rows(command), list[Document](), 0
        for place, document in enumerate(command["documents"]):
            try:
                if len(bson.encode(document)) > LONGEST:
                    errors.append({"index": place, "code": TOO_LARGE, "errmsg": "object to insert too large"})
                    break
                rows.insert_one(document)
                done += 1
            except DuplicateKeyError as error:
                errors.append({"index": place, "code": 11000, "errmsg": str(error)})
                if command.get("ordered", True):
                    break
        return {"n": done, **({"writeErrors": errors} if errors else {})}

    def do_update(self, command: Document) -> Document:
        rows, n, changed = self.rows(command), 0, 0
        upserted: list[Document] = []
        for place, one in enumerate(command["updates"]):
            change = one["u"]
            whole = isinstance(change, dict) and not any(key.startswith("$") for key in change)
            call = rows.replace_one if whole else rows.update_many if one.get("multi") else rows.update_one
            done = call(one["q"], change, upsert=one.get("upsert", False))
            n, changed = n + done.matched_count, changed + (done.modified_count or 0)
            if done.upserted_id is not None:
                n += 1
                upserted.append({"index": place, "_id": done.upserted_id})
        return {"n": n, "nModified": changed, **({"upserted": upserted} if upserted else {})}

    def do_delete(self, command: Document) -> Document:
        rows, n = self.rows(command), 0
        for one in command["deletes"]:
            n += (rows.delete_one if one.get("limit") else rows.delete_many)(one["q"]).deleted_count
        return {"n": n}

    def do_findAndModify(self, command: Document) -> Document:
        rows, query = self.rows(command), command.get("query", {})
        sort = list(command["sort"].items()) if command.get("sort") else None
        if command.get("remove"):
            found = rows.find_one_and_delete(query, command.get("fields"), sort=sort)
        else:
            found = rows.find_one_and_update(
                query,
                command["update"],
                projection=command.get("fields"),
                sort=sort,
                upsert=command.get("upsert", False),
                return_document=ReturnDocument.AFTER if command.get("new") else ReturnDocument.BEFORE,
            )
        return {"value": found, "lastErrorObject": {"n": int(found is not None)}}

    # --- collections ---

    def do_create(self, command: Document) -> Document:
        database, name = self.client[command["$db"]], command["create"]
        if name in database.list_collection_names():
            raise Refusal(EXISTS, "NamespaceExists", f"Collection {name} already exists.")
        database.create_collection(name)
        return {}

    def do_createIndexes(self, command: Document) -> Document:
        for index in command["indexes"]:
            options = {key: value for key, value in index.items() if key not in ("key", "v")}
            self.rows(command).create_index(list(index["key"].items()), **options)
        return {}

    def do_dropIndexes(self, command: Document) -> Document:
        name = command["index"]
        if name not in self.rows(command).index_information():
            raise Refusal(NO_INDEX, "IndexNotFound", f"index not found with name [{name}]")
        self.rows(command).drop_index(name)
        return {}

    def do_listIndexes(self, command: Document) -> Document:
        known = self.rows(command).index_information()
        found = [{**index, "name": name, "key": dict(index["key"])} for name, index in known.items()]
        return self._cursor(command, found, len(found))

    def do_listCollections(self, command: Document) -> Document:
        wanted = command.get("filter", {}).get("name")
        names = [name for name in self.client[command["$db"]].list_collection_names() if wanted in (None, name)]
        return self._cursor(command, [{"name": name, "type": "collection"} for name in names], len(names))

    def do_drop(self, command: Document) -> Document:
        self.rows(command).drop()
        return {}

    def do_dropDatabase(self, command: Document) -> Document:
        self.client.drop_database(command["$db"])
        return {}


class Connection(socketserver.BaseRequestHandler):
    """One driver's connection."""

    server: "Bridge"

    def handle(self) -> None:
        login = Login()
        while header := self._read(16):
            length, request, _, code = struct.unpack("<iiii", header)
            body = self._read(length - 16)
            if body is None:
                return
            if code == OP_QUERY:
                end = body.index(b"\0", 4) + 9
                answer = bson.encode(self._answer({**bson.decode(body[end:]), "$db": "admin"}, login))
                self._send(request, OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1) + answer)
            else:
                answer = bson.encode(self._answer(_command(body), login))
                self._send(request, OP_MSG, struct.pack("<IB", 0, 0) + answer)

    def _answer(self, command: Document, login: Login) -> Document:
        name = next(iter(command))
        try:
            if name == "saslStart":
                return {**login.start(command), "ok": 1.0}
            if name == "saslContinue":
                return {**login.go_on(command), "ok": 1.0}
            if name not in OPEN and not login.done:
                raise Refusal(UNAUTHORIZED, "Unauthorized", f"Command {name} requires authentication")
            return {**self.server.engine.run(command), "ok": 1.0}
        except Refusal as refusal:
            return refusal.answer

    def _read(self, size: int) -> bytes | None:
        parts: list[bytes] = []
        while size > 0:
            part = self.request.recv(min(size, 1 << 20))
            if not part:
                return None
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _send(self, request: int, code: int, body: bytes) -> None:
        self.request.sendall(struct.pack("<iiii", 16 + len(body), 0, request, code) + body)


def _command(body: bytes) -> Document:
    """The command of a message: its document, with the sequences of documents that follow it."""
    command: Document = {}
    at = 4
    while at < len(body):
        kind, size = body[at], struct.unpack_from("<i", body, at + 1)[0]
        section = body[at + 1 : at + 1 + size]
        if kind == 0:
            command = {**bson.decode(section), **command}
        else:
            end = section.index(b"\0", 4)
            command[section[4:end].decode()] = bson.decode_all(section[end + 1 :])
        at += 1 + size
    return command


class Bridge(socketserver.ThreadingTCPServer):
    """The server."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, port: int, engine: Engine) -> None:
        self.engine = engine
        super().__init__(("127.0.0.1", port), Connection)


def main(port: str, folder: str, *keeps: str) -> None:
    """Serve until a signal ends the process."""
    with Bridge(int(port), Engine(Path(folder), keeps=bool(keeps))) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
