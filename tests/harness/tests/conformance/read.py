"""Reads a repository with python-tuf, from any static web server.

read.py PUBLIC STATE TARGET...: serves the folder PUBLIC on loopback, trusts its first root,
refreshes, and prints the newest root's version and the sha256 of each target.
"""

import functools
import hashlib
import http.server
import pathlib
import sys
import threading

from tuf.ngclient import Updater

public, state, targets = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


handler = functools.partial(Quiet, directory=public)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/"
for folder in ["metadata", "targets"]:
    (state / folder).mkdir(parents=True, exist_ok=True)
updater = Updater(
    metadata_dir=str(state / "metadata"),
    metadata_base_url=address,
    target_dir=str(state / "targets"),
    target_base_url=address,
    bootstrap=(public / "1.root.json").read_bytes(),
)
updater.refresh()
print("root", updater._trusted_set.root.version)
for path in targets:
    found = updater.get_targetinfo(path)
    if found is None:
        print(path, "none")
        continue
    downloaded = pathlib.Path(updater.download_target(found)).read_bytes()
    print(path, hashlib.sha256(downloaded).hexdigest())
