//! The repository's public files, as any static web server would serve them.

use std::{io, path::Path, sync::Arc};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use cap_std::{ambient_authority, fs::Dir};

use super::{Shared, file_body::FileBody, ingest, nothing_here};

/// `GET /updates/{path}`. The path is taken as it came: what would need decoding, and
/// every `..`, is no path of a repository.
pub(super) async fn file(State(shared): State<Shared>, uri: Uri) -> Response {
    let path = uri.path().strip_prefix("/updates/").unwrap_or_default();
    if uri.query().is_some() || !bailiwick_transport::is_path(path) {
        return nothing_here();
    }
    let (public, name) = (Arc::clone(&shared.context.public), path.to_owned());
    let opened = tokio::task::spawn_blocking(move || open(&public, &name)).await;
    match opened {
        Ok(Ok(Some((file, length)))) => found(path, file, length),
        Ok(Ok(None)) => nothing_here(),
        Ok(Err(error)) => {
            eprintln!("bailiwick-console: {path} can't be read: {error}");
            ingest::answer(
                StatusCode::INTERNAL_SERVER_ERROR,
                "later",
                "the file can't be read",
            )
        }
        Err(_) => ingest::answer(
            StatusCode::SERVICE_UNAVAILABLE,
            "later",
            "the console is shutting down",
        ),
    }
}

/// Opens a regular file beneath `public`; no symbolic link leads out of it.
fn open(public: &Path, path: &str) -> io::Result<Option<(std::fs::File, u64)>> {
    let folder = Dir::open_ambient_dir(public, ambient_authority())?;
    let file = match folder.open(path) {
        Ok(file) => file.into_std(),
        Err(error) => return absent(&folder, path, error),
    };
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then_some((file, metadata.len())))
}

/// A link out of the folder is answered as if nothing were there.
fn absent<T>(folder: &Dir, path: &str, error: io::Error) -> io::Result<Option<T>> {
    let missing = matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    );
    let link = folder
        .symlink_metadata(path)
        .is_ok_and(|metadata| metadata.is_symlink());
    if missing || link {
        return Ok(None);
    }
    // A folder on the way can be the link: then the target can't even be looked at.
    match folder.symlink_metadata(path) {
        Err(_) => Ok(None),
        Ok(_) => Err(error),
    }
}

fn found(path: &str, file: std::fs::File, length: u64) -> Response {
    let mut response = Response::new(Body::new(FileBody::new(file, length)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type(path));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CACHE_CONTROL, caching(path));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

fn content_type(path: &str) -> HeaderValue {
    HeaderValue::from_static(match path.rsplit('.').next() {
        Some("json") => "application/json",
        Some("wasm") => "application/wasm",
        Some("toml") => "application/toml",
        _ => "application/octet-stream",
    })
}

/// With consistent snapshots every name but `timestamp.json` is bound to one content: its
/// last segment begins with a version or a digest.
fn caching(path: &str) -> HeaderValue {
    let name = path.rsplit('/').next().unwrap_or_default();
    let bound = name
        .split_once('.')
        .is_some_and(|(prefix, _)| is_version(prefix) || is_digest(prefix));
    HeaderValue::from_static(if bound {
        "public, max-age=31536000, immutable"
    } else {
        "no-store"
    })
}

fn is_version(prefix: &str) -> bool {
    !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_digit())
}

fn is_digest(prefix: &str) -> bool {
    prefix.len() == 64 && prefix.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_bound_to_one_content_are_cached() {
        let digest = "a".repeat(64);
        for (path, cached) in [
            ("timestamp.json", false),
            ("root.json", false),
            ("1.root.json", true),
            ("12.vendor-acme.json", true),
            (&*format!("vendor/acme/inventory/{digest}.0.1.0.wasm"), true),
            ("vendor/acme/inventory/index", false),
        ] {
            assert_eq!(caching(path) != "no-store", cached, "{path}");
        }
    }
}
