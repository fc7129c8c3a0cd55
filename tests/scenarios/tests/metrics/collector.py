"""An OpenTelemetry collector as far as metrics go, made of OpenTelemetry's own classes: takes
OTLP over HTTPS, and prints each export as one line of JSON. The first is put off."""

import http.server
import json
import ssl
import sys

from google.protobuf.json_format import MessageToDict
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as service

PROTOBUF = "application/x-protobuf"


def unknown(message):
    """How many fields of it and of what is in it the schema does not have."""
    found = len(UnknownFieldSet(message))
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        values = [value] if hasattr(value, "ListFields") else value
        found += sum(unknown(part) for part in values)
    return found


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    exports = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        export = service.ExportMetricsServiceRequest.FromString(body)
        Collector.exports += 1
        put_off = Collector.exports == 1
        line = {
            "path": self.path,
            "type": self.headers["content-type"],
            "unknown": unknown(export),
            "put-off": put_off,
            "export": MessageToDict(export),
        }
        print(json.dumps(line), flush=True)
        if put_off:
            # A google.rpc.Status: its field 2 is the message.
            message = b"come back later"
            answer = bytes([0x12, len(message)]) + message
            self.send_response(503)
            self.send_header("retry-after", "2")
        else:
            answer = service.ExportMetricsServiceResponse().SerializeToString()
            self.send_response(200)
        self.send_header("content-type", PROTOBUF)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


tls = sys.argv[1]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{tls}/server.pem", f"{tls}/server-key.pem")
server = http.server.HTTPServer(("127.0.0.1", 0), Collector)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
