"""Work on a store in processes of their own, forked from one that has loaded the library and opened nothing.

Run as a script with a DSN; it reads one line for each thing to do, and answers with one of JSON:
`kill N` works and is killed at its N-th command's beginning or end; `create` makes the store in ten processes at once;
`fork` uses an open store in a child process.
"""

import json
import os
import signal
import sys
import warnings

from memu.backends.mongo_lease import Turn
from memu.testing.probe import COUNTERS, found, put, thing
from mongodb import stores


def killed(dsn: str, at: int) -> str:
    """Work until the N-th point, at which the process is killed; where that was, or "end" when there are fewer."""
    read, write = os.pipe()
    process = os.fork()
    if not process:
        passed = []
        Turn.keep = lambda _: None  # type: ignore[method-assign] # signs of life would come between the points

        def watch(what: str) -> None:
            passed.append(what)
            if len(passed) == at:
                os.write(write, what.encode())
                os.kill(os.getpid(), signal.SIGKILL)

        stores.work(stores.opened(dsn, watch=watch))
        os.write(write, b"end")
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read().decode()
    os.waitpid(process, 0)
    return told


def created(dsn: str, count: int = 10) -> list[int]:
    """Make the store in several processes at once, and count in each; their exit codes."""
    processes = []
    for _ in range(count):
        process = os.fork()
        if not process:
            with stores.store_on(dsn, lease=10.0) as store:
                store.validate()
                with store.transaction() as transaction:
                    transaction.increment(COUNTERS, {"user_id": "alice"}, "value", {"note": ""})
            os._exit(0)
        processes.append(process)
    return [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]


def inherited(dsn: str) -> list[int]:
    """Write to an open store, in a process that has inherited it while another thread was writing; the exit code."""
    with stores.store_on(dsn, lease=10.0) as store:
        with store.transaction():
            process = os.fork()
            if not process:
                warnings.simplefilter("error")
                signal.alarm(60)
                assert found(store) == []
                os._exit(0)
            code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        process = os.fork()
        if not process:
            put(store, thing("1"))
            store.close()
            os._exit(0)
        return [code, os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), len(found(store))]


def main() -> None:
    dsn = sys.argv[1]
    for line in sys.stdin:
        what, *rest = line.split()
        told = killed(dsn, int(rest[0])) if what == "kill" else created(dsn) if what == "create" else inherited(dsn)
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
