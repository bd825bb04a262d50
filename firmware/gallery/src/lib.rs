//! skueye-gallery
