"""Clients that disconnect before the response."""

import json
import random
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

from tests.faults.kills import service
from tests.faults.table import Row
from tests.faults.writers import Fleet
from tests.store_checks import open_store
from tests.support import wait_until


def vanished_clients(clients: int = 500) -> Row:
    """Send writes and close or reset the connection, or send half of the request; then retry."""
    row = Row(f"{clients} clients that vanish after sending")
    with service() as running:
        key, port = running.key("edit"), running.port

        writers = Fleet(port, key, range(clients), pause=0)

        def vanish(n: int) -> None:
            path, fields, headers = writers.write(n)
            body = json.dumps(fields).encode()
            head = (
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
                f"Idempotency-Key: {headers['Idempotency-Key']}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            ).encode()
            with socket.create_connection(("127.0.0.1", port), 60) as connection:
                connection.sendall(head + (body[:9] if n % 5 == 0 else body))
                time.sleep(random.choice((0, 0.001, 0.01)))
                if n % 2:
                    reset = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)

        at = time.monotonic()
        with ThreadPoolExecutor(32) as threads:
            list(threads.map(vanish, range(clients)))
        writers.start()
        row.ready = [writers.ready_again(at)]
        wait_until(lambda: writers.is_finished, "all writes")
        writers.finish()
        with open_store(running) as conn:
            writers.fill(row, conn)
    row.sent += clients
    row.must(len(writers.answers) == clients, "a write is missing")
    row.remark = f"{writers.replayed} had been written though nobody waited for the answer"
    return row
