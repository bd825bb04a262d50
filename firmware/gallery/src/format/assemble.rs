//! From sections to the bytes of a file.

use std::io::{self, Write};

use super::*;

/// Writes a whole file: the header, the `sections` (kind and content) in their order, the trailer.
///
/// # Panics
/// On more sections than the format has room for, which no caller makes.
pub(crate) fn assemble(
    header: &Header,
    sections: &[(u32, &[u8])],
    out: &mut impl Write,
) -> io::Result<()> {
    assert!(sections.len() <= MAX_SECTIONS as usize);
    let head = head(header, sections);
    let checksum = crc32fast::hash(&head);
    out.write_all(&head)?;
    out.write_all(&checksum.to_le_bytes())?;
    for (_, content) in sections {
        out.write_all(content)?;
        let padding = content.len().next_multiple_of(ALIGN) - content.len();
        out.write_all(&[0; ALIGN][..padding])?;
    }
    out.write_all(&trailer(file_len(sections), checksum))
}

/// The last 64 bytes of a file of `length` bytes whose header has the checksum `header_crc`.
pub(super) fn trailer(length: u64, header_crc: u32) -> [u8; TRAILER] {
    let mut trailer = [0; TRAILER];
    trailer[..8].copy_from_slice(&length.to_le_bytes());
    trailer[8..12].copy_from_slice(&header_crc.to_le_bytes());
    trailer[TRAILER - 8..].copy_from_slice(&END_MAGIC);
    trailer
}

/// The length of the whole file.
fn file_len(sections: &[(u32, &[u8])]) -> u64 {
    let content = sections
        .iter()
        .map(|(_, content)| content.len().next_multiple_of(ALIGN));
    (header_len(sections.len()) + content.sum::<usize>() + TRAILER) as u64
}

/// The header without its checksum.
fn head(header: &Header, sections: &[(u32, &[u8])]) -> Vec<u8> {
    let length = header_len(sections.len());
    let mut head = Vec::with_capacity(length);
    head.extend(MAGIC);
    head.extend(VERSION.to_le_bytes());
    head.extend((length as u32).to_le_bytes());
    head.extend(header.embedding_id.0);
    head.extend(header.dim.to_le_bytes());
    head.extend((sections.len() as u32).to_le_bytes());
    head.extend(u64::from(header.rows).to_le_bytes());
    head.extend(u64::from(header.products).to_le_bytes());
    head.extend(file_len(sections).to_le_bytes());
    let mut offset = length;
    for (kind, content) in sections {
        head.extend(kind.to_le_bytes());
        head.extend(crc32fast::hash(content).to_le_bytes());
        head.extend((offset as u64).to_le_bytes());
        head.extend((content.len() as u64).to_le_bytes());
        head.extend([0; 8]);
        offset += content.len().next_multiple_of(ALIGN);
    }
    head.resize(length - CHECKSUM, 0);
    head
}
