//! skueye-trainer
