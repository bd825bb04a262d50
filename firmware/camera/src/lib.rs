//! skueye-camera
