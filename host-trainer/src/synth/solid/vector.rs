//! Three-vectors, as plain arrays.

pub(crate) type Vec3 = [f32; 3];

pub(crate) fn add(a: Vec3, b: Vec3) -> Vec3 {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub(crate) fn sub(a: Vec3, b: Vec3) -> Vec3 {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub(crate) fn scale(a: Vec3, s: f32) -> Vec3 {
    [a[0] * s, a[1] * s, a[2] * s]
}

pub(crate) fn mul(a: Vec3, b: Vec3) -> Vec3 {
    [a[0] * b[0], a[1] * b[1], a[2] * b[2]]
}

pub(crate) fn dot(a: Vec3, b: Vec3) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(crate) fn cross(a: Vec3, b: Vec3) -> Vec3 {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

pub(crate) fn normalize(a: Vec3) -> Vec3 {
    scale(a, 1.0 / dot(a, a).sqrt().max(1e-12))
}

pub(crate) fn lerp(a: Vec3, b: Vec3, t: f32) -> Vec3 {
    add(scale(a, 1.0 - t), scale(b, t))
}

/// `a` turned by `angle` radians about the vertical axis: positive turns +z towards +x.
pub(crate) fn turn_y(a: Vec3, angle: f32) -> Vec3 {
    let (sin, cos) = angle.sin_cos();
    [a[0] * cos + a[2] * sin, a[1], a[2] * cos - a[0] * sin]
}

/// `a` turned by `angle` radians about the x axis: positive tips +y towards +z.
pub(crate) fn turn_x(a: Vec3, angle: f32) -> Vec3 {
    let (sin, cos) = angle.sin_cos();
    [a[0], a[1] * cos - a[2] * sin, a[1] * sin + a[2] * cos]
}

/// `a` turned by `angle` radians about the z axis: positive turns +x towards +y.
pub(crate) fn turn_z(a: Vec3, angle: f32) -> Vec3 {
    let (sin, cos) = angle.sin_cos();
    [a[0] * cos - a[1] * sin, a[0] * sin + a[1] * cos, a[2]]
}
