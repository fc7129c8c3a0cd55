//! Where nothing is confined, nobody is needed who is not.

use std::{convert::Infallible, ffi::OsStr, io, path::Path, sync::Arc};

use bailiwick_core::{action::Envelope, ids::DeviceId};

/// Nobody: it can't be started here.
#[derive(Debug)]
pub struct Privileged(Infallible);

/// What nobody has begun.
#[derive(Debug)]
pub enum AtWork {}

impl Privileged {
    /// Starts nothing.
    ///
    /// # Errors
    /// Always.
    pub fn start(_program: &Path, _compiler: &Path, _trust: &[&OsStr]) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// There is nobody who would hear it.
    pub fn is_on(&self, _device: &DeviceId) {
        match self.0 {}
    }

    /// There is nobody with whom it could.
    ///
    /// # Errors
    /// None: nobody can ask.
    pub async fn begin(self: Arc<Self>, _envelope: Envelope) -> Result<AtWork, String> {
        match self.0 {}
    }

    /// There is nobody who would.
    pub fn look_again(&self) {
        match self.0 {}
    }

    /// There is none.
    pub fn runs(&self) -> bool {
        match self.0 {}
    }
}
