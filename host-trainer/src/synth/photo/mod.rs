//! Photographs and films of items.

pub(crate) mod backdrop;
pub(crate) mod effects;
pub(crate) mod materials;
pub(crate) mod plane;
pub(crate) mod replay;
pub(crate) mod scene;
pub(crate) mod visits;
