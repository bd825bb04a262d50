//! skueye-update
