//! skueye-tests
