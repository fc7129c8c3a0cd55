"""Writes a repository with python-tuf: write.py FOLDER.

Three keys of which two sign the root, which changes once; a delegation to `vendor-acme`; the
documents that every device needs.
"""

import datetime
import hashlib
import pathlib
import sys

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole, Delegations, Metadata, MetaFile, Root, Snapshot, TargetFile, Targets,
    Timestamp,
)

folder = pathlib.Path(sys.argv[1])
expires = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
expires += datetime.timedelta(days=3)


def put(name, content):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def target(path, content):
    digest = hashlib.sha256(content).hexdigest()
    parent, name = path.rsplit("/", 1)
    put(f"{parent}/{digest}.{name}", content)
    return TargetFile(len(content), {"sha256": digest}, path)


def signed(content, signers):
    metadata = Metadata(content)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def pinned(content, data):
    digest = hashlib.sha256(data).hexdigest()
    return MetaFile(content.version, len(data), {"sha256": digest})


holders = [CryptoSigner.generate_ed25519() for _ in range(3)]
keys = {role: CryptoSigner.generate_ed25519() for role in ["targets", "snapshot", "timestamp"]}
policies, acme = CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519()

root = Root(expires=expires, consistent_snapshot=True)
for holder in holders:
    root.add_key(holder.public_key, "root")
root.roles["root"].threshold = 2
for role, key in keys.items():
    root.add_key(key.public_key, role)
put("1.root.json", signed(root, holders[:2]))
newcomer = CryptoSigner.generate_ed25519()
root.revoke_key(holders[0].public_key.keyid, "root")
root.add_key(newcomer.public_key, "root")
root.version = 2
put("2.root.json", signed(root, [*holders, newcomer]))

delegations = Delegations({}, {})
for name, signer, paths in [("policies", policies, "policies/*"), ("vendor-acme", acme, "vendor/acme/*/*")]:
    role = DelegatedRole(name, [], 1, terminating=True, paths=[paths])
    delegations.roles[name] = role
    delegations.keys[signer.public_key.keyid] = signer.public_key
    role.keyids.append(signer.public_key.keyid)
documents = {
    "policies/assignment.toml": b"format = 1\nserial = 1\n",
    "policies/revoked.toml": b"format = 1\n",
}
components = {"vendor/acme/inventory/0.1.0.wasm": b"component"}
roles = {
    "targets": (Targets(expires=expires, delegations=delegations), keys["targets"]),
    "policies": (Targets(expires=expires, targets={p: target(p, c) for p, c in documents.items()}), policies),
    "vendor-acme": (Targets(expires=expires, targets={p: target(p, c) for p, c in components.items()}), acme),
}
snapshot = Snapshot(expires=expires)
for name, (content, signer) in roles.items():
    data = signed(content, [signer])
    put(f"1.{name}.json", data)
    snapshot.meta[f"{name}.json"] = pinned(content, data)
data = signed(snapshot, [keys["snapshot"]])
put("1.snapshot.json", data)
timestamp = Timestamp(expires=expires, snapshot_meta=pinned(snapshot, data))
put("timestamp.json", signed(timestamp, [keys["timestamp"]]))
