//! Bodies, light and a camera in three dimensions.

pub(crate) mod camera;
pub(crate) mod hand;
pub(crate) mod light;
pub(crate) mod mesh;
pub(crate) mod raster;
pub(crate) mod shapes;
pub(crate) mod vector;
