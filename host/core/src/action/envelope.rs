//! A signed document on its way: the signature, a line break, and the document.
//!
//! The signature is 128 hexadecimal digits in lower case, of Ed25519 (RFC 8032) over
//! [`DOMAIN`] and the document's bytes. Whoever carries an envelope can read it and change
//! nothing in it.

use super::{
    ActionId, LONGEST_VALUE, OperatorKey, Signature,
    document::{Document, DocumentFault},
};
use crate::bytes::ByteCount;

/// What is signed before the document, so that a signature means an action and nothing else.
pub const DOMAIN: &[u8] = b"bailiwick action 1\n";

/// Longest envelope that is looked at: [`LONGEST_VALUE`] with every quotation mark escaped,
/// and 16 KiB of everything else.
pub const LONGEST_ENVELOPE: ByteCount = ByteCount::new(2 * LONGEST_VALUE.get() + 16 * 1024);

/// An envelope that is well formed. That its signature holds is [`super::judge`]'s to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    document: Document,
    text: String,
    signature: Signature,
}

/// Bytes that are no envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// More than [`LONGEST_ENVELOPE`].
    #[error("it has {0}, and an envelope at most {LONGEST_ENVELOPE}")]
    TooLong(ByteCount),
    /// Not the signature, a line break, and text.
    #[error(
        "it is no envelope: that is a signature of 128 hexadecimal digits, a line break, and \
         the document, as `bailiwick-console action sign` writes it"
    )]
    Form,
    /// The document is not one.
    #[error("its document is refused: {0}")]
    Document(#[from] DocumentFault),
}

impl Envelope {
    /// Signs a document.
    ///
    /// # Errors
    /// `sign` can't, or the document has no JSON form.
    pub fn seal(
        document: Document,
        sign: impl FnOnce(&[u8]) -> Option<[u8; 64]>,
    ) -> Result<Self, DocumentFault> {
        let text = document.text()?;
        let signature = sign(&signed_bytes(&text))
            .ok_or_else(|| DocumentFault("the key could not sign it".to_owned()))?;
        Ok(Self {
            document,
            text,
            signature: Signature::from_bytes(signature),
        })
    }

    /// Reads an envelope.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let length = ByteCount::new(bytes.len() as u64);
        if length > LONGEST_ENVELOPE {
            return Err(EnvelopeError::TooLong(length));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| EnvelopeError::Form)?;
        let (signature, text) = text.split_once('\n').ok_or(EnvelopeError::Form)?;
        let signature = Signature::parse(signature).ok_or(EnvelopeError::Form)?;
        Ok(Self {
            document: Document::parse(text)?,
            text: text.to_owned(),
            signature,
        })
    }

    /// As it travels.
    pub fn to_bytes(&self) -> Vec<u8> {
        format!("{}\n{}", self.signature, self.text).into_bytes()
    }

    /// Which action.
    pub fn id(&self) -> ActionId {
        self.document.id
    }

    /// What was signed. It proves nothing before [`super::judge`] said so.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Whether the key that the document names signed it.
    pub fn verifies(&self, verify: impl FnOnce(&OperatorKey, &[u8], &Signature) -> bool) -> bool {
        verify(
            &self.document.key,
            &signed_bytes(&self.text),
            &self.signature,
        )
    }
}

fn signed_bytes(text: &str) -> Vec<u8> {
    [DOMAIN, text.as_bytes()].concat()
}
