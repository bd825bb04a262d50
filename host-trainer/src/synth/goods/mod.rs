//! What is sold: brands, lines, products, and how sellers write of them.

pub(crate) mod catalogue;
pub(crate) mod flavours;
pub(crate) mod names;
pub(crate) mod plan;
pub(crate) mod product;
pub(crate) mod titles;
