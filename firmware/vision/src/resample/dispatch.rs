//! The same loops, compiled for the vector instructions that the processor has.

use super::frame::{Colour, Layout};
use super::kernel::{self, Lanes, Rows, Samples};

macro_rules! on_best_instructions {
    ($(#[$about:meta] $name:ident($($argument:ident: $type:ty),*))*) => {$(
        #[$about]
        pub(super) fn $name($($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn with_avx2($($argument: $type),*) {
                    kernel::$name($($argument),*);
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the function is safe code compiled for AVX2, and the line above has asked the
                    // processor for AVX2.
                    return unsafe { with_avx2($($argument),*) };
                }
            }
            kernel::$name($($argument),*);
        }
    )*};
}

on_best_instructions! {
    /// Combines rows: for each byte of a row, all output rows.
    combine_rows(rows: &Rows<'_>, out: &mut [Lanes])
    /// Combines columns of one channel.
    combine_columns(samples: &Samples<'_>, out: &mut [Lanes])
    /// Converts to R G B in place.
    to_rgb(layout: Layout, colour: Colour, channels: [&mut [Lanes]; 3])
}
