//! What is printed on packages.

pub(crate) mod art;
pub(crate) mod barcode;
pub(crate) mod canvas;
pub(crate) mod colour;
pub(crate) mod design;
pub(crate) mod fonts;
pub(crate) mod ground;
pub(crate) mod label;
pub(crate) mod motifs;
pub(crate) mod package;
pub(crate) mod paths;
pub(crate) mod plants;
pub(crate) mod texture;
pub(crate) mod things;
