//! The only user of the network: TLS, HTTPS fetch and report upload.
