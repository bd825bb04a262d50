//! The shipped model: made by one command from a recipe, and measured where nobody tuned (`skueye-train zoo`).
//!
//! | module | subject |
//! |---|---|
//! | [`recipe`] | what a model is made of: data, teachers, student; a TOML file |
//! | `train` | the recipe carried out (feature `torch`) |
//! | [`figures`] | what a model is worth, measured, kept and measured again |

pub mod figures;
pub mod recipe;
#[cfg(feature = "torch")]
mod train;

#[cfg(test)]
mod tests;

pub use figures::{Difference, Figures, MeasureOptions};
pub use recipe::Recipe;
#[cfg(feature = "torch")]
pub use train::{Made, ZooRequest, train};
