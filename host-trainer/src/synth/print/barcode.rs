//! The bars of a GTIN-13 (GS1 General Specifications 5.2, EAN-13 symbol).

use skueye_models::Gtin;

use super::canvas::{Area, Canvas};
use super::colour::{INK, WHITE};
use super::fonts::Font;

/// Bars of set A per digit, seven modules each, most significant bit first; B is C reversed and C is A inverted.
const SET_A: [u8; 10] = [
    0b000_1101, 0b001_1001, 0b001_0011, 0b011_1101, 0b010_0011, 0b011_0001, 0b010_1111, 0b011_1011,
    0b011_0111, 0b000_1011,
];
/// Which of the six left digits use set B, by the first digit.
const PARITY: [u8; 10] = [
    0b00_0000, 0b00_1011, 0b00_1101, 0b00_1110, 0b01_0011, 0b01_1001, 0b01_1100, 0b01_0101,
    0b01_0110, 0b01_1010,
];

/// The 95 modules of `gtin`, true for a bar.
pub(crate) fn modules(gtin: Gtin) -> Vec<bool> {
    let digits: Vec<u8> = format!("{:013}", gtin.value())
        .bytes()
        .map(|b| b - b'0')
        .collect();
    let mut bars = vec![true, false, true];
    for (i, &digit) in digits[1..7].iter().enumerate() {
        let set_b = PARITY[usize::from(digits[0])] >> (5 - i) & 1 == 1;
        let a = SET_A[usize::from(digit)];
        push(
            &mut bars,
            if set_b {
                (!a & 0x7F).reverse_bits() >> 1
            } else {
                a
            },
        );
    }
    bars.extend([false, true, false, true, false]);
    for &digit in &digits[7..] {
        push(&mut bars, !SET_A[usize::from(digit)] & 0x7F);
    }
    bars.extend([true, false, true]);
    bars
}

fn push(bars: &mut Vec<bool>, code: u8) {
    bars.extend((0..7).rev().map(|bit| code >> bit & 1 == 1));
}

/// Draws the symbol on its white field.
pub(crate) fn draw(canvas: &mut Canvas, area: Area, gtin: Gtin) {
    canvas.area(area, WHITE);
    let inner = area.inset(area.width() * 0.08, area.height() * 0.08);
    let module = inner.width() / 95.0;
    let bottom = inner.y1 - 0.2 * inner.height();
    for (i, _) in modules(gtin).iter().enumerate().filter(|(_, bar)| **bar) {
        let x = inner.x0 + i as f32 * module;
        canvas.area(Area::new(x, inner.y0, x + module, bottom), INK);
    }
    let text = Area::new(inner.x0, bottom + 0.03 * inner.height(), inner.x1, inner.y1);
    canvas.text(text, &gtin.to_string(), Font::ArchivoNarrow, INK);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_of_a_known_number() {
        let bars: String = modules("4006381333931".parse().unwrap())
            .iter()
            .map(|&bar| if bar { '1' } else { '0' })
            .collect();
        let expected = concat!(
            "101", "0001101", "0100111", "0101111", "0111101", "0001001", "0110011", "01010",
            "1000010", "1000010", "1000010", "1110100", "1000010", "1100110", "101"
        );
        assert_eq!(bars, expected);
    }
}
