//! skueye-link
