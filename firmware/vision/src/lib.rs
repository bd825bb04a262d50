//! skueye-vision
