//! From picture files to network inputs, with or without augmentation.
//!
//! | module | subject |
//! |---|---|
//! | [`settings`] | how pictures are varied, as a settings file states it |
//! | `augment` | one varied view |
//! | `geometry`, `tone`, `trivial`, `erase` | where pixels go, what colours become, TrivialAugmentWide, erasing |
//! | `camera`, `blur` | what a cheap camera does to a picture |
//! | [`corrupt`] | pictures made worse in one way, to measure with |
//! | [`loader`] | a picture's pixels |
//! | [`stream`] | batches made ahead of their use |
//! | [`unreadable`] | pictures that cannot be read |
//! | [`sheet`] | many pictures in one |

pub mod corrupt;
pub mod loader;
pub mod settings;
pub mod sheet;
pub mod stream;
pub mod unreadable;

mod augment;
mod blur;
mod camera;
mod erase;
mod geometry;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tone;
mod trivial;

pub use augment::augment;
pub use loader::{Job, Loader, PictureFiles};
pub use settings::Augmentation;
pub use stream::{Batch, Stream, WaitShare};
pub use unreadable::Unreadable;
