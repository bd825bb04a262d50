//! From picture files to network inputs, with or without augmentation.

mod augment;
mod loader;

pub use augment::{Augmentation, augment};
pub use loader::{Job, Loader};
