//! Why a connection failed, in words that say what to do.

use std::{error::Error, io};

use rustls::{AlertDescription, CertificateError, Error as TlsError};

use crate::{enrol::NotPresented, verifier::Stranger};

/// The innermost cause of `error` as a phrase without capital and full stop.
pub(crate) fn words(error: &reqwest::Error) -> String {
    let chain = Chain::of(error);
    match chain.words() {
        Some(words) => words,
        None if error.is_timeout() => "it did not answer in time".to_owned(),
        None => chain.last,
    }
}

/// The same of any other error.
pub(crate) fn of(error: &(dyn Error + 'static)) -> String {
    let chain = Chain::of(error);
    chain.words().unwrap_or(chain.last)
}

/// What the nested sources of an error say.
struct Chain<'a> {
    tls: Option<&'a TlsError>,
    io: Option<&'a io::Error>,
    names: bool,
    last: String,
}

impl<'a> Chain<'a> {
    fn words(&self) -> Option<String> {
        if let Some(tls) = self.tls {
            return Some(tls_words(tls));
        }
        if self.names {
            return Some(
                "its name is not known: check the address and the device's DNS".to_owned(),
            );
        }
        self.io.map(io_words)
    }

    fn of(error: &'a (dyn Error + 'static)) -> Self {
        let mut chain = Self {
            tls: None,
            io: None,
            names: false,
            last: String::new(),
        };
        let mut next = Some(error);
        while let Some(error) = next {
            chain.last = error.to_string();
            chain.names |= chain.last == "dns error";
            next = error.source();
            if let Some(tls) = error.downcast_ref() {
                chain.tls = Some(tls);
            } else if let Some(io) = error.downcast_ref::<io::Error>() {
                chain.io = Some(io);
                // `source` of an I/O error skips the error that it wraps.
                if let Some(inner) = io.get_ref() {
                    next = Some(inner);
                }
            }
        }
        chain
    }
}

fn tls_words(error: &TlsError) -> String {
    let text = match error {
        TlsError::InvalidCertificate(CertificateError::Other(reason))
            if let Some(stranger) = reason.0.downcast_ref::<Stranger>() =>
        {
            return stranger.to_string();
        }
        TlsError::InvalidCertificate(CertificateError::Other(reason))
            if let Some(stranger) = reason.0.downcast_ref::<NotPresented>() =>
        {
            return stranger.to_string();
        }
        TlsError::AlertReceived(AlertDescription::CertificateExpired) => {
            "it says that this device's certificate has expired: enrol the device anew with a \
             token of the console's (`bailiwick enrol`), or correct the clocks"
        }
        TlsError::AlertReceived(AlertDescription::CertificateRequired) => {
            "it asks for a certificate, which this device has not: enrol the device \
             (`bailiwick enrol`)"
        }
        TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => {
            "its certificate is for another name: check the address; if it is right, another \
             server answers in its place"
        }
        TlsError::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "its certificate has expired: renew it on the server, or correct the device's clock",
        TlsError::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => "its certificate is not valid yet: correct the device's clock, or the server's",
        TlsError::InvalidMessage(_) => {
            "it does not speak TLS there: check the port; a proxy may answer in its place"
        }
        other => return format!("TLS failed: {other}"),
    };
    text.to_owned()
}

fn io_words(error: &io::Error) -> String {
    let text = match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there: check address and port",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "the connection was cut by the server or by something in between"
        }
        io::ErrorKind::UnexpectedEof => "the connection ended in the middle",
        io::ErrorKind::TimedOut => "it did not answer in time",
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            "the device has no route to it: check the network"
        }
        _ => return error.to_string(),
    };
    text.to_owned()
}
