//! How this device became one of a console's, and stays so.
//!
//! All of it is in one file of the data folder, [`record`]: what the device trusts, its
//! certificate and its key. So a change of it is one rename, and no end of the program leaves
//! half of one. What is under way has files of its own beside it, and is taken up again.

mod enrol;
mod identity;
mod private;
mod record;
mod renew;

pub(crate) use enrol::enrol;
pub(crate) use identity::Identity;
pub(crate) use record::Record;
pub(crate) use renew::keep;
