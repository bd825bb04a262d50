//! One Parquet table, uncompressed: columns gtin, title and category (texts) and embedding (a list of floats).

use std::io::Write;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, FloatType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use skueye_gallery::{GalleryView, RowRef};
use skueye_models::Product;

use super::export::{Rows, shown};

const SCHEMA: &str = "message row {
    required binary gtin (STRING);
    required binary title (STRING);
    required binary category (STRING);
    required group embedding (LIST) { repeated group list { required float element; } }
}";
/// Rows that are written together, and held in memory.
const GROUP: usize = 4096;

/// Writes the table.
pub fn write(rows: &Rows<'_>, out: impl Write + Send) -> Result<(), ParquetError> {
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(out, schema, properties)?;
    let mut group = Vec::with_capacity(GROUP);
    let mut left = rows.iter().peekable();
    while left.peek().is_some() {
        group.clear();
        group.extend(left.by_ref().take(GROUP));
        write_group(&group, rows.dim(), writer.next_row_group()?)?;
    }
    writer.close().map(drop)
}

fn write_group<W: Write + Send>(
    rows: &[(&GalleryView<'_>, RowRef<'_>)],
    dim: usize,
    mut group: SerializedRowGroupWriter<'_, W>,
) -> Result<(), ParquetError> {
    let products: Result<Vec<Product>, _> = rows
        .iter()
        .map(|(view, row)| shown(view, *row).map(|product| product.to_product()))
        .collect();
    let products = products.map_err(|error| ParquetError::External(error.into()))?;
    let texts: [fn(&Product) -> String; 3] = [
        |product| product.gtin.to_string(),
        |product| product.title.clone(),
        |product| product.category.clone(),
    ];
    for text in texts {
        let texts: Vec<ByteArray> = products.iter().map(|p| text(p).as_str().into()).collect();
        let Some(mut column) = group.next_column()? else {
            break;
        };
        column
            .typed::<ByteArrayType>()
            .write_batch(&texts, None, None)?;
        column.close()?;
    }
    if let Some(mut column) = group.next_column()? {
        let values: Vec<f32> = rows.iter().flat_map(|(_, row)| row.values()).collect();
        // A value is the first of its row's list (0) or a further one (1); none is missing.
        let repeated: Vec<i16> = (0..values.len()).map(|n| i16::from(n % dim != 0)).collect();
        let defined = vec![1; values.len()];
        let column_writer = column.typed::<FloatType>();
        column_writer.write_batch(&values, Some(&defined), Some(&repeated))?;
        column.close()?;
    }
    group.close().map(drop)
}
