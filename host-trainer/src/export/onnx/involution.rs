//! Involution as nodes: the columns of all windows are gathered at once, the rows are taken one after another.
//!
//! Between one slice for each place of the kernel (in RedNet-50 TensorRT makes 42,397 layers of it and takes half a
//! minute, tract 20 s to load it) and gathering whole windows (375 layers, but twice to three times the time in ONNX
//! Runtime and tract, since it writes the input out 49 times), this keeps the speed of the first to a few layers a row.

use skueye_models::network::Shape;

use super::graph::Graph;
use super::proto::int;

/// Appends the involution of `input`, of the shape `shape`, by `kernels`; `dims` are kernel, stride and groups.
pub(super) fn write(
    graph: &mut Graph,
    input: &str,
    kernels: &str,
    output: &str,
    dims: [usize; 3],
    shape: Shape,
) -> String {
    let part = |suffix: &str| format!("{output}_{suffix}");
    let [kernel, stride, groups] = dims.map(|n| n as i64);
    let (channels, size) = (shape.channels as i64, shape.size as i64);
    let (pad, made) = (kernel / 2, (size + stride - 1) / stride);
    let padded = graph.pad(input, &part("padded"), &[0, 0, pad, pad, 0, 0, pad, pad]);
    let columns = (0..kernel).flat_map(|offset| (0..made).map(move |i| i * stride + offset));
    let columns = graph.integers(&columns.collect::<Vec<_>>());
    let axis = vec![int("axis", 3)];
    let gathered = graph.node("Gather", &[&padded, &columns], &part("gathered"), axis);
    let by_row = [-1, groups, channels / groups, size + 2 * pad, kernel, made];
    let gathered = graph.reshape(&gathered, &part("columns"), &by_row);
    let by_place = [-1, groups, kernel, kernel, made, made];
    let kernels = graph.reshape(kernels, &part("places"), &by_place);
    // [n, groups, row of the kernel, output row, column of the kernel, output column]
    let kernels = graph.transpose(&kernels, &part("kernels"), &[0, 1, 2, 4, 3, 5]);
    let mut sum: Option<String> = None;
    for row in 0..kernel {
        let name = |suffix: &str| part(&format!("{suffix}{row}"));
        let end = row + (made - 1) * stride + 1;
        let seen = graph.slice(&gathered, &name("seen"), &[3], [&[row], &[end], &[stride]]);
        let factor = graph.slice(&kernels, &name("factor"), &[2], [&[row], &[row + 1], &[1]]);
        let product = graph.node("Mul", &[&seen, &factor], &name("product"), vec![]);
        sum = Some(match sum {
            Some(sum) => graph.node("Add", &[&sum, &product], &name("sum"), vec![]),
            None => product,
        });
    }
    let sum = sum.expect("a kernel of at least one row");
    let column = graph.integers(&[4]);
    let attributes = vec![int("keepdims", 0)];
    let sum = graph.node("ReduceSum", &[&sum, &column], &part("reduced"), attributes);
    graph.reshape(&sum, output, &[-1, channels, made, made])
}
