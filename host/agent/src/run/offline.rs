//! The endpoint of an agent that reaches nobody: whatever is not on disk is not there.

use bailiwick_core::{
    bytes::ByteCount,
    ports::{BoxFuture, Fetch, FetchError},
};

/// Fetches nothing.
pub(crate) struct Offline;

impl Fetch for Offline {
    fn fetch<'a>(
        &'a self,
        path: &'a str,
        _at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, FetchError>> {
        Box::pin(async move {
            Err(FetchError::Unreachable {
                url: path.to_owned(),
                reason: "the agent starts from what is on disk".to_owned(),
            })
        })
    }
}
