"""Two versions of the hub in turn on the same data, a partner that pushes all the time, and an ERP. See .ci/upgrade."""

import collections
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BEFORE, AFTER = sys.argv[1:]
# Each hub, and how it ends; the last one is left in peace.
TURNS = [
    (BEFORE, signal.SIGTERM),
    (AFTER, signal.SIGTERM),
    (BEFORE, signal.SIGKILL),
    (AFTER, signal.SIGKILL),
    (BEFORE, signal.SIGKILL),
    (AFTER, None),
]
TURN = 6.0  # seconds of pushes for each hub
PUSHERS, PAUSE = 4, 0.02  # partners that push at the same time, and their pauses between two pushes
# Seconds before the end of a hub in which a delivery may have been sent without being noted any more.
AROUND = 1.5
KEY = "0123456789abcdef0123456789abcdef"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Erp(http.server.BaseHTTPRequestHandler):
    """Takes every delivery, now and then after a while, and notes when."""

    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    # Times of the deliveries of each event, and the events of each order.
    deliveries, orders = collections.defaultdict(list), collections.defaultdict(set)
    count = 0

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with Erp.lock:
            Erp.count += 1
            Erp.deliveries[self.headers["webhook-id"]].append(time.monotonic())
            Erp.orders[body["subject"].removeprefix("order:")].add(self.headers["webhook-id"])
            is_slow = Erp.count % 20 == 0
        if is_slow:
            time.sleep(0.2)
        try:
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()
        except OSError:
            pass  # The hub has ended meanwhile.

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # A hub that is killed leaves its connections.


class Partner(threading.Thread):
    """Pushes one order after another, each until it is taken."""

    acknowledged, repeated, refused, stop = [], 0, 0, False

    def __init__(self, number, port):
        super().__init__(daemon=True)
        self.number, self.port = number, port

    def is_taken(self, order):
        body = json.dumps({"action": "syn_status", "orderOutNo": order, "status": 61})
        hub = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            hub.request("POST", f"/hooks/xhq/xhq-sh/{KEY}/syn_status", body, {"content-type": "application/json"})
            answer = hub.getresponse()
            is_taken = answer.status == 200 and json.loads(answer.read()).get("state") is True
            Partner.refused += not is_taken
            return is_taken
        except (OSError, http.client.HTTPException, ValueError):
            return False  # No answer is no acknowledgement.
        finally:
            hub.close()

    def run(self):
        n = 0
        while not Partner.stop:
            n += 1
            order = f"SO-{self.number}-{n}"
            while not self.is_taken(order):
                if Partner.stop:
                    return  # Never acknowledged: nothing is promised.
                Partner.repeated += 1
                time.sleep(0.1)
            Partner.acknowledged.append(order)
            time.sleep(PAUSE)


def wait_until(what, so, seconds):
    end = time.monotonic() + seconds
    while not so():
        if time.monotonic() > end:
            sys.exit(f"not within {seconds} seconds: {what}")
        time.sleep(0.1)


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def main():
    port = free_port()
    erp = Server(("127.0.0.1", 0), Erp)
    threading.Thread(target=erp.serve_forever, daemon=True).start()
    folder = tempfile.mkdtemp(prefix="tongguan-upgrade-")
    config, log = os.path.join(folder, "tongguan.toml"), os.path.join(folder, "log")
    with open(config, "w") as file:
        file.write(
            f'listen = "127.0.0.1:{port}"\ndata_dir = "{folder}/data"\nsweep_every = "1s"\n\n'
            f'[[connections]]\nid = "xhq-sh"\npartner = "xhq"\nkeys = ["{KEY}"]\n\n'
            f'[[endpoints]]\nid = "erp"\nurl = "http://127.0.0.1:{erp.server_port}/events"\n'
            f'secrets = ["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]\nallow_private = true\n'
            'connections = ["*"]\ntypes = ["*"]\nretry = ["1s", "1s", "2s", "5s", "5s"]\n'
        )

    def ledger():
        told = subprocess.run([AFTER, "--config", config, "ledger"], capture_output=True, text=True)
        return told.returncode, [json.loads(line) for line in told.stdout.splitlines()]

    def ended(code):
        with open(log) as file:
            sys.stderr.write("".join(file.readlines()[-40:]))
        sys.exit(code)

    for number in range(PUSHERS):
        Partner(number, port).start()
    ends = []
    for program, end in TURNS:
        name = "before" if program == BEFORE else "this"
        with open(log, "a") as file:
            hub = subprocess.Popen([program, "serve", "--config", config], stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        wait_until(f"version {name} listens", lambda: listens(port) or hub.poll() is not None, 60)
        if hub.poll() is not None:
            print(f"version {name} did not start", file=sys.stderr)
            ended(1)
        taken = len(Partner.acknowledged)
        time.sleep(TURN)
        print(f"version {name} took {len(Partner.acknowledged) - taken} pushes", flush=True)
        if end is None:
            break
        began = time.monotonic()
        hub.send_signal(end)
        code = hub.wait(60)
        ends.append((began, time.monotonic()))
        if end == signal.SIGTERM and code != 0:
            print(f"version {name} ended with {code} by SIGTERM", file=sys.stderr)
            ended(1)

    Partner.stop = True
    acknowledged = list(Partner.acknowledged)
    wait_until("all is delivered", lambda: all(line["pending"] == 0 for line in ledger()[1]), 180)
    hub.send_signal(signal.SIGTERM)
    hub.wait(60)

    faults = []
    with Erp.lock:
        lost = [order for order in acknowledged if not Erp.orders[order]]
        split = [order for order, events in Erp.orders.items() if len(events) > 1]
        twice = {event: times for event, times in Erp.deliveries.items() if len(times) > 1}
    around = lambda first: any(began - AROUND <= first <= over + 1 for began, over in ends)
    unexplained = [event for event, times in twice.items() if not all(around(one) for one in times[:-1])]
    code, lines = ledger()
    balanced = code == 0 and all(line["balanced"] for line in lines)
    accepted = sum(line["accepted"] for line in lines)
    delivered = sum(line["delivered"] for line in lines)
    print(
        f"{len(acknowledged)} pushes acknowledged, {Partner.repeated} repetitions ({Partner.refused} of them after a negative answer), "
        f"{accepted} events accepted, {delivered} delivered, {len(twice)} of them more than once; {len(ends)} hubs ended"
    )
    if not acknowledged or min(len(acknowledged), accepted) < 100:
        faults.append("too few pushes were taken to tell anything")
    if lost:
        faults.append(f"{len(lost)} acknowledged pushes never came to the ERP: {lost[:5]}")
    if split:
        faults.append(f"{len(split)} orders became more than one event: {split[:5]}")
    if unexplained:
        faults.append(f"{len(unexplained)} events came twice without an end of a hub: {unexplained[:5]}")
    if not balanced or accepted != delivered:
        faults.append(f"the ledger does not balance: {lines}")
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        ended(1)
    shutil.rmtree(folder)
    print("nothing was lost, and nothing came twice but around the end of a hub")


main()
